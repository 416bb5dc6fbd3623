#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/model_flag.h"
#include "cli/npy_writer.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_lines.h"
#include "cli/text_source.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ScoreFlags {
  ComputeOptions compute;
  TextSource source;
  std::optional<std::string> tokens;
  std::string kv_dtype = "f32";
  std::string logits_file;
  std::int64_t top = 0;
  bool lines = false;
  bool json = false;
};

struct Candidate {
  Token token;
  double log_probability;
};

// What a model says about one text.
struct Report {
  std::vector<Token> tokens;
  Score score;
  std::vector<std::vector<Candidate>> best;  // [tokens.size()], or empty
};

std::vector<Candidate> best_tokens(std::span<const float> row,
                                   std::int64_t count) {
  std::vector<float> logits(row.begin(), row.end());
  for (float& logit : logits) {
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();
  }
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept =
      std::min<std::int64_t>(count, static_cast<std::int64_t>(order.size()));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [&](Token a, Token b) {
                      const float x = logits[static_cast<size_t>(a)];
                      const float y = logits[static_cast<size_t>(b)];
                      return x > y || (x == y && a < b);
                    });
  const double largest = logits[static_cast<size_t>(order.front())];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  std::vector<Candidate> best;
  for (std::int64_t i = 0; i < kept; ++i) {
    const Token token = order[static_cast<size_t>(i)];
    best.push_back(
        {token, logits[static_cast<size_t>(token)] - largest - std::log(sum)});
  }
  return best;
}

const Tokenizer& needed(const ScoreFlags& options, const Tokenizer* tokenizer) {
  if (tokenizer != nullptr) return *tokenizer;
  throw UsageError(
      fmt::format("{}: has no tokenizer; give token ids with --tokens",
                  options.compute.model));
}

std::vector<Token> read_tokens(const ScoreFlags& options,
                               const Tokenizer* tokenizer) {
  if (options.tokens) return parse_tokens("--tokens", *options.tokens);
  const Tokenizer& text = needed(options, tokenizer);
  std::vector<Token> tokens = text.encode(read_text(options.source));
  note_doubled_bos(text, tokens);
  return tokens;
}

Report make_report(const ScoreFlags& options, Model& model,
                   std::vector<Token> tokens) {
  Report report{std::move(tokens), {}, {}};
  std::optional<NpyWriter> file;
  if (!options.logits_file.empty()) {
    file.emplace(options.logits_file,
                 static_cast<std::int64_t>(report.tokens.size()),
                 model.config().vocab_size);
  }
  Progress progress("scoring");
  ScoreOptions scoring;
  scoring.n_positions = options.compute.n_positions;
  scoring.kv_dtype = kv_dtype_of(options.kv_dtype);
  scoring.on_row = [&](std::int64_t position, std::span<const float> logits) {
    if (file) file->write_row(logits);
    if (options.top > 0)
      report.best.push_back(best_tokens(logits, options.top));
    progress.update(static_cast<double>(position) /
                    static_cast<double>(report.tokens.size()));
  };
  report.score = score(model, report.tokens, scoring);
  if (file) file->commit();
  return report;
}

