#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "pilotfish/error.h"
#include "pilotfish/model.h"

namespace pilotfish {

void Batch::want_hidden(std::span<const std::int64_t> layers) {
  if (std::ranges::adjacent_find(layers, std::greater_equal{}) !=
          layers.end() ||
      (!layers.empty() && layers.front() < 0)) {
    throw UsageError(
        "batch: the layers whose hidden rows are wanted must ascend from 0");
  }
  hidden_layers_.assign(layers.begin(), layers.end());
}

void Batch::add(SequenceId sequence, std::span<const Token> tokens,
                std::int64_t logits_rows, std::int64_t hidden_rows) {
  const auto rows = static_cast<std::int64_t>(tokens.size());
  const auto check = [&](std::int64_t asked, std::string_view what) {
    if (asked >= 0 && asked <= rows) return;
    throw UsageError(fmt::format("batch: {} rows of {}, expected 0 to {}",
                                 asked, what, rows));
  };
  check(logits_rows, "logits");
  check(hidden_rows, "hidden states");
  entries_.push_back({.sequence = sequence,
                      .first_row = this->rows(),
                      .rows = rows,
                      .logits_rows = logits_rows,
                      .hidden_rows = hidden_rows});
  hidden_rows_ += hidden_rows;
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  parents_.resize(tokens_.size());
  logits_rows_ += logits_rows;
}

void Batch::add_tree(SequenceId sequence, std::span<const Token> tokens,
                     std::span<const std::int32_t> parents,
                     std::int64_t logits_rows, std::int64_t hidden_rows) {
  if (parents.size() != tokens.size()) {
    throw UsageError(fmt::format("batch: {} parents for {} rows of a tree",
                                 parents.size(), tokens.size()));
  }
  add(sequence, tokens, logits_rows, hidden_rows);
  entries_.back().is_tree = true;
  std::copy(parents.begin(), parents.end(),
            parents_.begin() + entries_.back().first_row);
}

std::span<const std::int32_t> Batch::parents(const Entry& entry) const {
  if (!entry.is_tree) return {};
  return std::span(parents_).subspan(static_cast<size_t>(entry.first_row),
                                     static_cast<size_t>(entry.rows));
}

void Batch::clear() {
  entries_.clear();
  tokens_.clear();
  parents_.clear();
  logits_rows_ = 0;
  hidden_layers_.clear();
  hidden_rows_ = 0;
}

}  // namespace pilotfish
