// Memory for keys and values that does not last for all: requests are put back
// and go on later, and their texts are those that they have alone.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/testing/random_model_on_one_thread.h"
#include "pilotfish/drafters.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "pilotfish/kv_cache.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kPositions = 256;

class Memory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions model;
    model.n_positions = kPositions;
    target_ = load("target", model);
    model.perturbation = 0.15;
    draft_ = load("draft", model);
  }
  static void TearDownTestSuite() {
    delete draft_;
    delete target_;
    delete folder_;
  }

  static Engine engine(const EngineOptions& options) {
    return Engine(*target_, *draft_, nullptr, options);
  }

  // What so many full sequences take in the caches of both models.
  static std::int64_t bytes_for(double sequences) {
    const KvCacheOptions one = {.n_positions = kPositions};
    const std::int64_t bytes =
        KvCache::bytes_needed((*target_)->config(), one) +
        KvCache::bytes_needed((*draft_)->config(), one);
    return static_cast<std::int64_t>(sequences * static_cast<double>(bytes));
  }

  static Request request(int number, double temperature = 0) {
    Request request;
    for (int i = 0; i < 20 + 7 * number; ++i) {
      request.prompt.push_back(static_cast<Token>((i * (number + 3)) % 50 + 3));
    }
    request.max_tokens = 120;
    request.ignore_eos = true;
    request.sampling.temperature = temperature;
    request.sampling.seed = static_cast<std::uint64_t>(number);
    request.prediction = request.prompt;
    return request;
  }

 private:
  static std::shared_ptr<Model>* load(const char* name,
                                      const test::RandomModelOptions& model) {
    return new std::shared_ptr(
        testing::load_random_model(folder_->path() / name, model));
  }

  static inline test::TemporaryFolder* folder_;
  static inline std::shared_ptr<Model>* target_;
  static inline std::shared_ptr<Model>* draft_;
};

struct Setting {
  std::vector<std::string> drafters;
  std::string acceptor;
  std::int64_t tree_width = 1;
  std::int64_t window = 4;
};

std::vector<Setting> settings() {
  std::vector<Setting> all = {{{"model"}, "rejection", 3, 6},
                              {{"model"}, "coupled", 1, kAutoWindow},
                              {{"suffix", "model"}, "coupled"}};
  for (const DrafterInfo& info : drafter_infos()) {
    all.push_back({{std::string(info.name)}, "block"});
  }
  return all;
}

TEST_F(Memory, RequestsThatArePutBackReadTheSame) {
  constexpr int kRequests = 6;
  for (const Setting& setting : settings()) {
    for (const double temperature : {0.0, 0.8}) {
      // A coupled text alone does not depend on what is drafted when.
      if (setting.window == kAutoWindow && temperature > 0 &&
          setting.acceptor != "coupled") {
        continue;
      }
      EngineOptions options = {.max_sequences = 4,
                               .window = setting.window,
                               .prefill_chunk = 16,
                               .acceptor = make_acceptor(setting.acceptor),
                               .drafters = setting.drafters,
                               .tree_width = setting.tree_width};
      for (const bool reuse : {true, false}) {
        options.reuse_prefixes = reuse;
        options.kv_memory = bytes_for(1.4);
        SCOPED_TRACE(drafters_text(setting.drafters) + " " + setting.acceptor);
        Engine shared = engine(options);
        EXPECT_LE(shared.kv_cache_bytes(), options.kv_memory);
        std::vector<RequestId> ids;
        for (int i = 0; i < kRequests; ++i) {
          ids.push_back(shared.submit(request(i, temperature)));
        }
        ASSERT_NO_THROW({
          while (shared.step()) {
          }
        }) << reuse;
        std::int64_t preemptions = 0;
        options.kv_memory = 0;
        for (int i = 0; i < kRequests; ++i) {
          const Generation result =
              shared.take(ids[static_cast<size_t>(i)]).value();
          preemptions += result.stats.preemptions;
          Engine alone = engine(options);
          const Generation expected = alone.generate(request(i, temperature));
          // How far a window reaches depends on the memory that there is.
          if (temperature > 0 && setting.acceptor != "coupled") continue;
          EXPECT_EQ(result.tokens, expected.tokens)
              << drafters_text(setting.drafters) << " " << setting.acceptor
              << " " << temperature << " request " << i;
        }
        EXPECT_GT(preemptions, 0) << drafters_text(setting.drafters);
      }
    }
  }
}

TEST_F(Memory, ThoseThatCameFirstAreNotPutBack) {
  Engine shared = engine({.max_sequences = 3, .kv_memory = bytes_for(1.2)});
  std::vector<RequestId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(shared.submit(request(i)));
  while (shared.step()) {
  }
  EXPECT_EQ(shared.take(ids[0]).value().stats.preemptions, 0);
}

TEST_F(Memory, TheLargerPriorityGoesFirst) {
  Engine shared = engine({.max_sequences = 1});
  std::vector<int> order;
  std::vector<RequestId> ids;
  for (int i = 0; i < 4; ++i) {
    Request wanted = request(i);
    wanted.max_tokens = 2;
    wanted.priority = i == 2 ? 1 : 0;
    shared.submit(std::move(wanted), [&order, i](const Piece&) {
      if (order.empty() || order.back() != i) order.push_back(i);
      return true;
    });
  }
  while (shared.step()) {
  }
  EXPECT_EQ(order, (std::vector<int>{2, 0, 1, 3}));
}

TEST_F(Memory, LessThanOneSequenceNeedsIsRefused) {
  try {
    engine({.kv_memory = bytes_for(0.9)});
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("kv_memory"), std::string::npos);
  }
}

}  // namespace
}  // namespace pilotfish
