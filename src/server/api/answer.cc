#include "server/api/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "server/api/token_words.h"

namespace pilotfish::server {
namespace {

double per_second(std::int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double milliseconds_each(double seconds, std::int64_t count) {
  return count > 0 ? 1000 * seconds / static_cast<double>(count) : 0;
}

OutJson scored_json(const Tokenizer& tokenizer, Token token, double logprob) {
  const std::string bytes = token_bytes(tokenizer, token);
  OutJson list = OutJson::array();
  for (const char byte : bytes)
    list.push_back(static_cast<unsigned char>(byte));
  return {{"token", valid_text(bytes)},
          {"logprob", finite_logprob(logprob)},
          {"bytes", std::move(list)}};
}

OutJson said_tokens_json(const std::vector<SaidToken>& said) {
  OutJson tokens = OutJson::array();
  for (const SaidToken& token : said) {
    tokens.push_back({{"id", token.token},
                      {"text", token.text},
                      {"origin", origin_name(token.origin)}});
    if (!token.target_probability) continue;
    tokens.back()["p"] = *token.target_probability;
    tokens.back()["q"] = *token.draft_probability;
  }
  return tokens;
}

OutJson said_passes_json(const std::vector<SaidPass>& passes) {
  OutJson json = OutJson::array();
  for (const SaidPass& pass : passes) {
    json.push_back({{"drafted", pass.drafted},
                    {"places", pass.places},
                    {"accepted", pass.accepted},
                    {"emitted", pass.emitted},
                    {"draft_ms", 1000 * pass.draft_seconds},
                    {"verify_ms", 1000 * pass.verify_seconds}});
  }
  return json;
}

}  // namespace

Usage Answer::usage() const {
  Usage usage;
  std::set<std::size_t> prompts;
  const auto drafters = context->service->engine().drafters();
  for (std::size_t i = 0; i < said.size(); ++i) {
    const GenerationStats& stats = said[i].generation.stats;
    if (prompts.insert(wanted[i].prompt).second) {
      usage.prompt_tokens += std::ssize(wanted[i].request.prompt);
      usage.cached_tokens += stats.reused_tokens;
    }
    usage.generated_tokens += stats.generated_tokens;
    usage.reasoning_tokens += said[i].reasoning_tokens;
    const auto& by_drafter = stats.summary.by_drafter;
    for (std::size_t j = 0; j < by_drafter.size(); ++j) {
      if (drafters[j] != "prediction") continue;
      usage.predicted += by_drafter[j].drafted;
      usage.accepted_predicted += by_drafter[j].accepted;
    }
  }
  return usage;
}

std::string_view finish_word(FinishReason reason) {
  const bool stopped =
      reason == FinishReason::kStopToken || reason == FinishReason::kStopString;
  return stopped ? "stop" : "length";
}

bool ends_with_calls(const SaidText& said) {
  return !said.calls.empty() &&
         said.generation.finish_reason == FinishReason::kStopToken;
}

std::string call_id(const Answer& answer, std::size_t text, std::size_t index) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::uint64_t bits = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : fmt::format("{}/{}/{}", answer.id, text, index)) {
    bits = (bits ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  const auto& format = answer.wanted[text].format;
  const bool is_short = format != nullptr && format->syntax.has_short_ids();
  std::string id = is_short ? "" : "call_";
  for (int i = 0; i < 9; ++i) {
    id += kLetters[bits % kLetters.size()];
    bits /= kLetters.size();
  }
  return id;
}

OutJson timings_json(const SaidText& said) {
  const GenerationStats& stats = said.generation.stats;
  // As llama.cpp counts: the prompt's time goes to the first token, and those
  // that were cached are apart.
  const std::int64_t read = stats.prompt_tokens - stats.reused_tokens;
  const std::int64_t later = stats.summary.tokens;
  return {{"cache_n", stats.reused_tokens},
          {"prompt_n", read},
          {"prompt_ms", 1000 * stats.ttft_seconds},
          {"prompt_per_token_ms", milliseconds_each(stats.ttft_seconds, read)},
          {"prompt_per_second", per_second(read, stats.ttft_seconds)},
          {"predicted_n", stats.generated_tokens},
          {"predicted_ms", 1000 * stats.decode_seconds},
          {"predicted_per_token_ms",
           milliseconds_each(stats.decode_seconds, later)},
          {"predicted_per_second", per_second(later, stats.decode_seconds)},
          {"draft_n", stats.summary.drafted},
          {"draft_n_accepted", stats.summary.accepted}};
}

OutJson usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.generated_tokens},
          {"total_tokens", usage.prompt_tokens + usage.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", usage.reasoning_tokens},
            {"accepted_prediction_tokens", usage.accepted_predicted},
            {"rejected_prediction_tokens",
             usage.predicted - usage.accepted_predicted}}}};
}

OutJson logprobs_json(const Tokenizer& tokenizer,
                      const std::vector<ScoredToken>& scored) {
  OutJson content = OutJson::array();
  for (const ScoredToken& token : scored) {
    OutJson entry = scored_json(tokenizer, token.token, token.logprobs.logprob);
    OutJson& top = entry["top_logprobs"] = OutJson::array();
    for (const TokenLogprobs::Candidate& candidate : token.logprobs.top) {
      top.push_back(scored_json(tokenizer, candidate.token, candidate.logprob));
    }
    content.push_back(std::move(entry));
  }
  return content;
}

void add_said(OutJson& choice, const std::vector<SaidToken>& said,
              const std::vector<SaidPass>& passes, bool streams) {
  choice["tokens"] = said_tokens_json(said);
  OutJson json = said_passes_json(passes);
  if (!streams) {
    choice["passes"] = std::move(json);
  } else if (!json.empty()) {
    choice["pass"] = std::move(json[0]);
  }
}

double finite_logprob(double logprob) {
  constexpr double kNever = -9999;  // as OpenAI's
  return std::isfinite(logprob) ? logprob : kNever;
}

}  // namespace pilotfish::server
