// What drafters are told after each pass (Drafter::commit): a toy head that
// drafts from the target's hidden rows and follows the accepted path.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/forwarding_scorer.h"
#include "speculative/testing/decoder_bench.h"
#include "speculative/testing/windows.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::ArgmaxDrafter;
using test::copy;
using test::LogitTable;
using test::plain_text;
using test::small_toy;
using test::SnapshotScorer;
using test::TableScorer;
using test::Tokens;
using test::Toy;
using test::ToyHidden;

// Knows of a text what the target's hidden rows said, and no more: the row of
// the token before the newest gives that token and the length. Checks that it
// gets the row of every token, and those of kept tokens from their own places.
class ToyHead final : public Drafter {
 public:
  ToyHead(const LogitTable& draft, const LogitTable& target, bool trees,
          std::vector<std::int64_t> layers = {1, 3})
      : draft_(draft),
        target_(target),
        trees_(trees),
        layers_(std::move(layers)) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      drafts.emplace_back();
      State& state = states_.find_or_make(request.sequence->key);
      state.proposed.clear();
      if (request.length == 0) continue;
      // All but the newest token's.
      EXPECT_EQ(state.seen, request.sequence->size() - 1);
      draw(request, state, drafts.back());
      state.proposed = drafts.back().tokens;
    }
    return drafts;
  }

  std::span<const std::int64_t> hidden_layers() const override {
    return layers_;
  }

  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override {
    for (const PassRows& pass : passes) {
      const Sequence& sequence = *pass.sequence;
      EXPECT_NE(sequence.window(), 1) << "plain decoding pays for hidden rows";
      State& state = states_.find_or_make(sequence.key);
      if (!state.proposed.empty()) check_path(pass, state.proposed);
      state.proposed.clear();
      kept += std::ssize(pass.kept);
      prompt_rows += pass.first_logits < 0 ? pass.rows() : 0;
      EXPECT_LE(pass.first, state.seen) << "rows are missing";
      repeated += state.seen - pass.first;
      for (std::int64_t i = 0; i < pass.rows(); ++i) {
        check_row(pass, i, output);
        if (pass.first + i < state.seen) continue;
        state.last = copy_of(output.hidden(layers_[0], pass.hidden_row(i)));
        ++state.seen;
      }
    }
  }

  std::int64_t kept = 0;
  std::int64_t prompt_rows = 0;  // without logits
  std::int64_t repeated = 0;     // rows that came before
  std::int64_t branched = 0;     // drafts

 private:
  using Row = std::vector<float>;

  struct State {
    std::int64_t seen = 0;  // tokens whose rows have come
    Row last;               // that of the last of them
    Tokens proposed;
  };

  static Row copy_of(std::span<const float> row) {
    return {row.begin(), row.end()};
  }

  void check_path(const PassRows& pass, const Tokens& proposed) const {
    for (size_t i = 0; i < pass.kept.size(); ++i) {
      const auto at = static_cast<size_t>(pass.first + pass.own) + i;
      EXPECT_EQ(pass.sequence->tokens()[at],
                proposed[static_cast<size_t>(pass.kept[i])]);
    }
  }

  void check_row(const PassRows& pass, std::int64_t i,
                 const PassOutput& output) const {
    const std::span<const Token> prefix =
        pass.sequence->tokens().first(static_cast<size_t>(pass.first + i + 1));
    for (const std::int64_t layer : layers_) {
      const auto expected = ToyHidden::row(layer, prefix);
      EXPECT_TRUE(std::ranges::equal(output.hidden(layer, pass.hidden_row(i)),
                                     expected))
          << "layer " << layer << ", token " << pass.first + i;
    }
    const std::int64_t logits = pass.logits_row(i);
    if (logits < 0) return;
    EXPECT_TRUE(std::ranges::equal(output.logits(logits), target_.row(prefix)));
  }

  Token best(Token before, Token last, std::int64_t length,
             Token but = -1) const {
    const std::span<const float> row = draft_.row(before, last, length);
    Token found = but == 0 ? 1 : 0;
    for (Token token = 0; token < std::ssize(row); ++token) {
      if (token != but &&
          row[static_cast<size_t>(token)] > row[static_cast<size_t>(found)]) {
        found = token;
      }
    }
    return found;
  }

  void draw(const DraftRequest& request, const State& state, Draft& draft) {
    auto before = static_cast<Token>(state.last[1]);
    Token last = request.sequence->tokens().back();
    auto length = static_cast<std::int64_t>(state.last[2]) + 1;
    std::int32_t parent = -1;
    const std::int64_t most = trees_ ? request.tree_size : request.length;
    // In a tree, a rival beside each token of the path.
    for (std::int64_t depth = 0; depth < request.length; ++depth) {
      if (std::ssize(draft.tokens) == most) break;
      const Token token = best(before, last, length);
      draft.tokens.push_back(token);
      draft.parents.push_back(parent);
      const auto at = static_cast<std::int32_t>(draft.size()) - 1;
      if (trees_ && std::ssize(draft.tokens) < most) {
        draft.tokens.push_back(best(before, last, length, token));
        draft.parents.push_back(parent);
        ++branched;
      }
      parent = at;
      before = std::exchange(last, token);
      ++length;
    }
    if (!trees_) draft.parents.clear();
  }

  const LogitTable& draft_;
  const LogitTable& target_;
  bool trees_;
  std::vector<std::int64_t> layers_;
  PerSequence<State> states_;
};

