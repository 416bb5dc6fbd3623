#include "cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/plan_words.h"
#include "cli/report.h"
#include "pilotfish/dtype.h"

namespace pilotfish::cli {
namespace {

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan) {}

  std::string text() {
    model_line("target", plan_.target);
    if (plan_.draft) model_line("draft", *plan_.draft);
    memory();
    speed();
    if (plan_.ranks) ranks();
    if (plan_.draft) speculation();
    if (plan_.ranks && plan_.draft) drafting();
    cost();
    return std::move(text_);
  }

 private:
  void line(std::string_view name, const std::string& value) {
    text_ += fmt::format("{:<14}{}\n", name, value);
  }

  void model_line(std::string_view role, const ModelPlan& part) {
    line(role, fmt::format("{}: {} parameters, {}", part.model.name,
                           parameters_text(part.model.config.parameters()),
                           storage_name(part.model)));
  }

  void memory_row(std::string_view name, const MemoryEstimate& memory) {
    text_ += fmt::format(
        "{:<14}{:>10} {:>10} {:>10} {:>10}\n", name,
        decimal_bytes(memory.weights), decimal_bytes(memory.kv_cache),
        decimal_bytes(memory.scratch), decimal_bytes(memory.total()));
  }

  void memory() {
    text_ += fmt::format("\n{:<14}{:>10} {:>10} {:>10} {:>10}\n",
                         plan_.ranks ? "largest rank" : "memory", "weights",
                         "kv cache", "scratch", "total");
    const MemoryEstimate& target = plan_.target.memory_of_rank();
    memory_row("  target", target);
    if (plan_.draft) {
      const MemoryEstimate& draft = plan_.draft->memory_of_rank();
      memory_row("  draft", draft);
      memory_row("  together", {target.weights + draft.weights,
                                target.kv_cache + draft.kv_cache,
                                target.scratch + draft.scratch});
    }
    const Workload& workload = plan_.workload;
    line("for",
         fmt::format("{} sequence{} of {} positions, kv cache in {}",
                     workload.sequences, workload.sequences == 1 ? "" : "s",
                     workload.n_positions, dtype_name(workload.kv_dtype)));
    if (!plan_.memory_bytes) return;
    const std::int64_t spare = *plan_.memory_bytes - plan_.memory_needed();
    line(spare >= 0 ? "fits" : "does not fit",
         fmt::format("{} {}, {} {}", decimal_bytes(*plan_.memory_bytes),
                     plan_.memory_given ? "given" : "in this machine",
                     decimal_bytes(std::abs(spare)),
                     spare >= 0 ? "to spare" : "too little"));
  }

  std::string pass_text(const ModelPlan& part) {
    if (part.rank && part.rank->gathers > 0) {
      return fmt::format("{} (computing {}, gathers {})",
                         milliseconds(part.pass_seconds),
                         milliseconds(part.rank->compute_seconds),
                         milliseconds(part.rank->gather_seconds));
    }
    if (!part.roofline) return milliseconds(part.pass_seconds);
    return fmt::format("{} (memory {}, arithmetic {})",
                       milliseconds(part.pass_seconds),
                       milliseconds(part.roofline->memory_seconds),
                       milliseconds(part.roofline->arithmetic_seconds));
  }

  void speed() {
    text_ += "\n";
    const SpeedText source = speed_text(plan_);
    line("speed", source.source);
    if (!source.note.empty()) line("", source.note);
    line("  target", pass_text(plan_.target));
    if (plan_.draft) line("  draft", pass_text(*plan_.draft));
    line("plain",
         fmt::format("{} a token, {}", milliseconds(plan_.target.pass_seconds),
                     rate(plan_.tokens_per_second(1))));
  }

  // Who computes, and what goes between them.
  void ranks() {
    const RankPlan& ranks = *plan_.ranks;
    if (ranks.count == 1) return line("ranks", "1");
    line("ranks", fmt::format("{} {}", ranks.count, network_text(ranks)));
    const RankPart& part = *plan_.target.rank;
    line("gathers",
         fmt::format("{} in a pass of the target, {} in all, {:.0f} % of its "
                     "time",
                     part.gathers,
                     decimal_bytes(std::llround(part.gathered_bytes)),
                     100 * part.gather_seconds / plan_.target.pass_seconds));
    if (part.waiting_seconds == 0) return;
    line("waiting",
         fmt::format("{} a pass, of an average rank, for the slowest",
                     milliseconds(part.waiting_seconds)));
  }

