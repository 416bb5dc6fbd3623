#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::optional<std::string> text;
  std::string file;
  bool decode = false;
  bool no_bos = false;
  bool no_special = false;  // in the text to encode
  bool special = false;     // in the text decoded
  bool pieces = false;
  bool json = false;
};

std::string read_input(const Options& options) {
  if (options.text) return *options.text;
  return options.file.empty() ? read_stdin() : read_file(options.file);
}

void print(const Options& options, const Tokenizer& tokenizer,
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
    if (stdout_is_terminal()) write_out("\n");
  } else {
    write_out(fmt::format("{}\n", fmt::join(tokens, " ")));
  }
}

void run(const Options& options) {
  const auto tokenizer = Tokenizer::load(options.model);
  const std::string input = read_input(options);
  if (options.decode) {
    const std::vector<Token> tokens =
        parse_tokens(options.file.empty() ? "--decode" : options.file, input);
    print(options, *tokenizer, tokens,
          tokenizer->decode(tokens, !options.special));
  } else {
    print(options, *tokenizer,
          tokenizer->encode(input, {.add_special = !options.no_bos,
                                    .parse_special = !options.no_special}),
          input);
  }
}

}  // namespace

void add_tokenize(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("tokenize", "Text to token ids and back");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("-m,--model", options->model,
                   "Hugging Face folder, tokenizer file or GGUF file")
      ->option_text("MODEL")
      ->required();
  CLI::Option* text =
      command
          ->add_option("text", options->text,
                       "Text, or with --decode ids; else standard input")
          ->option_text(" ");
  command->add_option("--file", options->file, "Read a file")
      ->option_text("FILE")
      ->excludes(text);
  command->add_flag("--decode", options->decode, "From ids to text");
  command->add_flag("--no-bos", options->no_bos,
                    "Do not add what the model puts around a text");
  command->add_flag("--no-special", options->no_special,
                    "Take the text of special tokens as plain text");
  command->add_flag("--special", options->special,
                    "With --decode: print special tokens too");
  command->add_flag("--pieces", options->pieces,
                    "A line for each token: its id and its piece");
  command->add_flag("--json", options->json, "One JSON object");
  command->callback([options] { run(*options); });
}

}  // namespace pilotfish::cli