struct CommitSetting {
  std::int64_t window = 4;
  std::int64_t chunk = 512;
  bool snapshots = false;
  std::shared_ptr<WindowPolicy> policy = nullptr;
};

struct CommitOutcome {
  std::vector<Tokens> texts;
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;

  friend bool operator==(const CommitOutcome&, const CommitOutcome&) = default;
};

// Five sequences, of which one decodes plainly.
SequenceOptions request(const Toy& toy, std::uint64_t i,
                        const CommitSetting& setting) {
  SequenceOptions options = toy.sequence(i);
  options.prompt.resize(1 + 4 * i, static_cast<Token>(i));
  options.max_tokens = toy.max_tokens + static_cast<std::int64_t>(i);
  options.window = i == 3 ? 1 : setting.window;
  return options;
}

CommitOutcome run(const Toy& toy, Drafter& drafter,
                  const CommitSetting& setting) {
  TableScorer table(toy.target);
  SnapshotScorer snapshots(table);
  SpeculativeDecoder decoder(
      setting.snapshots ? static_cast<Scorer&>(snapshots) : table, drafter,
      make_acceptor("block"),
      {.prefill_chunk = setting.chunk,
       .mixed_chunk = setting.chunk,
       .policy = setting.policy});
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> active;
  for (std::uint64_t i = 0; i < 5; ++i) {
    sequences.push_back(std::make_unique<Sequence>(request(toy, i, setting)));
    decoder.admit(*sequences.back());
    active.push_back(sequences.back().get());
  }
  while (!active.empty()) {
    decoder.step(active);
    std::erase_if(active, [](const Sequence* it) { return it->finished(); });
  }
  CommitOutcome outcome;
  for (const auto& sequence : sequences) {
    outcome.texts.push_back(copy(sequence->generated()));
    for (const IterationStats& it : sequence->iterations()) {
      outcome.drafted += it.drafted;
      outcome.accepted += it.accepted;
    }
    decoder.retire(*sequence);
  }
  return outcome;
}

