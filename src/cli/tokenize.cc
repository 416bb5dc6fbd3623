#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/model_flag.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "cli/text_lines.h"
#include "cli/text_source.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

struct TokenizeFlags {
  std::string model;
  TextSource source;
  bool decode = false;
  bool no_bos = false;
  bool no_special = false;  // in the text to encode
  bool special = false;     // in the text decoded
  bool pieces = false;
  bool lines = false;
  bool json = false;
};

void print(const TokenizeFlags& options, const Tokenizer& tokenizer,
           const std::vector<Token>& tokens, const std::string& text) {
  if (options.json) {
    Json pieces = Json::array();
    for (const Token token : tokens) {
      pieces.push_back(tokenizer.token_text(token));
    }
    write_out(dump(
        {{"tokens", tokens}, {"pieces", std::move(pieces)}, {"text", text}}));
  } else if (options.pieces) {
    for (const Token token : tokens) {
      write_out(fmt::format("{}\t{}\n", token, tokenizer.token_text(token)));
    }
  } else if (options.decode) {
    write_out(text);
    if (options.lines || stdout_is_terminal()) write_out("\n");
  } else {
    write_out(fmt::format("{}\n", fmt::join(tokens, " ")));
  }
}

// One text, or with --decode ids; `where` names them in messages.
void tokenize(const TokenizeFlags& options, const Tokenizer& tokenizer,
              const std::string& where, const std::string& input) {
  if (options.decode) {
    const std::vector<Token> tokens = parse_tokens(where, input);
    print(options, tokenizer, tokens,
          tokenizer.decode(tokens, !options.special));
  } else {
    print(options, tokenizer,
          tokenizer.encode(input, {.add_special = !options.no_bos,
                                   .parse_special = !options.no_special}),
          input);
  }
}

void run_tokenize(const TokenizeFlags& options) {
  const auto tokenizer = Tokenizer::load(target_path(options.model));
  const std::string input = read_text(options.source);
  const std::string where =
      options.source.file.empty() ? "--decode" : options.source.file;
  if (!options.lines) return tokenize(options, *tokenizer, where, input);
  size_t number = 0;
  for (const std::string& line : text_lines(input)) {
    tokenize(options, *tokenizer, fmt::format("{}, line {}", where, ++number),
             line);
  }
}

}  // namespace

void add_tokenize(CommandLine& line) {
  Command command = line.add_command("tokenize", "Text to token ids and back");
  const auto options = std::make_shared<TokenizeFlags>();
  const FlagGroup group = command.group();
  add_model_flag(group, options->model, "-m,--model",
                 "Hugging Face folder, tokenizer file or GGUF file");
  add_text_source(group, options->source,
                  "Text, or with --decode ids; else standard input",
                  "Read a file");
  const Flag decode =
      group.add_switch("--decode", options->decode, "From ids to text");
  group
      .add_switch("--no-bos", options->no_bos,
                  "Do not add what the model puts around a text")
      .excludes(decode);
  group
      .add_switch("--no-special", options->no_special,
                  "Take the text of special tokens as plain text")
      .excludes(decode);
  group
      .add_switch("--special", options->special,
                  "With --decode: print special tokens too")
      .needs({decode});
  const Flag pieces =
      group.add_switch("--pieces", options->pieces,
                       "A line for each token: its id and its piece");
  group
      .add_switch("--lines", options->lines,
                  "Each line is a text, or with --decode ids, of its own")
      .excludes(pieces);
  group
      .add_switch("--json", options->json,
                  "One JSON object; with --lines, one per line")
      .excludes(pieces);
  command.on_run([options] { run_tokenize(*options); });
}

}  // namespace pilotfish::cli
