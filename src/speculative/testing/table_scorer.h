#ifndef PILOTFISH_SPECULATIVE_TESTING_TABLE_SCORER_H_
#define PILOTFISH_SPECULATIVE_TESTING_TABLE_SCORER_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/scorer.h"

namespace pilotfish::test {

// A toy language model: the logits after a prefix are a row of a small table,
// chosen by the prefix's last two tokens and its length.
class LogitTable {
 public:
  LogitTable(std::int64_t vocab_size, std::int64_t contexts, unsigned seed,
             float spread = 1.5f)
      : vocab_size_(vocab_size), contexts_(contexts) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    logits_.resize(static_cast<size_t>(vocab_size * contexts));
    for (float& x : logits_) x = normal(random);
  }

  // Much like `other`: its logits with noise on top.
  static LogitTable like(const LogitTable& other, unsigned seed, float noise) {
    LogitTable table = other;
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, noise);
    for (float& x : table.logits_) x += normal(random);
    return table;
  }

  std::int64_t vocab_size() const { return vocab_size_; }
  std::span<const float> row(std::span<const Token> prefix) const {
    const size_t n = prefix.size();
    return row(n > 1 ? prefix[n - 2] : 0, prefix[n - 1], std::ssize(prefix));
  }
  // What follows `length` tokens that end with these two.
  std::span<const float> row(Token before, Token last,
                             std::int64_t length) const {
    return row_of((7 * std::int64_t{last} + 3 * std::int64_t{before} + length) %
                  contexts_);
  }
  // Makes a logit of one context NaN.
  void damage(std::int64_t context, Token token) {
    logits_.at(static_cast<size_t>(context * vocab_size_ + token)) =
        std::nanf("");
  }

 private:
  std::span<const float> row_of(std::int64_t context) const {
    return std::span(logits_).subspan(
        static_cast<size_t>(context * vocab_size_),
        static_cast<size_t>(vocab_size_));
  }

  std::int64_t vocab_size_;
  std::int64_t contexts_;
  std::vector<float> logits_;  // [contexts, vocab_size]
};

// What a TableScorer gives as the hidden row of a layer: a function of the
// whole prefix, so that a row from elsewhere is recognised.
struct ToyHidden {
  static constexpr std::int64_t kSize = 4;

  // The layer, the prefix's last token, its length, and a hash of it.
  static std::array<float, kSize> row(std::int64_t layer,
                                      std::span<const Token> prefix) {
    std::uint32_t hash = 1;
    for (const Token token : prefix) {
      hash = (hash * 31 + static_cast<std::uint32_t>(token)) % (1u << 20);
    }
    return {static_cast<float>(layer), static_cast<float>(prefix.back()),
            static_cast<float>(prefix.size()), static_cast<float>(hash)};
  }
};

// A LogitTable that is used like a model with its cache, and as strict.
class TableScorer final : public Scorer {
 public:
  // `pool`: the most positions of all sequences together; 0: any number.
  explicit TableScorer(LogitTable table, std::int64_t n_positions = 64,
                       size_t max_sequences = 64, std::int64_t pool = 0)
      : table_(std::move(table)),
        n_positions_(n_positions),
        max_sequences_(max_sequences),
        pool_(pool) {}

  std::int64_t vocab_size() const override { return table_.vocab_size(); }
  std::int64_t n_positions() const override { return n_positions_; }

  SequenceId create() override {
    if (created_ >= max_sequences_) throw Error("table: full");
    ++created_;
    sequences_[next_];
    return next_++;
  }
  bool can_fork() const override { return true; }
  SequenceId fork(SequenceId parent, std::int64_t length) override {
    Cached child = sequences_.at(parent);
    if (length > std::ssize(child.prefix)) throw std::logic_error("fork");
    child.prefix.resize(static_cast<size_t>(length));
    child.tree.clear();
    child.forked = true;
    sequences_[next_] = std::move(child);
    return next_++;
  }
  void release(SequenceId sequence) override {
    const auto found = sequences_.find(sequence);
    if (found == sequences_.end()) throw std::logic_error("release");
    if (!found->second.forked) --created_;
    sequences_.erase(found);
  }
  std::int64_t length(SequenceId sequence) const override {
    return std::ssize(sequences_.at(sequence).prefix);
  }
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override {
    if (length < 0 || length > this->length(sequence)) {
      throw std::logic_error("truncate to more than there is");
    }
    sequences_.at(sequence).prefix.resize(static_cast<size_t>(length));
    sequences_.at(sequence).tree.clear();
    return length;
  }
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override {
    Cached& cached = sequences_.at(sequence);
    std::int32_t parent = -1;
    for (const std::int32_t row : path) {
      const Node& node = cached.tree.at(static_cast<size_t>(row));
      if (node.parent != parent) throw std::logic_error("keep of no path");
      cached.prefix.push_back(node.token);
      parent = row;
    }
    cached.tree.clear();
    return length(sequence);
  }

