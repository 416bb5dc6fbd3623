#include "constraint/nfa.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/hash.h"
#include "constraint/effort.h"
#include "pilotfish/error.h"

namespace pilotfish {

Nfa::State Nfa::add_state() {
  last_edge_.push_back(-1);
  if (std::ssize(last_edge_) > most_) {
    throw UsageError(
        "the constraint is too large to be written out as an automaton");
  }
  return static_cast<State>(last_edge_.size() - 1);
}

void Nfa::add_edge(State from, Edge::Kind kind, std::int32_t label, State to) {
  std::int32_t& last = last_edge_[static_cast<std::size_t>(from)];
  edges_.push_back({kind, label, to, last});
  last = static_cast<std::int32_t>(edges_.size() - 1);
  if (std::ssize(edges_) > 4 * most_) {
    throw UsageError(
        "the constraint is too large to be written out as an automaton");
  }
}

void Nfa::add_empty(State from, State to) {
  if (from != to) add_edge(from, Edge::Kind::kEmpty, 0, to);
}

void Nfa::add_bytes(State from, const ByteSet& bytes, State to) {
  const auto [place, is_new] =
      set_ids_.try_emplace(bytes, static_cast<std::int32_t>(sets_.size()));
  if (is_new) sets_.push_back(bytes);
  add_edge(from, Edge::Kind::kBytes, place->second, to);
}

void Nfa::add_symbol(State from, std::int32_t symbol, State to) {
  has_symbols_ = true;
  add_edge(from, Edge::Kind::kSymbol, symbol, to);
}

// Its states are sets of the nondeterministic automaton's: those in which it
// can be after the same text, and which read something or are the end.
class SubsetConstruction {
 public:
  SubsetConstruction(const Nfa& nfa, std::int64_t most)
      : nfa_(nfa),
        most_(most),
        most_work_(std::min(kMostWork, kWorkPerState * most)),
        seen_(nfa.last_edge_.size(), 0) {
    Effort::spend(kStepsToBegin + nfa.states() +
                  kStepsOfSet * std::ssize(nfa.sets_));
    find_classes();
    for (const Nfa::Edge& edge : nfa.edges_) {
      if (edge.kind != Nfa::Edge::Kind::kSymbol) continue;
      const auto [place, is_new] =
          letter_of_.try_emplace(edge.label, ranges_.size() + symbols_.size());
      if (is_new) symbols_.push_back(edge.label);
    }
    targets_.resize(ranges_.size() + symbols_.size());
  }

  // Nothing where it becomes too large.
  std::optional<TransitionTable> run() {
    const Nfa::State start = nfa_.start();
    id_of(closure({&start, 1}));
    for (std::size_t id = 0; id < subsets_.size(); ++id) {
      if (std::ssize(subsets_) > most_ || work_ > most_work_) return {};
      const std::int64_t before = work_;
      expand(id);
      Effort::spend(work_ - before);
    }
    return std::move(table_);
  }

 private:
  using Subset = std::vector<Nfa::State>;  // ascending
  struct HashSubset {
    std::size_t operator()(const Subset& subset) const {
      std::size_t hash = subset.size();
      for (const Nfa::State state : subset) {
        mix_into(hash, static_cast<std::size_t>(state));
      }
      return hash;
    }
  };

  const Nfa::Edge& edge_at(std::int32_t at) const {
    return nfa_.edges_[static_cast<std::size_t>(at)];
  }

  // Bytes are of one class where no set of the automaton tells them apart.
  void find_classes() {
    std::array<std::size_t, 256> class_of{};
    std::array<std::size_t, 257> size = {256};  // [class]
    std::size_t classes = 1;
    std::vector<std::size_t> bytes;
    for (const ByteSet& set : nfa_.sets_) {
      bytes.clear();
      for (std::size_t byte = 0; byte < 256; ++byte) {
        if (set[byte]) bytes.push_back(byte);
      }
      std::array<std::size_t, 257> inside{};
      for (const std::size_t byte : bytes) ++inside[class_of[byte]];
      std::array<std::size_t, 257> split{};  // 0: as it was
      for (const std::size_t byte : bytes) {
        std::size_t& its = class_of[byte];
        if (split[its] == 0 && inside[its] < size[its]) {
          size[its] -= inside[its];
          size[classes] = inside[its];
          inside[its] = 256;  // done
          split[its] = classes++;
        }
        if (split[its] != 0) its = split[its];
      }
    }
    ranges_.resize(classes);
    for (unsigned byte = 0; byte < 256; ++byte) {
      auto& ranges = ranges_[class_of[byte]];
      if (!ranges.empty() && ranges.back().second + 1 == byte) {
        ranges.back().second = byte;
      } else {
        ranges.push_back({byte, byte});
      }
    }
    for (const ByteSet& set : nfa_.sets_) {
      auto& classes_of_set = classes_.emplace_back();
      for (std::size_t i = 0; i < classes; ++i) {
        if (set[ranges_[i].front().first]) classes_of_set.push_back(i);
      }
    }
  }

