#include "speculative/drafters/tree_draft.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pilotfish {
namespace {

// Tokens that wait for their rows get them in one pass of the draft model. A
// token that is less likely than this share of the likeliest of them is not
// added before that pass: what follows those is probably likelier.
constexpr double kPatience = 0.5;

// A row of the target's pass is not spent on a token that is less likely.
constexpr double kWorthPerRow = 0.02;

// Where siblings are drawn, a sibling is taken to have this share of what the
// earlier ones leave.
constexpr double kSecondChance = 0.5;

// The entries of q, the most probable first.
std::vector<Distribution::Entry> ranked(const Distribution& q) {
  std::vector<Distribution::Entry> entries(q.entries().begin(),
                                           q.entries().end());
  std::ranges::sort(entries, [](const auto& a, const auto& b) {
    return a.probability != b.probability ? a.probability > b.probability
                                          : a.token < b.token;
  });
  return entries;
}

// What is left of q after a token was drawn from it; empty where that is
// nothing.
Distribution without(const Distribution& q, Token token) {
  std::vector<Distribution::Entry> left;
  left.reserve(q.entries().size());
  double mass = 0;
  for (const Distribution::Entry& entry : q.entries()) {
    if (entry.token == token || entry.probability <= 0) continue;
    left.push_back(entry);
    mass += entry.probability;
  }
  for (Distribution::Entry& entry : left) entry.probability /= mass;
  return Distribution(std::move(left));
}

// The sequence's own parameters, without those that would leave a single token.
SamplingParams ranking_params(SamplingParams params, std::int64_t width) {
  params.temperature = 1;
  params.top_k = width;
  params.typical_p = 1;
  params.top_p = 1;
  params.min_p = 0;
  return params;
}

}  // namespace

TreeDraft::TreeDraft(const DraftRequest& request, const TreeLimits& limits,
                     Draft& draft)
    : request_(&request),
      limits_(limits),
      draft_(&draft),
      rollback_(*request.history),
      size_(request.sequence->size()),
      drawn_at_(static_cast<size_t>(limits.depth)) {
  if (greedy()) ranking_ = ranking_params(sequence().sampling(), limits.width);
}

void TreeDraft::expand(std::int32_t token, std::span<const float> logits,
                       LogitsProcessor& processor) {
  look_ahead(token);
  const Sequence& sequence = this->sequence();
  Distribution q =
      processor.process(logits, greedy() ? ranking_ : sequence.sampling(),
                        *request_->history, sequence.stop_tokens());
  if (q.empty()) {
    report_fault(*request_, request_->history->size(), processor.fault());
    return;
  }
  const auto i = static_cast<size_t>(token);
  Branching& branching = branchings_.emplace_back(
      Branching{.parent = token,
                .place = token < 0 ? 0 : places_[i] + 1,
                .likelihood = token < 0 ? 1 : likelihoods_[i]});
  if (greedy()) {
    branching.ranked = ranked(q);
    branching.largest = processor.share_of_largest();
    const double scale =
        branching.largest / branching.ranked.front().probability;
    for (Distribution::Entry& entry : branching.ranked) {
      entry.probability *= scale;
    }
    processor.recycle(std::move(q));
    return;
  }
  for (const Distribution::Entry& entry : q.entries()) {
    branching.largest = std::max(branching.largest, entry.probability);
  }
  branching.left = std::move(q);
}

// Makes the request's history end with the drafted tokens down to `token`.
void TreeDraft::look_ahead(std::int32_t token) {
  std::vector<Token> path;
  for (; token >= 0; token = draft_->parents[static_cast<size_t>(token)]) {
    path.push_back(draft_->tokens[static_cast<size_t>(token)]);
  }
  TokenHistory& history = *request_->history;
  history.truncate(size_);
  for (auto it = path.rbegin(); it != path.rend(); ++it) history.push(*it);
}

void TreeDraft::grow() {
  open_.clear();
  double best_open = 0;
  const auto tokens = [&] { return std::ssize(draft_->tokens); };
  while (tokens() < limits_.tokens) {
    Branching* const branching = most_likely();
    if (branching == nullptr) break;
    const double likely = likelihood(*branching);
    if (likely < kPatience * best_open) return;
    if (!worth(likely)) {
      if (best_open > 0 && worth(best_open)) return;
      open_.clear();
      return;
    }
    const Token token = draw(*branching);
    draft_->tokens.push_back(token);
    draft_->parents.push_back(branching->parent);
    places_.push_back(branching->place);
    likelihoods_.push_back(likely);
    if (branching->place + 1 < limits_.depth && !sequence().is_stop(token)) {
      open_.push_back(static_cast<std::int32_t>(tokens() - 1));
      best_open = std::max(best_open, likely);
    }
  }
  if (tokens() == limits_.tokens) open_.clear();
}

bool TreeDraft::worth(double likelihood) const {
  return request_->guide == nullptr ||
         request_->guide->worth(std::ssize(draft_->tokens), likelihood);
}

double TreeDraft::likelihood(const Branching& branching) const {
  const auto width = static_cast<size_t>(limits_.width);
  if (branching.drawn >= width) return 0;
  const bool has_more = greedy() ? branching.drawn < branching.ranked.size()
                                 : !branching.left.empty();
  if (!has_more) return 0;
  const double first = limits_.trust.first(branching.largest);
  if (branching.drawn == 0) return branching.likelihood * first;
  return branching.likelihood * (1 - first) *
         limits_.trust.later(share(branching, branching.drawn));
}

double TreeDraft::share(const Branching& branching, std::size_t rank) const {
  if (!greedy()) {
    const auto before = static_cast<double>(rank - 1);
    return kSecondChance * std::pow(1 - kSecondChance, before);
  }
  const double left = 1 - branching.largest;
  return left > 0 ? branching.ranked[rank].probability / left : 0;
}

std::vector<TreePlace> TreeDraft::places() const {
  std::vector<TreePlace> places(1 + draft_->size());
  for (const Branching& branching : branchings_) {
    TreePlace& place = places[static_cast<size_t>(branching.parent + 1)];
    place.largest = branching.largest;
    for (size_t rank = 1; rank < branching.drawn; ++rank) {
      place.later += share(branching, rank);
    }
  }
  return places;
}

// The branching whose next token is the most likely to be accepted; nullptr
// where no token is worth a row.
TreeDraft::Branching* TreeDraft::most_likely() {
  Branching* best = nullptr;
  double most = kWorthPerRow;
  for (Branching& branching : branchings_) {
    const double likely = likelihood(branching);
    if (likely <= most) continue;
    most = likely;
    best = &branching;
  }
  return best;
}

Token TreeDraft::draw(Branching& branching) {
  const size_t rank = branching.drawn++;
  if (greedy()) return branching.ranked[rank].token;
  const auto place = static_cast<size_t>(branching.place);
  const Token token =
      draw_branch(branching.left, *request_,
                  static_cast<std::uint64_t>(size_ + branching.place), place,
                  drawn_at_[place]++);
  Distribution rest = without(branching.left, token);
  draft_->probs.push_back(std::exchange(branching.left, std::move(rest)));
  return token;
}

}  // namespace pilotfish
