#ifndef PILOTFISH_SPECULATIVE_TESTING_TOY_RULE_H_
#define PILOTFISH_SPECULATIVE_TESTING_TOY_RULE_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sampling/processors.h"
#include "sampling/token_rule.h"
#include "speculative/testing/toy.h"

namespace pilotfish::test {

// A rule over a toy's tokens: a finite automaton, and as strict as a real one.
class ToyRule final : public TokenRule {
 public:
  struct Node {
    // The tokens that can come, and the node that each leads to.
    std::map<Token, std::size_t> next = {};
    bool may_end = false;
  };

  // A text begins at the first node.
  explicit ToyRule(std::vector<Node> nodes) : nodes_(std::move(nodes)) {}

  // Some nodes leave no choice, and some texts have no end.
  static std::shared_ptr<const ToyRule> random(std::int64_t vocab_size,
                                               unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Node> nodes(3 + random() % 6);
    for (Node& node : nodes) {
      node.may_end = random() % 3 == 0;
      const bool has_choice = random() % 3 != 0;
      for (Token token = 0; token < vocab_size; ++token) {
        if (has_choice && random() % 2 == 0) {
          node.next[token] = random() % nodes.size();
        }
      }
      if (node.next.empty()) {
        const auto token =
            static_cast<Token>(random() % static_cast<unsigned>(vocab_size));
        node.next[token] = random() % nodes.size();
      }
    }
    if (random() % 2 == 0) nodes.back() = {.next = {}, .may_end = true};
    return std::make_shared<ToyRule>(std::move(nodes));
  }

  const Node& first() const { return nodes_.front(); }
  const Node& node(std::size_t i) const { return nodes_.at(i); }

  State begin() const override { return state(0); }
  State after(const State& state, Token token) const override {
    const Node& node = node_of(state);
    const auto found = node.next.find(token);
    return found == node.next.end() ? nullptr : this->state(found->second);
  }
  bool may_end(const State& state) const override {
    return node_of(state).may_end;
  }
  bool must_end(const State& state) const override {
    return node_of(state).may_end && node_of(state).next.empty();
  }
  bool allow(const State& state,
             std::vector<std::uint64_t>& allowed) const override {
    allowed.clear();
    for (const auto& [token, next] : node_of(state).next) {
      const auto bit = static_cast<std::size_t>(token);
      if (bit / 64 >= allowed.size()) allowed.resize(bit / 64 + 1);
      allowed[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    return true;
  }
  std::string fault(const State&) const override {
    return "nothing can come next";
  }
  std::vector<Token> forced(const State& state, std::span<const Token>,
                            std::int64_t most) const override {
    std::vector<Token> tokens;
    for (const Node* node = &node_of(state);
         node->next.size() == 1 && !node->may_end && std::ssize(tokens) < most;
         node = &nodes_[node->next.begin()->second]) {
      tokens.push_back(node->next.begin()->first);
    }
    return tokens;
  }

 private:
  State state(std::size_t i) const {
    return {std::shared_ptr<void>(), &nodes_[i]};
  }
  // A rule must not be asked about a text that has broken it.
  static const Node& node_of(const State& state) {
    if (state == nullptr) throw std::logic_error("past the end of a rule");
    return *static_cast<const Node*>(state.get());
  }

  std::vector<Node> nodes_;
};

// A text that keeps to a rule, decoded without decoder, cache or the masks of
// LogitsProcessor: tokens are ruled out one by one, by a bias.
class TextByHand {
 public:
  TextByHand(const Toy& toy, const ToyRule& rule)
      : toy_(&toy), rule_(&rule), node_(&rule.first()), tokens_(toy.prompt) {}

  std::vector<Token> text() const {
    return {tokens_.begin() + std::ssize(toy_->prompt), tokens_.end()};
  }
  std::int64_t size() const { return std::ssize(tokens_); }
  bool is_stop(Token token) const {
    return std::ranges::count(toy_->stop_tokens, token) > 0;
  }
  bool is_full() const {
    return size() - std::ssize(toy_->prompt) == toy_->max_tokens;
  }
  bool ended() const {
    return stopped_ || is_full() ||
           (toy_->stop_tokens.empty() && node_->may_end && node_->next.empty());
  }
  // Where the rule stands.
  const ToyRule::Node* node() const { return node_; }
  bool allows(Token token) const {
    return node_->next.contains(token) || (node_->may_end && is_stop(token));
  }
  // What comes next in a text of this table; empty: nothing can.
  Distribution next(const LogitTable& table) const {
    return next_of(table, [this](Token token) { return allows(token); });
  }

  // For being wrong.

  Distribution unruled(const LogitTable& table) const {
    return next_of(table, [](Token) { return true; });
  }
  // No end token unless there is nothing else.
  Distribution next_without_end(const LogitTable& table) const {
    if (node_->next.empty()) return next(table);
    return next_of(table,
                   [this](Token token) { return node_->next.contains(token); });
  }
  // The other's tokens, and where the rule stands behind this one's.
  TextByHand with_tokens_of(const TextByHand& other) const {
    TextByHand result = other;
    result.node_ = node_;
    return result;
  }

  void push(Token token) {
    tokens_.push_back(token);
    stopped_ = is_stop(token);
    const auto found = node_->next.find(token);
    if (found != node_->next.end()) node_ = &rule_->node(found->second);
  }

 private:
  template <typename Allowed>
  Distribution next_of(const LogitTable& table, const Allowed& allowed) const {
    SamplingParams params = toy_->sampling;
    for (Token token = 0; token < table.vocab_size(); ++token) {
      if (allowed(token)) continue;
      params.logit_bias[token] = -std::numeric_limits<float>::infinity();
    }
    TokenHistory history(toy_->prompt, params);
    for (const Token token : text()) history.push(token);
    return LogitsProcessor().process(table.row(tokens_), params, history,
                                     toy_->stop_tokens);
  }

  const Toy* toy_;
  const ToyRule* rule_;
  const ToyRule::Node* node_;
  std::vector<Token> tokens_;
  bool stopped_ = false;
};

// The target's joint distribution under a rule. What has no continuation, a
// fault of the rule, counts as a text of its own.
inline std::map<std::vector<Token>, double> joint_by_hand(const Toy& toy,
                                                          const ToyRule& rule) {
  std::map<std::vector<Token>, double> joint;
  const auto go_on = [&](const auto& self, const TextByHand& text,
                         double probability) -> void {
    const Distribution p =
        text.ended() ? Distribution() : text.next(toy.target);
    if (p.empty()) joint[text.text()] += probability;
    for (const auto& entry : p.entries()) {
      TextByHand longer = text;
      longer.push(entry.token);
      self(self, longer, probability * entry.probability);
    }
  };
  go_on(go_on, TextByHand(toy, rule), 1);
  return joint;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_TOY_RULE_H_
