#include "lab/selfcheck/narrow_scorer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

NarrowScorer::NarrowScorer(std::shared_ptr<Model> model, DType kv_dtype,
                           std::vector<Token> beginning,
                           std::vector<Token> tokens, std::int64_t n_positions)
    : tokens_(std::move(tokens)),
      n_positions_(n_positions),
      rows_(std::move(model),
            {.n_positions = std::ssize(beginning) + n_positions - 1,
             .max_sequences = 1,
             .dtype = kv_dtype}) {
  nodes_.push_back(
      {std::move(beginning), std::vector<std::size_t>(tokens_.size()), {}});
}

SequenceId NarrowScorer::create() {
  if (free_.empty()) {
    free_.push_back(static_cast<SequenceId>(paths_.size()));
    paths_.emplace_back();
  }
  const SequenceId sequence = free_.back();
  free_.pop_back();
  path_of(sequence).clear();
  return sequence;
}

void NarrowScorer::release(SequenceId sequence) { free_.push_back(sequence); }

std::int64_t NarrowScorer::length(SequenceId sequence) const {
  return std::ssize(paths_[static_cast<std::size_t>(sequence)]);
}

std::int64_t NarrowScorer::truncate(SequenceId sequence, std::int64_t length) {
  path_of(sequence).resize(static_cast<std::size_t>(length));
  return length;
}

std::int64_t NarrowScorer::keep(SequenceId sequence,
                                std::span<const std::int32_t>) {
  return length(sequence);  // there is no tree
}

std::size_t NarrowScorer::child(std::size_t node, Token token) {
  const auto place = static_cast<std::size_t>(token);
  if (nodes_[node].children[place] == 0) {
    Node next = {
        nodes_[node].text, std::vector<std::size_t>(tokens_.size()), {}};
    next.text.push_back(tokens_[place]);
    nodes_[node].children[place] = nodes_.size();
    nodes_.push_back(std::move(next));
  }
  return nodes_[node].children[place];
}

std::span<const float> NarrowScorer::logits(std::size_t node) {
  std::vector<float>& logits = nodes_[node].logits;
  if (logits.empty()) {
    const std::span<const float> row = rows_.after(nodes_[node].text);
    for (const Token token : tokens_) {
      logits.push_back(row[static_cast<std::size_t>(token)]);
    }
  }
  return logits;
}

ForwardOutput NarrowScorer::forward(const Batch& batch) {
  out_.clear();
  for (const Batch::Entry& entry : batch.entries()) {
    if (entry.is_tree) throw UsageError("a narrow model scores no trees");
    std::vector<std::size_t>& path = path_of(entry.sequence);
    for (std::int64_t i = 0; i < entry.rows; ++i) {
      const Token token =
          batch.tokens()[static_cast<std::size_t>(entry.first_row + i)];
      path.push_back(path.empty() ? 0 : child(path.back(), token));
      if (i < entry.rows - entry.logits_rows) continue;
      std::ranges::copy(logits(path.back()), std::back_inserter(out_));
    }
  }
  return {.logits = Logits(out_.data(), batch.logits_rows(), vocab_size()),
          .hidden = {}};
}

}  // namespace pilotfish
