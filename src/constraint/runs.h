#ifndef PILOTFISH_CONSTRAINT_RUNS_H_
#define PILOTFISH_CONSTRAINT_RUNS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>

#include "constraint/plain_text.h"
#include "constraint/vocabulary.h"

namespace pilotfish {

// Finds out where a table's places can read any text of some kinds of bytes, up
// to a length, because all of them lead to the same places: the same one again
// and again, or one behind the other where characters are counted. Then what
// lies below a node need not be looked at.
template <typename Table>
class Runs {
 public:
  using Place = std::int32_t;

  // `ends_count`: places where the rule ends must be looked at.
  Runs(Table& table, bool ends_count)
      : table_(table), ends_count_(ends_count) {}

  // Whether all texts of such bytes that are no longer can be read from a
  // place, and the rule ends in none of them. False is always right.
  bool reads_all(Place place, std::uint64_t kinds, std::int32_t length) {
    const auto [known, is_new] = runs_.try_emplace(place);
    Run& run = known->second;
    if (is_new) run = {step_of(place).kinds, 0, place, false};
    if ((kinds & ~run.kinds) != 0) return false;
    while (run.length < length && !run.is_over) {
      const Step& step = step_of(run.last);
      if ((run.kinds & ~step.kinds) != 0) {
        run.is_over = true;
      } else if (step.to == run.last) {
        run.length = std::numeric_limits<std::int32_t>::max();
      } else {
        ++run.length;
        run.last = step.to;
      }
    }
    return run.length >= length;
  }

 private:
  // All characters of these kinds lead to one place.
  struct Step {
    std::uint64_t kinds = 0;
    Place to = Table::kDeadPlace;
  };
  struct Run {
    std::uint64_t kinds;
    std::int32_t length;  // in characters, as far as is known
    Place last;           // where so many lead
    bool is_over;
  };

  const Step& step_of(Place place) {
    const auto [known, is_new] = steps_.try_emplace(place);
    if (is_new) known->second = find_step(place);
    return known->second;
  }

  // Takes the place that most kinds lead to.
  Step find_step(Place place) {
    constexpr Place kNone = Table::kDeadPlace;
    std::array<std::optional<Place>, kMultibyte> targets{};
    for (std::uint8_t byte = 0; byte < 0x80; ++byte) {
      Place to = table_.next(place, byte);
      if (to != kNone && must_be_seen(to)) to = kNone;
      auto& its = targets[static_cast<std::size_t>(kind_of_byte(byte))];
      its = its.value_or(to) == to ? to : kNone;
    }
    std::array<Step, 4> steps{};  // more are not worth while
    for (std::size_t kind = 0; kind < targets.size(); ++kind) {
      const Place to = targets[kind].value_or(kNone);
      if (to == kNone) continue;
      for (Step& step : steps) {
        if (step.kinds != 0 && step.to != to) continue;
        step = {step.kinds | std::uint64_t{1} << kind, to};
        break;
      }
    }
    Step best;
    for (const Step& step : steps) {
      if (std::popcount(step.kinds) > std::popcount(best.kinds)) best = step;
    }
    if (best.kinds != 0 && multibyte_characters_lead(place, 0, best.to)) {
      best.kinds |= std::uint64_t{1} << kMultibyte;
    }
    return best;
  }

  bool must_be_seen(Place place) const {
    return ends_count_ && table_.ends(place);
  }

  // Whether all characters of several bytes, of which `state` has been read,
  // lead to `to`.
  bool multibyte_characters_lead(Place from, std::int32_t state, Place to) {
    const TransitionTable& plain = plain_character();
    for (const auto& edge : plain.byte_edges(state)) {
      if (edge.last < 0x80) continue;
      Place before = Table::kDeadPlace;
      for (unsigned byte = edge.first; byte <= edge.last; ++byte) {
        const Place next = table_.next(from, static_cast<std::uint8_t>(byte));
        if (next == Table::kDeadPlace || must_be_seen(next)) return false;
        if (next == before) continue;
        before = next;
        if (plain.accepting(edge.to)
                ? next != to
                : !multibyte_characters_lead(next, edge.to, to)) {
          return false;
        }
      }
    }
    return true;
  }

  Table& table_;
  const bool ends_count_;
  std::unordered_map<Place, Run> runs_;
  std::unordered_map<Place, Step> steps_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_RUNS_H_