// Chunks of prompts, batches, windows, and a target that goes back too far:
// the head drafts what one would that reads the text itself.
TEST(Commit, AHeadDraftsFromHiddenRows) {
  const Toy toy = small_toy(0.7f);
  for (const std::int64_t window : {2, 4, 7}) {
    for (const std::int64_t chunk : {1, 3, 8, 512}) {
      for (const bool snapshots : {false, true}) {
        const CommitSetting setting = {window, chunk, snapshots};
        ToyHead head(toy.draft, toy.target, false);
        ArgmaxDrafter reader(toy.draft);
        EXPECT_EQ(run(toy, head, setting), run(toy, reader, setting))
            << "window " << window << ", chunk " << chunk << ", snapshots "
            << snapshots;
        EXPECT_GT(head.kept, 10);
        EXPECT_EQ(head.prompt_rows > 0, chunk < 40);
        EXPECT_EQ(head.repeated > 0, snapshots);
      }
    }
  }
}

TEST(Commit, AHeadDraftsTreesFromHiddenRows) {
  const Toy toy = small_toy(0.7f);
  NoDrafter none;
  const auto plain = run(toy, none, {}).texts;
  for (const std::int64_t window : {3, 5, 8}) {
    for (const std::int64_t chunk : {3, 512}) {
      for (const bool snapshots : {false, true}) {
        ToyHead head(toy.draft, toy.target, true);
        EXPECT_EQ(run(toy, head, {window, chunk, snapshots}).texts, plain);
        EXPECT_GT(head.branched, 10);
        EXPECT_GT(head.kept, 10);
        EXPECT_EQ(head.repeated > 0, snapshots);
      }
    }
  }
}

// Also where the policy lets it draft now and then: rows come all the same.
TEST(Commit, RowsComeWhetherOrNotItDrafted) {
  const Toy toy = small_toy(0.7f);
  NoDrafter none;
  const auto plain = run(toy, none, {}).texts;
  for (unsigned seed = 0; seed < 10; ++seed) {
    ToyHead head(toy.draft, toy.target, seed % 2 == 0);
    EXPECT_EQ(run(toy, head,
                  {.window = kAutoWindow,
                   .chunk = 5,
                   .policy = std::make_shared<test::WildWindow>(seed)})
                  .texts,
              plain);
    EXPECT_GT(head.kept, 0);
  }
}

// Each of several drafters gets the layers it asked for.
TEST(Commit, DraftersInPreferenceHaveTheirOwnLayers) {
  const Toy toy = small_toy(0.7f);
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<NgramDrafter>());
  auto first = std::make_unique<ToyHead>(toy.draft, toy.target, false,
                                         std::vector<std::int64_t>{2, 5});
  auto second = std::make_unique<ToyHead>(toy.draft, toy.target, false,
                                          std::vector<std::int64_t>{0, 2});
  const ToyHead& drafts = *first;
  const ToyHead& watches = *second;
  drafters.push_back(std::move(first));
  drafters.push_back(std::move(second));
  PreferenceDrafter preference(std::move(drafters));
  const auto layers = preference.hidden_layers();
  EXPECT_EQ(std::vector<std::int64_t>(layers.begin(), layers.end()),
            (std::vector<std::int64_t>{0, 2, 5}));
  NoDrafter none;
  EXPECT_EQ(run(toy, preference, {.chunk = 6}).texts, run(toy, none, {}).texts);
  EXPECT_GT(drafts.kept, 10);
  EXPECT_EQ(watches.kept, drafts.kept);
}

// A target without hidden rows cannot serve a head, and says so.
TEST(Commit, ATargetWithoutHiddenRowsIsAnError) {
  class Silent final : public ForwardingScorer {
   public:
    using ForwardingScorer::ForwardingScorer;
    ForwardOutput forward(const Batch& batch) override {
      return {.logits = inner_->forward(batch).logits, .hidden = {}};
    }
  };
  const Toy toy = small_toy();
  TableScorer table(toy.target);
  Silent target(table);
  ToyHead head(toy.draft, toy.target, false);
  SpeculativeDecoder decoder(target, head, make_acceptor("block"));
  Sequence sequence(toy.sequence(0));
  decoder.admit(sequence);
  Sequence* const one[] = {&sequence};
  EXPECT_THROW(decoder.step(one), Error);
}

}  // namespace
}  // namespace pilotfish