  // How much of the time goes to the draft.
  void drafting() {
    const RankPlan& ranks = *plan_.ranks;
    const std::int64_t k = best_window(plan_.costs, plan_.acceptance);
    line("drafting", fmt::format("{:.0f} % of an iteration{}",
                                 100 * plan_.costs.drafting_share(k),
                                 ranks.count > 1 && !ranks.split_draft
                                     ? ", on rank 0 while the others wait"
                                     : ""));
    const std::string limit = bottleneck_text(ranks);
    if (!limit.empty()) line("bottleneck", limit);
  }

  void speculation() {
    line("c", fmt::format("{:.3f}, time of a draft pass / target pass",
                          plan_.costs.draft));
    line("v(k)", verify_text(plan_));
    table();
    best();
  }

  void table() {
    text_ += fmt::format("\n{:<4}{:>7}{:>9}   speed-up at acceptance\n", "k",
                         "v(k)", "pays at");
    text_ += fmt::format("{:20}", "");
    for (const double a : acceptances(plan_)) {
      text_ += fmt::format("{:>7.4g} ", a);
    }
    end_row();
    for (std::int64_t k = 1; k <= plan_.costs.max_window(); ++k) table_row(k);
    text_ += "* the best k for its acceptance\n\n";
  }

  void table_row(std::int64_t k) {
    const auto even = break_even_acceptance(plan_.costs, k);
    std::string pays = even ? fmt::format("{:.2f}", *even) : "never";
    if (k == 1) pays = "";
    text_ += fmt::format("{:<4}{:>7.2f}{:>9}", k,
                         plan_.costs.verify[static_cast<size_t>(k - 1)], pays);
    for (const double a : acceptances(plan_)) {
      text_ += fmt::format("{:>7.2f}{}", expected_speedup(plan_.costs, a, k),
                           best_window(plan_.costs, a) == k ? '*' : ' ');
    }
    end_row();
  }

  void end_row() {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += "\n";
  }

  void best() {
    const SpeculationCosts& costs = plan_.costs;
    const auto even = lowest_break_even(costs);
    line("pays", even ? fmt::format("above acceptance {:.3f} (k = {})",
                                    even->acceptance, even->window)
                      : "never");
    const std::int64_t k = best_window(costs, plan_.acceptance);
    line("acceptance",
         fmt::format("{:.4g}{}", plan_.acceptance,
                     plan_.acceptance_given
                         ? ""
                         : ", assumed; generate measures it (--acceptance)"));
    line("best",
         k == 1
             ? "k = 1, plain decoding"
             : fmt::format("k = {}: {:.2f} tokens a pass, {:.2f} times as "
                           "fast as plain decoding",
                           k, expected_tokens(plan_.acceptance, k), speedup()));
    line("speculative",
         fmt::format("{} a token, {}",
                     milliseconds(plan_.target.pass_seconds / speedup()),
                     rate(plan_.tokens_per_second(speedup()))));
  }

  void cost() {
    const std::optional<double> price = plan_.hourly_price_of_all();
    if (!price) return;
    const auto at = [&](double speedup) {
      return cost_per_million_tokens(*price, plan_.tokens_per_second(speedup));
    };
    const std::string plain =
        fmt::format("{:.4g} a million tokens at {:.4g} an hour", at(1), *price);
    line("cost", plan_.draft ? fmt::format("{}, {:.4g} with speculation", plain,
                                           at(speedup()))
                             : plain);
  }

  double speedup() const {
    return expected_speedup(plan_.costs, plan_.acceptance,
                            best_window(plan_.costs, plan_.acceptance));
  }

  const Plan& plan_;
  std::string text_;
};

}  // namespace

std::string plan_text(const Plan& plan) { return Writer(plan).text(); }

}  // namespace pilotfish::cli
