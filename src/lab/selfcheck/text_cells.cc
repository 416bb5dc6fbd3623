#include "lab/selfcheck/text_cells.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "pilotfish/error.h"
#include "sampling/token_history.h"

namespace pilotfish {

TextCells::TextCells(TargetRows& target, const TextRecipe& recipe, double least,
                     std::size_t most_rows)
    : recipe_(recipe), least_(least), nodes_(1), probabilities_(2) {
  grow(target, most_rows);
  number_the_leaves();
}

bool TextCells::is_whole(std::span<const Token> text) const {
  return std::ssize(text) == recipe_.max_tokens ||
         (!text.empty() &&
          std::ranges::count(recipe_.stop_tokens, text.back()) > 0);
}

// Follows the most probable beginnings first.
void TextCells::grow(TargetRows& target, std::size_t most_rows) {
  std::priority_queue<std::pair<double, std::size_t>> open;
  open.emplace(1.0, 0);
  for (std::size_t rows = 0; rows < most_rows && !open.empty(); ++rows) {
    const std::size_t node = open.top().second;
    open.pop();
    follow(target, node);
    for (const auto& [token, child] : nodes_[node].children) {
      // A node with less would be divided into nothing but a rest.
      if (nodes_[child].probability >= 2 * least_ &&
          !is_whole(nodes_[child].text)) {
        open.emplace(nodes_[child].probability, child);
      }
    }
  }
}

void TextCells::follow(TargetRows& target, std::size_t node) {
  TokenHistory history(recipe_.prompt, recipe_.sampling);
  for (const Token token : nodes_[node].text) history.push(token);
  Distribution next =
      processor_.process(target.after(history.tokens()), recipe_.sampling,
                         history, recipe_.stop_tokens);
  if (next.empty()) {
    throw Error(fault_message("target", history.size(), processor_.fault()));
  }
  const double probability = nodes_[node].probability;
  double rest = 0;
  for (const Distribution::Entry& entry : next.entries()) {
    const double reached = probability * entry.probability;
    if (reached < least_) {
      rest += reached;
      continue;
    }
    nodes_[node].children.emplace(entry.token, nodes_.size());
    Node& child = nodes_.emplace_back();
    child.probability = reached;
    child.text = nodes_[node].text;
    child.text.push_back(entry.token);
  }
  nodes_[node].rest = kRarest;
  if (rest >= least_) {
    nodes_[node].rest = probabilities_.size();
    probabilities_.push_back(0);
  }
  probabilities_[nodes_[node].rest] += rest;
  nodes_[node].next = std::move(next);
}

void TextCells::number_the_leaves() {
  for (Node& node : nodes_) {
    if (!node.next.empty()) continue;
    node.cell = probabilities_.size();
    probabilities_.push_back(node.probability);
  }
}

std::size_t TextCells::cell_of(std::span<const Token> text) const {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    if (is_whole(text.first(i + 1)) != last) return kImpossible;
  }
  const Node* node = &nodes_.front();
  for (const Token token : text) {
    if (node->next.empty()) break;
    const auto child = node->children.find(token);
    if (child == node->children.end()) {
      return node->next.probability(token) > 0 ? node->rest : kImpossible;
    }
    node = &nodes_[child->second];
  }
  return node->next.empty() ? node->cell : kImpossible;
}

}  // namespace pilotfish
