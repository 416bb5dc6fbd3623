#include "cli/sweep_page.h"

#include <fmt/format.h>

#include <optional>

#include "cli/drafting.h"
#include "cli/page/frame.h"
#include "cli/report.h"
#include "cli/session_facts.h"
#include "cli/sweep_plots.h"
#include "cli/sweep_report.h"

namespace pilotfish::cli {
namespace {

Markup number_cell(const std::string& value) {
  return element("td", {{"class", "number"}}, value);
}

Markup table_row(const Comparison& one, double acceptance, bool best) {
  const Totals& totals = one.speculative;
  Markup row;
  row += element("td", {}, drafters_text(one.setting.drafters));
  row += element("td", {}, one.setting.acceptor);
  for (const std::string& value :
       {fmt::format("{}", one.setting.temperature),
        window_text(one.setting.window),
        fmt::format("{:.2f}", totals.tokens_per_pass()),
        fmt::format("{:.1f} %", 100 * totals.acceptance_rate()),
        format_seconds(totals.seconds_per_token()),
        format_seconds(one.plain.seconds_per_token()),
        fmt::format("{:.2f}", one.verify_cost()),
        fmt::format("{:.2f}", one.draft_cost()),
        fmt::format("{:.2f}", one.speedup()),
        fmt::format("{:.2f} to {:.2f}", quantile(one.ratios, 0.25),
                    quantile(one.ratios, 0.75)),
        fmt::format("{:.2f}", one.predicted_speedup()),
        fmt::format("{:.2f}", acceptance),
        one.setting.window == kAutoWindow
            ? std::string("–")
            : fmt::format("{:.2f}", one.formula_speedup(acceptance))}) {
    row += number_cell(value);
  }
  return element("tr", best ? Attributes{{"class", "best"}} : Attributes{},
                 row);
}

Markup table(const SweepRun& run) {
  Markup head;
  for (const char* name : {"drafter", "acceptor"}) {
    head += element("th", {{"scope", "col"}}, name);
  }
  for (const char* name : {"temperature", "window", "tokens a pass", "accepted",
                           "TPOT", "plain TPOT", "verify", "draft", "speed-up",
                           "middle half", "predicted", "α", "formula"}) {
    head += element("th", {{"scope", "col"}, {"class", "number"}}, name);
  }
  const Comparison* best = best_of(run.comparisons);
  Markup rows;
  for (const SettingGroup group : setting_groups(run.comparisons)) {
    const double acceptance = acceptance_per_token(group);
    for (const Comparison& one : group) {
      rows += table_row(one, acceptance, &one == best);
    }
  }
  const Markup note = element(
      "p", {{"class", "soft"}},
      "verify, draft: median times a pass, in plain passes. predicted: tokens "
      "a pass over their sum. α: acceptance of a drafted token, one for all "
      "windows. formula: what α promises. middle half: of the speed-ups of "
      "single prompts.");
  return note + element("section",
                        {{"class", "wide"},
                         {"tabindex", "0"},  // to scroll it by keyboard
                         {"aria-label", "The table, which may scroll"}},
                        element("table", {{"class", "numbers"}},
                                element("thead", {}, element("tr", {}, head)) +
                                    element("tbody", {}, rows)));
}

std::string setting_text(const Setting& setting) {
  return fmt::format("k = {}, drafter {}, acceptor {}, temperature {}",
                     window_text(setting.window),
                     drafters_text(setting.drafters), setting.acceptor,
                     setting.temperature);
}

Markup headline(const SweepRun& run) {
  const Comparison* best = best_of(run.comparisons);
  if (best == nullptr) {
    return element("p", {{"class", "lede"}},
                   run.comparisons.empty()
                       ? "Nothing was measured."
                       : "No setting that was measured beats plain decoding.");
  }
  const Totals& totals = best->speculative;
  return element("p", {{"class", "lede"}},
                 fmt::format("Best: {}.", setting_text(best->setting))) +
         headline_figures(
             {{"times plain decoding", fmt::format("{:.2f}", best->speedup())},
              {"tokens a pass",
               fmt::format("{:.2f}", totals.tokens_per_pass())},
              {"of the drafted accepted",
               fmt::format("{:.1f} %", 100 * totals.acceptance_rate())},
              {"a token", format_seconds(totals.seconds_per_token())},
              {"a token, plain",
               format_seconds(best->plain.seconds_per_token())}});
}

Facts how_measured(const SweepRun& run) {
  Facts facts = session_facts(run.session);
  facts.emplace_back("Prompts", fmt::format("{}, {} tokens generated for each",
                                            run.prompts, run.max_tokens));
  facts.emplace_back(
      "Order",
      "Every run right after plain decoding of the same prompt, so "
      "that both meet the machine in the same state");
  facts.emplace_back(
      "Counted",
      "Sums over all prompts, without the pass of each that encodes "
      "the prompt");
  return facts;
}

}  // namespace

std::string sweep_page(const SweepRun& run) {
  Markup content;
  if (!run.comparisons.empty()) {
    const auto groups = setting_groups(run.comparisons);
    content += section("plots", "By window", sweep_plots(groups));
    content += section("figures", "All figures", table(run));
  }
  content +=
      section("setup", "How it was measured", fact_list(how_measured(run)));
  content += section("best", "The best setting", command_block(run.command));
  return page("What speculation buys: " + models_text(run.session),
              headline(run), content);
}

}  // namespace pilotfish::cli
