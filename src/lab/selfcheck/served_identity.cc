#include "lab/selfcheck/served_identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "lab/selfcheck/at_once.h"
#include "lab/selfcheck/identity.h"
#include "lab/selfcheck/neighbours.h"
#include "pilotfish/window.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kStreams[] = {1, 8};
constexpr int kRounds = 2;  // the second finds its prefixes in the cache
constexpr std::int64_t kNeighbourTokens = 100;

// Says in words where two texts part; nullopt where they are equal.
std::optional<std::string> served_difference(const Generation& expected,
                                             const ServedText& found) {
  const auto [a, b] = std::ranges::mismatch(expected.text, found.text);
  const bool same_text = a == expected.text.end() && b == found.text.end();
  const auto tokens = text_difference(expected.tokens, found.tokens);
  if (same_text) return tokens;
  return fmt::format("byte {} of the text differs, {}",
                     a - expected.text.begin(),
                     tokens.value_or("though its tokens are the same"));
}

// The beginning of a prompt, on one line.
std::string prompt_text(const Tokenizer* tokenizer,
                        std::span<const Token> prompt) {
  constexpr std::size_t kMost = 8;
  const std::span<const Token> beginning =
      prompt.first(std::min(prompt.size(), kMost));
  const char* more = beginning.size() < prompt.size() ? "..." : "";
  if (tokenizer == nullptr) {
    return fmt::format("{}{}", fmt::join(beginning, " "), more);
  }
  std::string text = tokenizer->decode(beginning);
  std::ranges::replace(text, '\n', ' ');
  return fmt::format("\"{}{}\"", text, more);
}

// A prefix cache of its own, and another one in the next check.
std::string new_salt(std::int64_t run) {
  return fmt::format(
      "selfcheck-{}-{}",
      std::chrono::system_clock::now().time_since_epoch().count(), run);
}

}  // namespace

std::string served_window_text(std::int64_t window) {
  if (window == kAutoWindow) return "k auto";
  return window == 1 ? "plain" : fmt::format("k {}", window);
}

ServedIdentity::ServedIdentity(TextServer& server, const SelfcheckPair& model,
                               std::shared_ptr<const Tokenizer> tokenizer,
                               const SelfcheckOptions& options,
                               std::vector<Token> likely)
    : server_(server),
      model_(model),
      tokenizer_(std::move(tokenizer)),
      options_(options),
      likely_(std::move(likely)) {}

std::int64_t ServedIdentity::texts() const {
  return std::ssize(kStreams) * kRounds * std::ssize(options_.prompts);
}

std::vector<std::string> ServedIdentity::description() const {
  return {fmt::format("{} texts at once", fmt::join(kStreams, ", ")),
          "prefixes that the server's cache has not, and has",
          fmt::format("{} clients that went away meanwhile, most of them in "
                      "mid-stream",
                      neighbours_)};
}

const ServedIdentity::Texts& ServedIdentity::texts_of(
    const std::string& acceptor, double temperature) {
  if (!texts_.expected.empty() && texts_.acceptor == acceptor &&
      texts_.temperature == temperature) {
    return texts_;
  }
  texts_ = {acceptor,
            temperature,
            varied_requests(options_, likely_, temperature),
            {}};
  std::size_t longest = 0;
  for (Request& request : texts_.requests) {
    request.sampling.bad_words.clear();
    longest = std::max(longest, request.prompt.size());
  }
  EngineOptions engine_options;
  engine_options.n_positions =
      static_cast<std::int64_t>(longest) + options_.max_tokens + 1;
  engine_options.kv_dtype = options_.kv_dtype;
  engine_options.window = 1;
  engine_options.reuse_prefixes = false;
  // At temperature 0 all acceptors say the same.
  if (!acceptor.empty()) engine_options.acceptor = make_acceptor(acceptor);
  Engine engine(model_.target, nullptr, tokenizer_, engine_options);
  for (const Request& request : texts_.requests) {
    texts_.expected.push_back(engine.generate(request));
  }
  return texts_;
}

std::vector<ServedRequest> ServedIdentity::asked(const Texts& texts,
                                                 std::int64_t window) const {
  std::vector<ServedRequest> all;
  for (std::size_t i = 0; i < texts.requests.size(); ++i) {
    ServedRequest& asked = all.emplace_back();
    asked.prompt = texts.requests[i].prompt;
    asked.sampling = texts.requests[i].sampling;
    asked.max_tokens = texts.requests[i].max_tokens;
    asked.window = window;
    asked.acceptor = texts.acceptor;
    if (!tokenizer_) continue;
    // A guess that is right at first, and then is not.
    std::vector<Token> guess = texts.expected[i].tokens;
    guess[guess.size() / 2] = likely_.back();
    asked.prediction = tokenizer_->decode(guess);
  }
  return all;
}

IdentityResult ServedIdentity::compare(const std::string& acceptor,
                                       double temperature,
                                       std::int64_t window) {
  const Texts& texts = texts_of(acceptor, temperature);
  std::vector<ServedRequest> requests = asked(texts, window);
  IdentityResult result;
  for (const std::int64_t together : kStreams) {
    const std::string salt = new_salt(runs_++);
    for (ServedRequest& request : requests) request.cache_salt = salt;
    for (int round = 0; round < kRounds; ++round) {
      run({together, round > 0}, texts, requests, result);
    }
  }
  return result;
}

void ServedIdentity::run(const Run& run, const Texts& texts,
                         const std::vector<ServedRequest>& requests,
                         IdentityResult& result) {
  std::vector<ServedRequest> longer = requests;
  for (ServedRequest& request : longer) {
    request.max_tokens = kNeighbourTokens;
    request.ignore_eos = true;
  }
  Neighbours neighbours(
      server_, std::move(longer),
      options_.seed + static_cast<std::uint64_t>(neighbours_));
  std::vector<ServedText> found(requests.size());
  at_once(std::ssize(requests), run.together, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    found[at] = server_.generate(requests[at]).at(0);
  });
  neighbours_ += neighbours.finish();
  for (std::size_t i = 0; i < found.size(); ++i) {
    ++result.texts;
    result.tokens += std::ssize(found[i].tokens);
    result.drafted += found[i].drafted;
    result.accepted += found[i].accepted;
    const auto where = served_difference(texts.expected[i], found[i]);
    if (!where || result.different++ > 0) continue;
    result.first_difference = fmt::format(
        "prompt {}, {}: {} ({}; {}, {} at once, prefix {})", i,
        prompt_text(tokenizer_.get(), requests[i].prompt), *where,
        sampling_text(requests[i].sampling),
        served_window_text(requests[i].window.value_or(kAutoWindow)),
        run.together, run.cached ? "cached" : "not cached");
  }
}

}  // namespace pilotfish
