#include "speculative/window/shared_draft.h"

#include <gtest/gtest.h>

#include <vector>

namespace pilotfish {
namespace {

AcceptanceEstimate accepting(double share) {
  AcceptanceEstimate estimate(0.99, nullptr);
  estimate.restart(share);
  return estimate;
}

// A row more of each sequence costs `row` of a plain pass.
DraftTerms terms(std::int64_t batch, double row, double draft) {
  DraftTerms terms;
  terms.batch = batch;
  terms.draft = draft;
  for (int k = 0; k < 16; ++k) terms.verify.push_back(1 + row * k);
  return terms;
}

TEST(SharedDraft, OfAlikeSequencesIsThatOfOne) {
  const AcceptanceEstimate acceptance = accepting(0.7);
  std::vector<Prospect> one(1, {&acceptance});
  std::vector<Prospect> many(8, {&acceptance});
  const SharedDraft alone = best_shared_draft(terms(1, 0.1, 0.1), one, 1, 7);
  const SharedDraft together =
      best_shared_draft(terms(8, 0.1, 0.1), many, 1, 7);
  EXPECT_TRUE(alone.pays());
  EXPECT_EQ(together.window, alone.window);
  EXPECT_NEAR(together.rate, alone.rate, 1e-12);
}

// One that guesses well among seven that do not: it would hold these up.
TEST(SharedDraft, OneSequenceDoesNotHoldUpTheOthers) {
  const AcceptanceEstimate good = accepting(0.9);
  const AcceptanceEstimate bad = accepting(0.02);
  const DraftTerms terms = ::pilotfish::terms(8, 0.1, 0.15);
  std::vector<Prospect> prospects(8, {&bad});
  prospects[3].acceptance = &good;
  EXPECT_FALSE(best_shared_draft(terms, prospects, 1, 7).pays());
  EXPECT_TRUE(prospects[3].joins);
  EXPECT_FALSE(prospects[0].joins);
  for (size_t i = 4; i < 8; ++i) prospects[i].acceptance = &good;
  EXPECT_TRUE(best_shared_draft(terms, prospects, 1, 7).pays());
}

// Where others pay for the pass, a row of its own is all that it costs.
TEST(SharedDraft, APassThatOthersNeedIsFree) {
  const AcceptanceEstimate good = accepting(0.9);
  const AcceptanceEstimate poor = accepting(0.15);
  const DraftTerms terms = ::pilotfish::terms(4, 0.1, 0.15);
  std::vector<Prospect> alone(4, {&poor});
  EXPECT_FALSE(best_shared_draft(terms, alone, 1, 7).pays());
  std::vector<Prospect> prospects(4, {&good});
  prospects[0].acceptance = &poor;
  EXPECT_TRUE(best_shared_draft(terms, prospects, 1, 7).pays());
  EXPECT_TRUE(prospects[0].joins);
}

// All wait while the drafter encodes what it has missed.
TEST(SharedDraft, CatchingUpCostsAllOfThem) {
  const AcceptanceEstimate acceptance = accepting(0.7);
  std::vector<Prospect> prospects(8, {&acceptance});
  const DraftTerms terms = ::pilotfish::terms(8, 0.1, 0.1);
  const double rate = best_shared_draft(terms, prospects, 1, 7).rate;
  for (Prospect& prospect : prospects) prospect.entry = 0.01;
  EXPECT_LT(best_shared_draft(terms, prospects, 1, 7).rate, rate);
  for (Prospect& prospect : prospects) prospect.entry = 0.2;
  EXPECT_FALSE(best_shared_draft(terms, prospects, 1, 7).pays());
  for (size_t i = 0; i < 7; ++i) prospects[i].entry = 0;
  EXPECT_TRUE(best_shared_draft(terms, prospects, 1, 7).pays());
  EXPECT_FALSE(prospects[7].joins);
}

// Sequences that do not draft at all wait too.
TEST(SharedDraft, CountsThoseThatAreNotAsked) {
  const AcceptanceEstimate good = accepting(0.9);
  std::vector<Prospect> prospects(1, {&good});
  EXPECT_TRUE(best_shared_draft(terms(1, 0.1, 0.3), prospects, 1, 7).pays());
  EXPECT_FALSE(best_shared_draft(terms(8, 0.1, 0.3), prospects, 1, 7).pays());
}

TEST(SharedDraft, NobodyIsNothing) {
  EXPECT_FALSE(best_shared_draft(terms(2, 0.1, 0.1), {}, 1, 7).pays());
}

std::vector<bool> who_goes_on(const DraftTerms& terms,
                              const std::vector<double>& survivals) {
  const AcceptanceEstimate acceptance = accepting(0.5);
  std::vector<Drafting> sequences;
  for (const double survival : survivals) {
    sequences.push_back({&acceptance, survival, 2, 7});
  }
  share_next_pass(terms, terms.draft, sequences);
  std::vector<bool> goes_on;
  for (const Drafting& sequence : sequences) {
    goes_on.push_back(sequence.goes_on);
  }
  return goes_on;
}

// The next token of one is accepted with 0.45: worth a pass to itself, not to
// four.
TEST(SharedDraft, AStragglerIsNotWaitedFor) {
  EXPECT_EQ(who_goes_on(terms(1, 0.1, 0.15), {0.9}), std::vector{true});
  EXPECT_EQ(who_goes_on(terms(4, 0.1, 0.15), {0.9}), std::vector{false});
  EXPECT_EQ(who_goes_on(terms(4, 0.1, 0.15), {0.9, 0.9, 0.9, 0.1}),
            (std::vector{true, true, true, false}));
}

TEST(SharedDraft, GoesNoFurtherThanAllowed) {
  const AcceptanceEstimate acceptance = accepting(0.9);
  std::vector<Drafting> sequences(2, {&acceptance, 1, 2, 2});
  sequences[1].length = 3;
  share_next_pass(terms(2, 0.1, 0.01), 0.01, sequences);
  EXPECT_FALSE(sequences[0].goes_on);
  EXPECT_TRUE(sequences[1].goes_on);
}

}  // namespace
}  // namespace pilotfish
