#include "cli/trace_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/page/bar_plot.h"
#include "cli/page/line_plot.h"
#include "cli/report.h"
#include "cli/trace_text.h"

namespace pilotfish::cli {
namespace {

// What keeps the page small.
constexpr size_t kMostPasses = 2000;
constexpr size_t kMostRejectedBytes = 240'000;  // shown on the whole page
constexpr size_t kMostPromptBytes = 20000;
constexpr size_t kContext = 16;  // tokens that the text of the next depends on

struct View {
  const Trace& trace;
  std::vector<TracePass> passes;
  std::vector<std::string> texts;  // one a token generated
  size_t rejected_bytes = 0;       // shown in a pass, and one token more

  bool has_row(size_t pass) const { return pass < kMostPasses; }
};

View view_of(const Trace& trace) {
  const Generation& generation = trace.generation;
  View view{trace, trace_passes(generation),
            token_texts(trace.tokenizer, trace.prompt, generation.tokens)};
  const size_t rows = std::clamp<size_t>(view.passes.size(), 1, kMostPasses);
  view.rejected_bytes = kMostRejectedBytes / rows;
  return view;
}

std::string row_id(size_t pass) { return fmt::format("p{}", pass + 1); }

const char* origin_class(Origin origin) {
  switch (origin) {
    case Origin::kAccepted:
      return "a";
    case Origin::kRecovered:
      return "r";
    case Origin::kBonus:
      return "b";
  }
  return "";
}

// A line break is shown, and breaks the line.
std::string with_line_breaks(const std::string& text) {
  std::string shown;
  for (const char c : text)
    shown += c == '\n' ? std::string("↵\n") : std::string(1, c);
  return shown;
}

// --- The text

Markup text_of_pass(const View& view, size_t index) {
  const TracePass& pass = view.passes[index];
  Markup tokens;
  for (size_t i = pass.first; i < pass.first + pass.emitted; ++i) {
    tokens += element(
        "span", {{"class", origin_class(view.trace.generation.origins[i])}},
        with_line_breaks(view.texts[i]));
  }
  if (!view.has_row(index)) return tokens;
  return element("a", {{"class", "pass"}, {"href", "#" + row_id(index)}},
                 tokens);
}

Markup origin_key() {
  Markup key;
  for (const auto& [css_class, name, meaning] :
       {std::tuple{"a", "accepted", "drafted, and kept by the target"},
        std::tuple{"r", "recovered", "the target's correction of a rejection"},
        std::tuple{"b", "bonus", "the target's own, after all was kept"}}) {
    key += element("li", {},
                   element("span", {{"class", css_class}}, name) +
                       text(fmt::format(" {}", meaning)));
  }
  return element("ul", {{"class", "key"}}, key);
}

Markup generated_text(const View& view) {
  Markup tokens;
  for (size_t i = 0; i < view.passes.size(); ++i) {
    tokens += text_of_pass(view, i);
  }
  Markup skip;
  if (!view.passes.empty()) {
    skip = element("a", {{"class", "skip"}, {"href", "#passes"}},
                   "Skip to the passes");
  }
  return origin_key() +
         element("p", {{"class", "soft"}},
                 "A pass shows what it drafted and rejected under the pointer "
                 "or in focus; its link leads to its line below.") +
         skip +
         element("div", {{"class", "text passes-linked"}, {"dir", "auto"}},
                 tokens);
}

Markup prompt_text(const View& view) {
  std::string shown;
  for (const std::string& piece :
       token_texts(view.trace.tokenizer, {}, view.trace.prompt)) {
    shown += piece;
  }
  const size_t length = whole_characters(shown, kMostPromptBytes);
  if (length < shown.size()) {
    const size_t left = shown.size() - length;
    shown.resize(length);
    shown += fmt::format("… ({} more bytes)", left);
  }
  return element("div", {{"class", "text prompt"}, {"dir", "auto"}}, shown);
}

// --- The passes

Markup probability(double value) {
  return element("u", {}, probability_text(value));
}

Markup guess(const std::string& label, const Proposal& proposal,
             bool accepted) {
  return element(accepted ? "span" : "s", {},
                 text(token_label(label)) +
                     probability(proposal.target_probability) +
                     probability(proposal.draft_probability));
}

struct Guesses {
  Markup accepted;
  Markup rejected;
};

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

Guesses guesses_of(const View& view, const TracePass& pass) {
  const std::vector<Proposal>& proposals = pass.stats.proposals;
  const std::vector<bool> accepted = kept(view, pass);
  Guesses guesses;
  size_t hidden = 0;
  for (size_t i = 0; i < proposals.size(); ++i) {
    if (!accepted[i] &&
        guesses.rejected.source().size() >= view.rejected_bytes) {
      ++hidden;
      continue;
    }
    (accepted[i] ? guesses.accepted : guesses.rejected) +=
        guess(proposal_text(view, pass, i), proposals[i], accepted[i]);
  }
  if (hidden > 0) {
    guesses.rejected += element("small", {}, fmt::format("{} more", hidden));
  }
  return guesses;
}

// The token that the target itself gave, if the text did not end before it.
Markup own_token(const View& view, const TracePass& pass) {
  const size_t place = pass.first + static_cast<size_t>(pass.stats.accepted);
  if (place >= pass.first + pass.emitted) return {};
  const Generation& generation = view.trace.generation;
  return element(
      "span", {},
      text(token_label(view.texts[place])) +
          element("small", {}, origin_name(generation.origins[place])));
}

Markup kept_bar(const IterationStats& stats) {
  if (stats.drafted == 0) return text("nothing drafted");
  return element("i", {{"style", fmt::format("--n:{};--a:{}", stats.drafted,
                                             stats.accepted)}}) +
         text(fmt::format("{} of {}", stats.accepted, stats.drafted));
}

// What fills the bar of a pass: three median passes, or the longest if that is
// less; a machine's rare hiccups would shrink all others.
double full_time(const View& view) {
  std::vector<double> times;
  for (size_t i = 1; i < view.passes.size(); ++i) {
    times.push_back(view.passes[i].stats.total_seconds);
  }
  if (times.empty()) return view.passes.front().stats.total_seconds;
  return std::min(std::ranges::max(times), 3 * median(times));
}

Markup time_bar(const IterationStats& stats, double full, bool first) {
  const double longest = std::max(full, stats.total_seconds);
  const auto hundredths = [&](double seconds) {
    return longest > 0 ? 100 * seconds / longest : 0;
  };
  const double verify = hundredths(stats.verify_seconds);
  const double draft = hundredths(stats.draft_seconds);
  const double rest =
      std::max(hundredths(stats.total_seconds) - verify - draft, 0.0);
  return element("i", {{"style", fmt::format("--v:{:.0f};--d:{:.0f};--o:{:.0f}",
                                             verify, draft, rest)}}) +
         text(format_seconds(stats.total_seconds) +
              (first ? ", with the prompt" : ""));
}

Markup row(const View& view, size_t index, double full) {
  const TracePass& pass = view.passes[index];
  const Guesses guesses = guesses_of(view, pass);
  Markup cells = element("td", {}, fmt::format("{}", index + 1));
  cells += element("td", {}, kept_bar(pass.stats));
  cells += element("td", {}, guesses.accepted);
  cells += element("td", {}, guesses.rejected);
  cells += element("td", {}, own_token(view, pass));
  cells += element("td", {}, time_bar(pass.stats, full, index == 0));
  return element("tr", {{"id", row_id(index)}}, cells);
}

Markup time_key() {
  Markup key;
  for (const auto& [css_class, name] :
       {std::pair{"swatch part0", "verify"}, std::pair{"swatch part1", "draft"},
        std::pair{"swatch part2", "sampling and bookkeeping"}}) {
    key +=
        element("li", {}, element("span", {{"class", css_class}}) + text(name));
  }
  return element("ul", {{"class", "key"}}, key);
}

Markup pass_table(const View& view) {
  Markup head;
  for (const char* name : {"Pass", "Kept of the drafted", "Accepted",
                           "Rejected", "The target's own", "Time"}) {
    head += element("th", {{"scope", "col"}}, name);
  }
  const double full = full_time(view);
  const size_t shown = std::min(view.passes.size(), kMostPasses);
  Markup rows;
  for (size_t i = 0; i < shown; ++i) rows += row(view, i, full);
  Markup content = element(
      "p", {},
      "p is the target's probability of a drafted token and q the draft's, "
      "after temperature and all other sampling. In a chain the first rejected "
      "token is where the text took another turn, and the fainter ones built "
      "on it; in a tree they competed.");
  if (shown < view.passes.size()) {
    content += element(
        "p", {},
        fmt::format("The first {} of {} passes.", shown, view.passes.size()));
  }
  content += time_key();
  content += element("table", {{"class", "passes"}},
                     element("thead", {}, element("tr", {}, head)) +
                         element("tbody", {}, rows));
  return content;
}

// --- The plots

Markup yield_plot(const View& view) {
  BarPlot plot;
  plot.title = "What passes yielded";
  plot.x_title = "tokens a pass yielded";
  plot.y_title = "passes";
  size_t most = 0;
  for (const TracePass& pass : view.passes) {
    most = std::max(most, pass.emitted);
  }
  for (size_t tokens = 1; tokens <= most; ++tokens) {
    const auto passes =
        std::ranges::count(view.passes, tokens, &TracePass::emitted);
    plot.bars.push_back(
        {std::to_string(tokens), {static_cast<double>(passes)}});
  }
  return bar_plot(plot);
}

Markup acceptance_plot(const GenerationStats& stats) {
  LinePlot plot;
  plot.title = "Acceptance by place";
  plot.x_title = "place in the draft";
  plot.y_title = "% of those drafted there";
  plot.y_bound = 100;
  PlotLine line;
  for (const double rate : stats.summary.acceptance_by_place()) {
    const double percent = 100 * rate;
    line.points.push_back({static_cast<double>(line.points.size() + 1), percent,
                           percent, percent});
  }
  plot.lines.push_back(std::move(line));
  return line_plot(plot);
}

// Means over stretches of the text: where it was easy to guess.
Markup course_plot(const View& view) {
  constexpr size_t kStretches = 25;
  const size_t stretch = (view.passes.size() + kStretches - 1) / kStretches;
  LinePlot plot;
  plot.title = "Along the text";
  plot.note = fmt::format("Means over {} {}.", stretch,
                          stretch == 1 ? "pass" : "passes");
  plot.x_title = "tokens generated";
  plot.y_title = "tokens a pass";
  PlotLine line;
  for (size_t i = 0; i < view.passes.size(); i += stretch) {
    const size_t end = std::min(i + stretch, view.passes.size());
    const TracePass& last = view.passes[end - 1];
    const double after = static_cast<double>(last.first + last.emitted);
    const double mean = (after - static_cast<double>(view.passes[i].first)) /
                        static_cast<double>(end - i);
    line.points.push_back({after, mean, mean, mean});
  }
  plot.lines.push_back(std::move(line));
  return line_plot(plot);
}

Markup plots(const View& view) {
  Markup drawn = yield_plot(view) + course_plot(view);
  const GenerationStats& stats = view.trace.generation.stats;
  if (!stats.summary.acceptance_by_place().empty())
    drawn += acceptance_plot(stats);
  return element("div", {{"class", "plots"}}, drawn);
}

Markup headline(const Generation& generation) {
  const GenerationStats& stats = generation.stats;
  return headline_figures(
      {{"tokens generated", fmt::format("{}", stats.generated_tokens)},
       {"tokens a pass",
        fmt::format("{:.2f}", stats.summary.tokens_per_pass())},
       {"of the drafted accepted",
        fmt::format("{:.1f} %", 100 * stats.summary.acceptance_rate())},
       {"tokens a second", fmt::format("{:.1f}", stats.tokens_per_second)},
       {"a token (median)",
        format_seconds(quantile(stats.summary.token_seconds, 0.5))},
       {"to the first token", format_seconds(stats.ttft_seconds)}});
}

}  // namespace

std::string trace_page(const Trace& trace) {
  const View view = view_of(trace);
  Markup content = section("prompt", "Prompt", prompt_text(view));
  content += section("text", "Text", generated_text(view));
  if (!view.passes.empty()) {
    content += section("plots", "In figures", plots(view));
    content += section("passes", "Passes", pass_table(view));
  }
  content += section("setup", "How it was made", fact_list(trace.facts));
  return page("One text, pass by pass: " + trace.models,
              headline(trace.generation), content);
}

}  // namespace pilotfish::cli