// A piece as one short word: line breaks and the like in JSON's spelling.
std::string quoted(const Tokenizer* tokenizer, Token token) {
  if (tokenizer == nullptr || token < 0 ||
      static_cast<size_t>(token) >= tokenizer->vocab_size()) {
    return "";
  }
  return Json(tokenizer->token_text(token))
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print_table(const Report& report, const Tokenizer* tokenizer) {
  write_out(fmt::format("{:>6} {:>8} {:>10}  {}\n", "place", "token", "log p",
                        "piece"));
  for (size_t i = 0; i < report.tokens.size(); ++i) {
    const std::string probability =
        i == 0 ? ""
               : fmt::format("{:.4f}", report.score.log_probabilities[i - 1]);
    write_out(fmt::format("{:>6} {:>8} {:>10}  {}\n", i, report.tokens[i],
                          probability, quoted(tokenizer, report.tokens[i])));
    if (report.best.empty()) continue;
    for (const Candidate& next : report.best[i]) {
      write_out(fmt::format("{:>6} {:>8} {:>10.4f}    next {}\n", "",
                            next.token, next.log_probability,
                            quoted(tokenizer, next.token)));
    }
  }
  const double total =
      std::accumulate(report.score.log_probabilities.begin(),
                      report.score.log_probabilities.end(), 0.0);
  write_out(fmt::format("\ntokens      {}\nlog p       {:.4f}\n",
                        report.tokens.size(), total));
  if (report.tokens.size() > 1) {
    write_out(fmt::format("perplexity  {:.4f}\n", report.score.perplexity));
  }
}

Json report_json(const Report& report, const Model& model) {
  Json json;
  json["model"] = model.path().string();
  json["tokens"] = report.tokens;
  json["log_probabilities"] = report.score.log_probabilities;
  json["perplexity"] = report.score.perplexity;  // null for a single token
  if (!report.best.empty()) {
    Json rows = Json::array();
    for (const auto& best : report.best) {
      Json row = Json::array();
      for (const Candidate& next : best) {
        row.push_back(
            {{"token", next.token}, {"log_probability", next.log_probability}});
      }
      rows.push_back(std::move(row));
    }
    json["top"] = std::move(rows);
  }
  return json;
}

// The scores of many lines, each a text of its own, and what they add up to.
class LineScores {
 public:
  LineScores(const ScoreFlags& options, const Tokenizer& tokenizer,
             Model& model)
      : options_(options), tokenizer_(tokenizer), model_(model) {}

  // Throws Error at the end where lines could not be scored.
  void run(const std::vector<std::string>& lines) {
    if (!options_.json) {
      write_out(fmt::format("{:>6} {:>8} {:>12} {:>12}\n", "line", "tokens",
                            "log p", "perplexity"));
    }
    for (size_t i = 0; i < lines.size(); ++i) score_line(i + 1, lines[i]);
    if (!options_.json) write_row("all", tokens_, total_, places_);
    if (failed_ > 0) {
      throw Error(fmt::format("{} of {} lines could not be scored", failed_,
                              lines.size()));
    }
  }

 private:
  void score_line(size_t number, const std::string& text) {
    Report report;
    try {
      report = make_report(options_, model_, tokenizer_.encode(text));
    } catch (const Error& error) {
      ++failed_;
      if (options_.json) {
        write_out(dump({{"line", number}, {"error", error.what()}}));
      } else {
        print_note(fmt::format("pilotfish: line {}: {}", number, error.what()));
      }
      return;
    }
    const std::vector<double>& scores = report.score.log_probabilities;
    const double total = std::accumulate(scores.begin(), scores.end(), 0.0);
    tokens_ += report.tokens.size();
    places_ += scores.size();
    total_ += total;
    if (options_.json) {
      Json json = {{"line", number}};
      json.update(report_json(report, model_));
      write_out(dump(json));
    } else {
      write_row(fmt::format("{}", number), report.tokens.size(), total,
                scores.size());
    }
  }

  static void write_row(const std::string& name, size_t tokens, double total,
                        size_t places) {
    const std::string perplexity =
        places == 0
            ? ""
            : fmt::format("{:.4f}",
                          std::exp(-total / static_cast<double>(places)));
    write_out(fmt::format("{:>6} {:>8} {:>12.4f} {:>12}\n", name, tokens, total,
                          perplexity));
  }

  const ScoreFlags& options_;
  const Tokenizer& tokenizer_;
  Model& model_;
  size_t failed_ = 0;
  size_t tokens_ = 0;
  size_t places_ = 0;  // with a probability: all but each line's first token
  double total_ = 0;
};

void run_score(ScoreFlags options) {
  options.compute.model = target_path(options.compute.model);
  LoadOptions load = load_options(options.compute);
  load.threads = start_threads(options.compute.threads);
  if (options.top < 0) throw UsageError("--top: is below 0");

  const auto tokenizer = Tokenizer::load_if_present(options.compute.model);
  if (options.lines) {
    const Tokenizer& text = needed(options, tokenizer.get());
    const std::vector<std::string> lines =
        text_lines(read_text(options.source));
    const auto model = load_model(options.compute.model, "loading", load);
    LineScores(options, text, *model).run(lines);
    return;
  }
  std::vector<Token> tokens = read_tokens(options, tokenizer.get());
  const auto model = load_model(options.compute.model, "loading", load);
  const Report report = make_report(options, *model, std::move(tokens));
  if (options.json) {
    write_out(dump(report_json(report, *model)));
  } else {
    print_table(report, tokenizer.get());
  }
}

}  // namespace

void add_score(CommandLine& line) {
  Command command = line.add_command(
      "score", "Each token's log-probability, and the perplexity");
  const auto options = std::make_shared<ScoreFlags>();
  const FlagGroup input = command.group("Text (else standard input)");
  std::vector<Flag> sources = add_text_source(
      input, options->source, "The text itself", "Read the text from a file");
  const Flag tokens =
      input.add("--tokens", options->tokens, "IDS", "Token ids: \"1 2 3\"");
  sources.push_back(tokens);
  exclude_each_other(sources);
  Flag lines = input.add_switch("--lines", options->lines,
                                "Each line is a text of its own");
  lines.excludes(tokens);
  const FlagGroup output = command.group("Output");
  lines.excludes(output.add(
      "--logits", options->logits_file, "FILE",
      "Write the logits, float32 [tokens, vocabulary], as NumPy .npy"));
  output.add("--top", options->top, "N",
             "Show the N most probable next tokens at each position");
  output.add_switch("--json", options->json,
                    "One JSON object; with --lines, one per line");
  add_compute_options(command, options->compute);
  add_kv_dtype_flag(command.group("Model"), options->kv_dtype);
  command.on_run([options] { run_score(*options); });
}

}  // namespace pilotfish::cli
