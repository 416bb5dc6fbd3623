#include "backends/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/cluster/testing/ranks_in_threads.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

TEST(Backends, AreChosenByName) {
  const test::TemporaryFolder folder;
  test::write_random_model(folder.path(), {});
  const test::RanksInThreads cluster(2);
  for (const Backend& backend : backends()) {
    EXPECT_EQ(&find_backend(backend.name), &backend);
    const auto model =
        Model::load(folder.path(), {.backend = std::string(backend.name)});
    EXPECT_EQ(model->backend(), backend.name);
  }
}

TEST(Backends, TheDefaultIsTheClusterWhereThereIsOne) {
  const test::TemporaryFolder folder;
  test::write_random_model(folder.path(), {});
  EXPECT_EQ(Model::load(folder.path())->backend(), "cpu");
  const test::RanksInThreads cluster(2);
  EXPECT_EQ(Model::load(folder.path())->backend(), "cluster");
}

TEST(Backends, AnUnknownNameListsThoseThereAre) {
  const test::TemporaryFolder folder;
  test::write_random_model(folder.path(), {});
  try {
    Model::load(folder.path(), {.backend = "gpu"});
    FAIL() << "nothing thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "backend gpu: expected one of cpu, cluster");
  }
}

class OtherStorage final : public KvStorage {
 public:
  void copy_block(KvBlock, KvBlock) override {}
  void copy_slot(KvSlot, KvSlot) override {}
  void clear_block(KvBlock) override {}
};

TEST(Backends, RefuseACacheThatAnotherBackendMade) {
  const test::TemporaryFolder folder;
  test::write_random_model(folder.path(), {});
  const auto model = Model::load(folder.path());
  KvCache cache = KvCacheAccess::make(model->config(), {}, [](const KvLayout&) {
    return std::make_unique<OtherStorage>();
  });
  const std::vector<Token> tokens = {1};
  Batch batch;
  batch.add(cache.create(), tokens, 1);
  EXPECT_THROW(model->forward(batch, cache), UsageError);
  EXPECT_EQ(cache.length(0), 0);
}

}  // namespace
}  // namespace pilotfish
