#ifndef PILOTFISH_CONSTRAINT_RUNS_H_
#define PILOTFISH_CONSTRAINT_RUNS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "constraint/plain_text.h"
#include "constraint/vocabulary.h"

namespace pilotfish {

// Finds out where all that lies below a node of a vocabulary's trie can be
// read, so that it need not be looked at: where texts of some kinds of bytes
// lead to the same places, the same one again and again or one behind the other
// where characters are counted; and where any plain text can be read, at least
// up to a length, whichever places it leads to.
template <typename Table>
class Runs {
 public:
  using Place = std::int32_t;

  explicit Runs(Table& table) : table_(table) {}

  // Whether all texts of such bytes that are no longer can be read from a
  // place. False is always right.
  bool reads_all(Place place, std::uint64_t kinds, std::int32_t length) {
    if ((kinds & ~kPlainKinds) == 0) {
      last_length_ = plain_length(place);
      last_place_ = place;
    }
    return surely_reads_all(place, kinds, length) ||
           reads_all_alike(place, kinds, length);
  }
  // Says less, and takes no time: knows plain text from the last place alone.
  bool surely_reads_all(Place place, std::uint64_t kinds,
                        std::int32_t length) const {
    return place == last_place_ && (kinds & ~kPlainKinds) == 0 &&
           length <= last_length_;
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
  // Where plain characters lead.
  struct PlainStep {
    bool reads_all = false;
    std::vector<Place> to = {};
  };

  static constexpr std::int32_t kUnlimited =
      std::numeric_limits<std::int32_t>::max();

  bool reads_all_alike(Place place, std::uint64_t kinds, std::int32_t length) {
    const auto [known, is_new] = runs_.try_emplace(place);
    Run& run = known->second;
    if (is_new) run = {step_of(place).kinds, 0, place, false};
    if ((kinds & ~run.kinds) != 0) return false;
    while (run.length < length && !run.is_over) {
      const Step& step = step_of(run.last);
      if ((run.kinds & ~step.kinds) != 0) {
        run.is_over = true;
      } else if (step.to == run.last) {
        run.length = kUnlimited;
      } else {
        ++run.length;
        run.last = step.to;
      }
    }
    return run.length >= length;
  }

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
      const Place to = table_.next(place, byte);
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
    std::vector<Place> to;
    if (best.kinds != 0 && read_characters(place, 0, 0x80, to) &&
        std::ranges::count(to, best.to) == std::ssize(to)) {
      best.kinds |= std::uint64_t{1} << kMultibyte;
    }
    return best;
  }

  // How many plain characters, whichever they are, can follow a place. Looks no
  // further than nearly all tokens are long.
  std::int32_t plain_length(Place place) {
    constexpr std::int32_t kMost = 16;
    const auto [known, is_new] = plain_lengths_.try_emplace(place, 0);
    if (!is_new) return known->second;
    std::vector<Place> seen = {place};
    std::size_t level = 0;  // the first that is as far away as the last
    for (std::int32_t length = 0; length < kMost; ++length) {
      const std::size_t past = seen.size();
      for (; level < past; ++level) {
        const PlainStep& step = plain_step_of(seen[level]);
        if (!step.reads_all) return known->second = length;
        for (const Place to : step.to) {
          if (std::ranges::find(seen, to) == seen.end()) seen.push_back(to);
        }
      }
      if (seen.size() == past) return known->second = kUnlimited;
      if (seen.size() > kMostPlaces) return known->second = length + 1;
    }
    return known->second = kMost;
  }

  const PlainStep& plain_step_of(Place place) {
    const auto [known, is_new] = plain_steps_.try_emplace(place);
    PlainStep& step = known->second;
    if (!is_new) return step;
    step.reads_all = read_characters(place, 0, 0, step.to);
    std::ranges::sort(step.to);
    // Not ranges::unique, which clang 14 cannot read in libstdc++ 12.
    step.to.erase(std::unique(step.to.begin(), step.to.end()), step.to.end());
    return step;
  }

  // Adds where a place leads over the plain characters that begin with `least`
  // or a greater byte, of which `state` has been read. False where one of them
  // cannot be read.
  bool read_characters(Place from, std::int32_t state, unsigned least,
                       std::vector<Place>& to) {
    const TransitionTable& plain = plain_character();
    for (const auto& edge : plain.byte_edges(state)) {
      Place before = Table::kDeadPlace;
      for (unsigned byte = std::max<unsigned>(edge.first, least);
           byte <= edge.last; ++byte) {
        const Place next = table_.next(from, static_cast<std::uint8_t>(byte));
        if (next == Table::kDeadPlace) return false;
        if (next == before) continue;
        before = next;
        if (plain.accepting(edge.to)) {
          to.push_back(next);
        } else if (!read_characters(next, edge.to, 0, to)) {
          return false;
        }
      }
    }
    return true;
  }

  static constexpr std::size_t kMostPlaces = 64;

  Table& table_;
  Place last_place_ = Table::kDeadPlace;
  std::int32_t last_length_ = 0;
  std::unordered_map<Place, Run> runs_;
  std::unordered_map<Place, Step> steps_;
  std::unordered_map<Place, std::int32_t> plain_lengths_;
  std::unordered_map<Place, PlainStep> plain_steps_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_RUNS_H_