  Subset closure(std::span<const Nfa::State> states) {
    ++round_;
    Subset kept;
    for (const Nfa::State state : states) visit(state);
    while (!open_.empty()) {
      const Nfa::State state = open_.back();
      open_.pop_back();
      bool reads = state == nfa_.end();
      for (std::int32_t at = nfa_.last_edge_[static_cast<std::size_t>(state)];
           at >= 0; at = edge_at(at).next) {
        const Nfa::Edge& edge = edge_at(at);
        if (edge.kind == Nfa::Edge::Kind::kEmpty) {
          visit(edge.to);
        } else {
          reads = true;
        }
      }
      if (reads) kept.push_back(state);
    }
    std::ranges::sort(kept);
    return kept;
  }

  void visit(Nfa::State state) {
    std::int64_t& seen = seen_[static_cast<std::size_t>(state)];
    if (std::exchange(seen, round_) != round_) {
      open_.push_back(state);
      ++work_;
    }
  }

  std::int32_t id_of(Subset subset) {
    const auto [place, is_new] = ids_.try_emplace(
        std::move(subset), static_cast<std::int32_t>(subsets_.size()));
    if (is_new) {
      subsets_.push_back(&place->first);
      work_ += std::ssize(place->first);
    }
    return place->second;
  }

  // Writes the edges of a subset.
  void expand(std::size_t id) {
    const Subset& subset = *subsets_[id];
    table_.add_state(std::ranges::binary_search(subset, nfa_.end()));
    for (const Nfa::State state : subset) {
      for (std::int32_t at = nfa_.last_edge_[static_cast<std::size_t>(state)];
           at >= 0; at = edge_at(at).next) {
        const Nfa::Edge& edge = edge_at(at);
        const auto label = static_cast<std::size_t>(edge.label);
        if (edge.kind == Nfa::Edge::Kind::kBytes) {
          for (const std::size_t i : classes_[label]) add_target(i, edge.to);
        } else if (edge.kind == Nfa::Edge::Kind::kSymbol) {
          add_target(letter_of_.at(edge.label), edge.to);
        }
      }
    }
    std::ranges::sort(letters_);
    std::vector<TransitionTable::ByteEdge> bytes;
    for (const std::size_t letter : letters_) {
      const std::int32_t to = id_of(closure(targets_[letter]));
      targets_[letter].clear();
      if (letter >= ranges_.size()) {
        table_.add_symbol(symbols_[letter - ranges_.size()], to);
        continue;
      }
      for (const auto& [first, last] : ranges_[letter]) {
        bytes.push_back({static_cast<std::uint8_t>(first),
                         static_cast<std::uint8_t>(last), to});
      }
    }
    letters_.clear();
    std::ranges::sort(bytes, {}, &TransitionTable::ByteEdge::first);
    for (const auto& [first, last, to] : bytes) {
      table_.add_bytes(first, last, to);
    }
  }

  void add_target(std::size_t letter, Nfa::State to) {
    if (targets_[letter].empty()) letters_.push_back(letter);
    targets_[letter].push_back(to);
    ++work_;
  }

  static constexpr std::int64_t kMostWork = std::int64_t{1} << 25;
  static constexpr std::int64_t kWorkPerState = 2048;
  static constexpr std::int64_t kStepsToBegin = 500;
  static constexpr std::int64_t kStepsOfSet = 30;

  const Nfa& nfa_;
  const std::int64_t most_;
  const std::int64_t most_work_;
  std::int64_t work_ = 0;
  std::vector<std::vector<std::pair<unsigned, unsigned>>> ranges_;  // [class]
  std::vector<std::vector<std::size_t>> classes_;                   // [set]
  std::vector<std::int32_t> symbols_;  // letters behind the classes
  std::unordered_map<std::int32_t, std::size_t> letter_of_;  // of a symbol
  std::vector<std::vector<Nfa::State>> targets_;             // [letter]
  std::vector<std::size_t> letters_;  // those with targets
  std::vector<std::int64_t> seen_;    // the round in which a state was seen
  std::int64_t round_ = 0;
  std::vector<Nfa::State> open_;
  std::unordered_map<Subset, std::int32_t, HashSubset> ids_;
  std::vector<const Subset*> subsets_;
  TransitionTable table_;
};

std::optional<TransitionTable> Nfa::try_determinise(std::int64_t most) const {
  return SubsetConstruction(*this, most).run();
}

TransitionTable Nfa::determinise(std::int64_t most) const {
  std::optional<TransitionTable> table = try_determinise(most);
  if (!table.has_value()) {
    throw UsageError(fmt::format(
        "the constraint is too large: its automaton has more than {} states",
        most));
  }
  return *std::move(table);
}

}  // namespace pilotfish
