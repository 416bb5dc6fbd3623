#include "lab/selfcheck/identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace pilotfish {
namespace {

constexpr std::int64_t kBatchSizes[] = {1, 5};
constexpr std::int64_t kChunks[] = {7, 512};

// Gives each request different parameters, so that every one is on somewhere.
void vary(std::size_t i, std::span<const Token> likely,
          SamplingParams& sampling) {
  const auto token = [&](std::size_t n) { return likely[n % likely.size()]; };
  if (i % 4 == 1) sampling.top_p = 0.9;
  if (i % 4 == 2) sampling.top_k = 20;
  if (i % 4 == 3) sampling.min_p = 0.05;
  if (i % 7 == 1) sampling.repetition_penalty = 1.3;
  if (i % 7 == 2) sampling.frequency_penalty = 0.4;
  if (i % 7 == 3) sampling.typical_p = 0.9;
  if (i % 7 == 4) sampling.logit_bias = {{token(0), 2.f}, {token(1), -3.f}};
  if (i % 7 == 5) sampling.bad_words = {{token(0)}, {token(1), token(2)}};
  if (i % 7 == 6) sampling.banned_tokens = {token(0), token(2)};
}

}  // namespace

std::vector<std::vector<std::string>> drafters_for(const SelfcheckPair& pair) {
  std::vector<std::vector<std::string>> drafters;
  if (pair.draft) drafters.push_back({"model"});
  if (pair.target->config().n_layers() > 1) {
    drafters.push_back({"skip"});
  }
  drafters.push_back({"prediction", "suffix", "ngram"});
  return drafters;
}

std::vector<Request> varied_requests(const SelfcheckOptions& options,
                                     std::span<const Token> likely,
                                     double temperature) {
  std::vector<Request> requests;
  for (std::size_t i = 0; i < options.prompts.size(); ++i) {
    Request& request = requests.emplace_back();
    request.prompt = options.prompts[i];
    request.max_tokens = options.max_tokens;
    request.sampling.temperature = temperature;
    request.sampling.seed = options.seed + i;
    vary(i, likely, request.sampling);
  }
  return requests;
}

std::optional<std::string> text_difference(std::span<const Token> expected,
                                           std::span<const Token> found) {
  const auto [a, b] = std::ranges::mismatch(expected, found);
  const auto place = a - expected.begin();
  if (a == expected.end() && b == found.end()) return std::nullopt;
  if (a == expected.end() || b == found.end()) {
    return fmt::format("{} tokens instead of {}", found.size(),
                       expected.size());
  }
  return fmt::format("token {} is {} instead of {}", place, *b, *a);
}

IdentityChecks::IdentityChecks(const std::vector<SelfcheckPair>& pairs,
                               const SelfcheckOptions& options,
                               std::vector<Token> likely)
    : pairs_(pairs),
      options_(options),
      likely_(std::move(likely)),
      drafters_(drafters_for(pairs.front())) {
  // Threads, batches and chunks change fastest first, and differently for each
  // drafter, so that every combination comes up.
  for (std::size_t d = 0; d < drafters_.size(); ++d) {
    for (std::size_t w = 0; w < options.windows.size(); ++w) {
      const std::size_t turn = 3 * d + w;
      const std::size_t rest = turn / pairs.size();
      variations_.push_back({drafters_[d], options.windows[w],
                             &pairs[turn % pairs.size()], kBatchSizes[rest % 2],
                             kChunks[rest / 2 % 2]});
    }
  }
}

std::vector<std::string> IdentityChecks::description() const {
  std::vector<std::string> drafters;
  for (const auto& names : drafters_) {
    drafters.push_back(fmt::format("{}", fmt::join(names, ",")));
  }
  std::vector<int> threads;
  for (const SelfcheckPair& pair : pairs_) threads.push_back(pair.threads);
  return {fmt::format("drafters {}", fmt::join(drafters, " | ")),
          fmt::format("windows {}", fmt::join(options_.windows, ", ")),
          fmt::format("threads {}", fmt::join(threads, ", ")),
          fmt::format("batches of {}", fmt::join(kBatchSizes, ", ")),
          fmt::format("prompt chunks of {}", fmt::join(kChunks, ", "))};
}

IdentityResult IdentityChecks::compare(
    const std::shared_ptr<const TokenAcceptor>& acceptor, double temperature,
    const std::function<void()>& on_run) {
  const Texts expected = plain(acceptor, temperature);
  IdentityResult result;
  for (const Variation& variation : variations_) {
    run(variation, acceptor, temperature, expected, result);
    on_run();
  }
  return result;
}

EngineOptions IdentityChecks::engine_options(
    const std::shared_ptr<const TokenAcceptor>& acceptor) const {
  std::size_t longest = 0;
  for (const auto& prompt : options_.prompts) {
    longest = std::max(longest, prompt.size());
  }
  EngineOptions engine;
  engine.n_positions =
      static_cast<std::int64_t>(longest) + options_.max_tokens + 1;
  engine.kv_dtype = options_.kv_dtype;
  engine.acceptor = acceptor;
  return engine;
}

IdentityChecks::Texts IdentityChecks::plain(
    const std::shared_ptr<const TokenAcceptor>& acceptor,
    double temperature) const {
  EngineOptions options = engine_options(acceptor);
  options.window = 1;
  options.reuse_prefixes = false;  // the variations reuse them
  Engine engine(pairs_.front().target, nullptr, nullptr, options);
  Texts texts;
  for (Request& request : varied_requests(options_, likely_, temperature)) {
    texts.push_back(engine.generate(std::move(request)).tokens);
  }
  return texts;
}

void IdentityChecks::run(const Variation& variation,
                         const std::shared_ptr<const TokenAcceptor>& acceptor,
                         double temperature, const Texts& expected,
                         IdentityResult& result) const {
  EngineOptions options = engine_options(acceptor);
  options.window = variation.window;
  options.max_sequences = variation.together;
  options.prefill_chunk = variation.chunk;
  options.drafters = variation.drafters;
  Engine engine(variation.pair->target, variation.pair->draft, nullptr,
                options);
  std::vector<RequestId> ids;
  for (Request& request : varied_requests(options_, likely_, temperature)) {
    // The text as it came, with one token changed in its middle.
    std::vector<Token> prediction = expected[ids.size()];
    prediction[prediction.size() / 2] = likely_.back();
    request.prediction = std::move(prediction);
    ids.push_back(engine.submit(std::move(request)));
  }
  while (engine.step()) {
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Generation generation = engine.take(ids[i]).value();
    ++result.texts;
    result.tokens += std::ssize(generation.tokens);
    result.drafted += generation.stats.summary.drafted;
    result.accepted += generation.stats.summary.accepted;
    const auto where = text_difference(expected[i], generation.tokens);
    if (!where) continue;
    if (result.different++ > 0) continue;
    result.first_difference = fmt::format(
        "prompt {}: {} (drafter {}, k {}, {} threads, {} in a batch, prompt "
        "chunks of {})",
        i, *where, fmt::join(variation.drafters, ","), variation.window,
        variation.pair->threads, variation.together, variation.chunk);
  }
}

}  // namespace pilotfish
