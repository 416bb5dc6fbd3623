#include "cli/trace_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "cli/report.h"
#include "cli/report_page.h"
#include "cli/trace_text.h"
#include "pilotfish/spread.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

// What keeps the page small.
constexpr size_t kMostPasses = 2000;
constexpr size_t kMostRejectedBytes = 240'000;  // shown on the whole page
constexpr size_t kMostGuessBytes = 32;
constexpr size_t kMostPromptBytes = 20000;
constexpr size_t kContext = 16;  // tokens that the text of the next depends on

struct View {
  const Trace& trace;
  std::vector<TracePass> passes;
  size_t rejected_bytes = 0;  // shown in a pass, and one token more
};

View view_of(const Trace& trace) {
  View view{trace, trace_passes(trace.generation)};
  const size_t shown = std::clamp<size_t>(view.passes.size(), 1, kMostPasses);
  view.rejected_bytes = kMostRejectedBytes / shown;
  return view;
}

// What a page says of an origin.
char origin_letter(Origin origin) {
  switch (origin) {
    case Origin::kAccepted:
      return 'a';
    case Origin::kRecovered:
      return 'r';
    case Origin::kBonus:
      return 'b';
  }
  return ' ';
}

// The bytes that a page takes for it, where "<" is spelled with six.
size_t bytes_in_page(const Json& json) {
  const std::string text = dump(json);
  return text.size() + 5 * std::ranges::count(text, '<');
}

// Four digits are enough to look at; what is not 1 does not become it.
double rounded(double probability) {
  const double four = std::stod(fmt::format("{:.4g}", probability));
  return four == 1 && probability < 1 ? 0.9999 : four;
}

std::string beginning(std::string text, size_t most) {
  text.resize(whole_characters(text, most));
  return text;
}

// [proposals]: whether each was kept. Those of a chain are the first; those of
// a tree lie on the path that the text took.
std::vector<bool> kept(const View& view, const TracePass& pass) {
  const std::vector<Proposal>& proposals = pass.stats.proposals;
  const std::vector<Token>& tokens = view.trace.generation.tokens;
  std::vector<bool> marks(proposals.size());
  std::int32_t last = -1;
  size_t place = 0;
  for (size_t i = 0; i < proposals.size(); ++i) {
    if (place == static_cast<size_t>(pass.stats.accepted)) break;
    const size_t at = pass.first + place;
    // A text that was cut does not say what followed; a chain does.
    const bool is_next =
        at >= tokens.size() || proposals[i].token == tokens[at];
    if (proposals[i].parent != last || !is_next) continue;
    marks[i] = true;
    last = static_cast<std::int32_t>(i);
    ++place;
  }
  return marks;
}

// The text of a proposal after those it follows.
std::string proposal_text(const View& view, const TracePass& pass,
                          size_t index) {
  const std::vector<Proposal>& proposals = pass.stats.proposals;
  std::vector<Token> context;  // backwards
  for (std::int32_t i = proposals[index].parent; i >= 0;
       i = proposals[static_cast<size_t>(i)].parent) {
    context.push_back(proposals[static_cast<size_t>(i)].token);
  }
  const std::span<const Token> before =
      pass.first == 0
          ? std::span(view.trace.prompt)
          : std::span(view.trace.generation.tokens).first(pass.first);
  for (size_t i = 0; i < std::min(before.size(), kContext); ++i) {
    context.push_back(before[before.size() - 1 - i]);
  }
  std::ranges::reverse(context);
  return token_texts(view.trace.tokenizer, context,
                     std::span(&proposals[index].token, 1))
      .front();
}

// [text, p, q]
Json guess_data(const View& view, const TracePass& pass, size_t index) {
  const Proposal& proposal = pass.stats.proposals[index];
  const std::string text = proposal_text(view, pass, index);
  std::string shown = beginning(text, kMostGuessBytes);
  if (shown.size() < text.size()) shown += "…";
  return {std::move(shown), rounded(proposal.target_probability),
          rounded(proposal.draft_probability)};
}

// Adds what was accepted, what was rejected, and how many more of these are not
// shown.
void add_guesses(const View& view, const TracePass& pass, Json& data) {
  const std::vector<bool> marks = kept(view, pass);
  Json accepted = Json::array();
  Json rejected = Json::array();
  size_t bytes = 0;
  size_t hidden = 0;
  for (size_t i = 0; i < marks.size(); ++i) {
    if (!marks[i] && bytes >= view.rejected_bytes) {
      ++hidden;
      continue;
    }
    Json guess = guess_data(view, pass, i);
    if (!marks[i]) bytes += bytes_in_page(guess);
    (marks[i] ? accepted : rejected).push_back(std::move(guess));
  }
  data["accepted"] = std::move(accepted);
  data["rejected"] = std::move(rejected);
  if (hidden > 0) data["more"] = hidden;
}

Json microseconds(const IterationStats& stats) {
  Json times = Json::array();
  for (const double seconds :
       {stats.draft_seconds, stats.verify_seconds, stats.total_seconds}) {
    times.push_back(std::llround(1e6 * seconds));
  }
  return times;
}

Json pass_data(const View& view, size_t index) {
  const TracePass& pass = view.passes[index];
  Json data = {{"emitted", pass.emitted}};
  if (index >= kMostPasses) return data;
  data["drafted"] = pass.stats.drafted;
  add_guesses(view, pass, data);
  data["microseconds"] = microseconds(pass.stats);
  return data;
}

Json stats_data(const GenerationStats& stats) {
  const IterationSummary& summary = stats.summary;
  return {{"generated_tokens", stats.generated_tokens},
          {"tokens_per_pass", summary.tokens_per_pass()},
          {"acceptance_rate", summary.acceptance_rate()},
          {"tokens_per_second", stats.tokens_per_second},
          {"tpot_median_seconds", quantile(summary.token_seconds, 0.5)},
          {"ttft_seconds", stats.ttft_seconds},
          {"acceptance_per_position", summary.acceptance_by_place()},
          {"drafted_per_position", summary.offered_at}};
}

void add_prompt(const Trace& trace, Json& data) {
  std::string prompt;
  for (const std::string& piece :
       token_texts(trace.tokenizer, {}, trace.prompt)) {
    prompt += piece;
  }
  const std::string shown = beginning(prompt, kMostPromptBytes);
  data["prompt"] = shown;
  data["prompt_bytes_left"] = prompt.size() - shown.size();
}

}  // namespace

std::string trace_page(const Trace& trace) {
  const View view = view_of(trace);
  const Generation& generation = trace.generation;
  Json data = {{"models", trace.models}, {"facts", trace.facts}};
  add_prompt(trace, data);
  data["tokens"] =
      token_texts(trace.tokenizer, trace.prompt, generation.tokens);
  std::string origins;
  for (const Origin origin : generation.origins) {
    origins += origin_letter(origin);
  }
  data["origins"] = origins;
  data["passes"] = Json::array();
  for (size_t i = 0; i < view.passes.size(); ++i) {
    data["passes"].push_back(pass_data(view, i));
  }
  data["stats"] = stats_data(generation.stats);
  return report_page("trace", std::move(data));
}

}  // namespace pilotfish::cli