  bool make_room(std::span<const KvGrowth> growths) override {
    std::int64_t slots = 0;
    for (const auto& [id, cached] : sequences_) slots += cached.slots();
    for (const KvGrowth& growth : growths) slots += growth.rows;
    return pool_ == 0 || slots <= pool_;
  }

  ForwardOutput forward(const Batch& batch) override {
    std::vector<KvGrowth> growths;
    for (const Batch::Entry& entry : batch.entries()) {
      growths.push_back({entry.sequence, entry.rows});
    }
    if (!make_room(growths)) throw Error("table: no room");
    ++passes;
    rows += batch.rows();
    most_rows = std::max(most_rows, batch.rows());
    out_.clear();
    hidden_.resize(static_cast<size_t>(std::ssize(batch.hidden_layers()) *
                                       batch.hidden_rows() * ToyHidden::kSize));
    std::int64_t hidden_row = 0;
    for (const Batch::Entry& entry : batch.entries()) {
      Cached& cached = sequences_.at(entry.sequence);
      if (!entry.is_tree && !cached.tree.empty()) {
        throw std::logic_error("a line behind a tree");
      }
      for (std::int64_t i = 0; i < entry.rows; ++i) {
        const Token token =
            batch.tokens()[static_cast<size_t>(entry.first_row + i)];
        if (token < 0 || token >= vocab_size()) throw Error("table: token");
        if (cached.slots() == n_positions_) throw Error("table: no room");
        if (entry.is_tree) {
          const auto row = static_cast<size_t>(i);
          cached.tree.push_back({token, batch.parents(entry)[row]});
        } else {
          cached.prefix.push_back(token);
        }
        const bool wants_logits = i >= entry.rows - entry.logits_rows;
        const bool wants_hidden = i >= entry.rows - entry.hidden_rows;
        if (!wants_logits && !wants_hidden) continue;
        const std::vector<Token> prefix = cached.latest_path();
        if (wants_logits) {
          const std::span<const float> row = table_.row(prefix);
          out_.insert(out_.end(), row.begin(), row.end());
        }
        if (wants_hidden) write_hidden(batch, hidden_row++, prefix);
      }
    }
    return {
        .logits = Logits(out_.data(), batch.logits_rows(), vocab_size()),
        .hidden = HiddenRows(hidden_.data(), std::ssize(batch.hidden_layers()),
                             batch.hidden_rows(), ToyHidden::kSize)};
  }

  ThreadTeam* threads() override { return team; }

  // What is cached of a sequence.
  const std::vector<Token>& cached(SequenceId sequence) const {
    return sequences_.at(sequence).prefix;
  }
  size_t in_use() const { return sequences_.size(); }

  std::int64_t passes = 0;
  std::int64_t rows = 0;
  std::int64_t most_rows = 0;  // of one pass
  ThreadTeam* team = nullptr;

 private:
  struct Node {
    Token token;
    std::int32_t parent;
  };
  struct Cached {
    std::vector<Token> prefix;
    std::vector<Node> tree;
    bool forked = false;

    std::int64_t slots() const { return std::ssize(prefix) + std::ssize(tree); }
    // The prefix and the path through the tree to its latest row.
    std::vector<Token> latest_path() const {
      std::vector<Token> path;
      for (auto row = static_cast<std::int32_t>(tree.size()) - 1; row >= 0;
           row = tree[static_cast<size_t>(row)].parent) {
        path.insert(path.begin(), tree[static_cast<size_t>(row)].token);
      }
      path.insert(path.begin(), prefix.begin(), prefix.end());
      return path;
    }
  };

  void write_hidden(const Batch& batch, std::int64_t row,
                    std::span<const Token> prefix) {
    const std::span<const std::int64_t> layers = batch.hidden_layers();
    for (std::int64_t i = 0; i < std::ssize(layers); ++i) {
      std::ranges::copy(
          ToyHidden::row(layers[static_cast<size_t>(i)], prefix),
          hidden_.begin() + (i * batch.hidden_rows() + row) * ToyHidden::kSize);
    }
  }

  LogitTable table_;
  std::int64_t n_positions_;
  size_t max_sequences_;
  size_t created_ = 0;  // in use, and no forks
  std::int64_t pool_;
  SequenceId next_ = 0;
  std::map<SequenceId, Cached> sequences_;
  std::vector<float> out_;
  std::vector<float> hidden_;  // [layers, rows, ToyHidden::kSize]
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_TABLE_SCORER_H_
