// Targets and drafts that cannot go back to any length (Scorer::truncate,
// keep): what is missing is encoded again, and nothing else is different.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/testing/decoder_bench.h"
#include "speculative/testing/windows.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::copy;
using test::plain_text;
using test::small_toy;
using test::SnapshotScorer;
using test::TableScorer;
using test::Tokens;
using test::Toy;

struct SnapshotSetting {
  std::int64_t every = 0;  // tokens between snapshots; 0: any length will do
  bool target_falls = true;
  bool draft_falls = true;
  std::int64_t tree_width = 1;
  std::int64_t chunk = 512;
  const char* acceptor = "block";
  std::shared_ptr<WindowPolicy> policy = nullptr;
};

// What became of a text, and what its iterations were like.
struct Run {
  Tokens text;
  std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> iterations;

  friend bool operator==(const Run&, const Run&) = default;
};

std::int64_t missing_so_far = 0;  // in all tests so far

std::vector<Run> runs(const Toy& toy, const SnapshotSetting& setting) {
  constexpr std::uint64_t kTogether = 3;
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  const bool falls = setting.every > 0;
  SnapshotScorer short_target(target, falls ? setting.every : 1);
  SnapshotScorer short_draft(draft, falls ? setting.every : 1);
  Scorer& used_target =
      setting.target_falls ? static_cast<Scorer&>(short_target) : target;
  Scorer& used_draft =
      setting.draft_falls ? static_cast<Scorer&>(short_draft) : draft;
  std::unique_ptr<Drafter> drafter;
  if (setting.tree_width > 1) {
    drafter = std::make_unique<TreeDrafter>(used_draft, 16, setting.tree_width,
                                            setting.chunk);
  } else {
    drafter = std::make_unique<ModelDrafter>(used_draft, 16, setting.chunk);
  }
  SpeculativeDecoder decoder(
      used_target, *drafter, make_acceptor(setting.acceptor),
      {.prefill_chunk = setting.chunk, .policy = setting.policy});
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> active;
  for (std::uint64_t seed = 0; seed < kTogether; ++seed) {
    SequenceOptions options = toy.sequence(seed);
    options.prompt.resize(2 + 3 * seed, 5);
    sequences.push_back(std::make_unique<Sequence>(options));
    decoder.admit(*sequences.back());
    active.push_back(sequences.back().get());
  }
  while (!active.empty()) {
    decoder.step(active);
    for (const Sequence* sequence : active) {
      // Whatever is cached is the text's own.
      const Tokens& cached = target.cached(sequence->target_id);
      EXPECT_LT(std::ssize(cached), sequence->size());
      EXPECT_TRUE(std::ranges::equal(
          cached, sequence->tokens().first(
                      std::min(cached.size(), sequence->tokens().size()))));
    }
    std::erase_if(active, [](const Sequence* it) { return it->finished(); });
  }
  missing_so_far += short_target.missing + short_draft.missing;
  std::vector<Run> result;
  for (const auto& sequence : sequences) {
    Run& run = result.emplace_back(Run{copy(sequence->generated()), {}});
    for (const IterationStats& it : sequence->iterations()) {
      run.iterations.emplace_back(it.drafted, it.accepted, it.emitted);
    }
    decoder.retire(*sequence);
  }
  EXPECT_EQ(draft.in_use(), 0u);
  return result;
}

Toy toy_at(double temperature, float noise) {
  Toy toy = small_toy(noise);
  toy.sampling.temperature = temperature;
  toy.sampling.frequency_penalty = 0.3;
  toy.max_tokens = 24;
  return toy;
}

// As target, as draft, as both: the same drafts, verdicts and texts, also those
// of rules that look at what was drafted.
TEST(Snapshots, NeitherTextsNorDraftsDependOnThem) {
  missing_so_far = 0;
  for (const double temperature : {0.0, 1.0}) {
    for (const float noise : {0.0f, 0.7f, 5.0f}) {
      Toy toy = toy_at(temperature, noise);
      for (toy.window = 1; toy.window <= 7; toy.window += 2) {
        for (const char* acceptor : {"rejection", "block", "coupled"}) {
          const auto expected = runs(toy, {.acceptor = acceptor});
          for (const std::int64_t every : {4, 7, 1000}) {
            for (const auto& [target, draft] :
                 {std::pair{true, false}, {false, true}, {true, true}}) {
              EXPECT_EQ(runs(toy, {.every = every,
                                   .target_falls = target,
                                   .draft_falls = draft,
                                   .acceptor = acceptor}),
                        expected)
                  << acceptor << ", window " << toy.window << ", snapshots "
                  << every << ", target " << target << ", draft " << draft;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(missing_so_far, 10000);
}

// What is encoded again shares the chunks with prompts.
TEST(Snapshots, NorDoTextsInSmallChunks) {
  for (const double temperature : {0.0, 1.0}) {
    Toy toy = toy_at(temperature, 0.7f);
    const auto expected = runs(toy, {.acceptor = "coupled"});
    for (const std::int64_t chunk : {1, 2, 3, 5}) {
      const auto found =
          runs(toy, {.every = 4, .chunk = chunk, .acceptor = "coupled"});
      ASSERT_EQ(found.size(), expected.size());
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].text, expected[i].text) << "chunk " << chunk;
      }
    }
  }
}

// A tree's accepted path falls short as a truncation does.
TEST(Snapshots, NorDoTrees) {
  missing_so_far = 0;
  for (const double temperature : {0.0, 1.0}) {
    for (const float noise : {0.3f, 2.0f}) {
      Toy toy = toy_at(temperature, noise);
      for (const std::int64_t window : {2, 4, 8}) {
        toy.window = window;
        for (const char* acceptor : {"rejection", "coupled"}) {
          SnapshotSetting setting = {.tree_width = 3, .acceptor = acceptor};
          const auto expected = runs(toy, setting);
          for (const std::int64_t every : {4, 1000}) {
            setting.every = every;
            EXPECT_EQ(runs(toy, setting), expected)
                << acceptor << ", window " << window << ", snapshots " << every;
          }
        }
      }
    }
  }
  EXPECT_GT(missing_so_far, 1000);
}

TEST(Snapshots, NorDoGreedyTextsUnderAnyPolicy) {
  Toy toy = toy_at(0, 0.7f);
  toy.sampling.frequency_penalty = 0;
  toy.window = kAutoWindow;
  for (const std::int64_t width : {1, 3}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      const auto found =
          runs(toy, {.every = 4,
                     .tree_width = width,
                     .chunk = 1 + seed % 5,
                     .policy = std::make_shared<test::WildWindow>(seed)});
      EXPECT_EQ(found.front().text, plain_text(toy, 0)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace pilotfish
