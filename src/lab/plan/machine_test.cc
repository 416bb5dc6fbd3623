#include "pilotfish/lab/machine.h"

#include <gtest/gtest.h>

#include "base/thread_team.h"
#include "test_data.h"

namespace pilotfish {
namespace {

TEST(MachineMemory, IsSomeGigabytes) {
  EXPECT_GT(machine_memory_bytes(), std::int64_t{256} << 20);
  EXPECT_LT(machine_memory_bytes(), std::int64_t{1} << 50);
}

// Speeds that no machine lacks or has; a busy one falsifies anything closer.
TEST(MeasureMatrix, FindsWhatAMachineCanDo) {
  const auto threads = make_threads(1);
  const MatrixSpeed speed = measure_matrix(*threads, DType::kQ4_0, 5);
  EXPECT_GT(speed.read_bytes_per_second, 1e8);
  EXPECT_LT(speed.read_bytes_per_second, 1e13);
  EXPECT_GT(speed.weight_bytes_per_second, 1e7);
  ASSERT_EQ(speed.verify.size(), 4u);
  EXPECT_EQ(speed.verify.rbegin()->first, 5);
  for (const auto& [k, ratio] : speed.verify) EXPECT_GT(ratio, 0) << k;
}

TEST(MeasurePasses, TimesModelsAsTheyAre) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto path = test::data_path("models/stories260K");
  const auto threads = make_threads(1);
  const auto target = Model::load(path, {.threads = threads});
  const auto draft = Model::load(path, {.threads = threads, .layers = 1});
  const Workload workload{.n_positions = 512, .sequences = 2, .context = 200};
  const PassSpeed speed = measure_passes(*target, draft.get(), workload, 16);
  EXPECT_GT(speed.target_seconds, 1e-6);
  EXPECT_GT(speed.draft_seconds, 0);
  EXPECT_GT(speed.verify.at(16), 0);
  EXPECT_EQ(measure_passes(*target, nullptr, workload, 1).draft_seconds, 0);
}

}  // namespace
}  // namespace pilotfish
