#include "pilotfish/lab/plan.h"

#include <gtest/gtest.h>

#include "pilotfish/lab/shapes.h"
#include "test_data.h"

namespace pilotfish {
namespace {

PlannedModel model(const char* shape, DType dtype = DType::kBF16) {
  return planned_model(shape, find_shape(shape)->config, dtype);
}

TEST(PlannedModel, TheSeventyAndTheSevenTake151Gigabytes) {
  const PlannedModel target = model("llama-2-70b");
  const PlannedModel draft = model("llama-2-7b");
  EXPECT_EQ(target.weight_bytes, 137953296384);
  EXPECT_EQ(draft.weight_bytes, 13476831232);
  EXPECT_NEAR(static_cast<double>(target.weight_bytes + draft.weight_bytes),
              151.4e9, 0.1e9);
}

TEST(PlannedModel, StreamsAllButALookedUpEmbedding) {
  const PlannedModel untied = model("llama-2-7b");
  EXPECT_EQ(untied.weight_bytes - untied.streamed_bytes, 2 * 32000 * 4096);
  const PlannedModel tied = model("llama-3.2-1b");
  EXPECT_EQ(tied.weight_bytes, tied.streamed_bytes);
}

TEST(PlannedModel, OfAFileIsWhatTheFileHolds) {
  SKIP_WITHOUT_DATA("models/tiny-llama-bf16");
  const ModelDescription description =
      inspect_model(test::data_path("models/tiny-llama-bf16"));
  const PlannedModel from_file = planned_model(description);
  const PlannedModel from_shape =
      planned_model("", description.config, DType::kBF16);
  EXPECT_EQ(from_file.dtype, DType::kBF16);
  EXPECT_EQ(from_file.weight_bytes, from_shape.weight_bytes);
  EXPECT_EQ(from_file.streamed_bytes, from_shape.streamed_bytes);
}

TEST(PlannedModel, OfATiedFileIsStreamedWhole) {
  for (const bool tied : {false, true}) {
    ModelDescription description = {
        .path = {},
        .format = "GGUF",
        .config = find_shape("llama-3.2-1b")->config,
        .tensors = {},
        .totals = {},
        .parameters = 0,
        .weight_bytes = 100};
    description.config.tied_embeddings = tied;
    description.tensors = {{"token_embd.weight", DType::kBF16, {3, 10}, 60}};
    EXPECT_EQ(planned_model(description).streamed_bytes, tied ? 100 : 40);
  }
}

// The sizes of the files that llama.cpp makes, in bytes.
TEST(PlannedModel, OfQ4KMHasTheSizeOfItsFiles) {
  const auto bytes = [](const char* shape) {
    return static_cast<double>(
        planned_q4_k_m(shape, find_shape(shape)->config).weight_bytes);
  };
  EXPECT_NEAR(bytes("llama-2-70b") / 41.42e9, 1, 1e-3);
  EXPECT_NEAR(bytes("llama-2-7b") / 4.081e9, 1, 1e-3);
  const PlannedModel target =
      planned_q4_k_m("", find_shape("llama-2-70b")->config);
  EXPECT_TRUE(target.q4_k_m);
  EXPECT_EQ(target.weight_bytes - target.streamed_bytes,
            32000 * 8192 / 256 * 144);
}

TEST(Sockets, TwoAreNearlyTwiceAsFastAsOne) {
  const MachineSpeed one{.bytes_per_second = 100, .flops_per_second = 10};
  EXPECT_EQ(with_sockets(one, 1).bytes_per_second, 100);
  EXPECT_DOUBLE_EQ(with_sockets(one, 2).bytes_per_second, 196);
  EXPECT_DOUBLE_EQ(with_sockets(one, 2).flops_per_second, 19.6);
}

TEST(PassTime, IsBytesOverBandwidth) {
  // 80 layers of 8 heads of 128 keys and values in 16 bits.
  const double kv = 2 * 80 * 8 * 128 * 2;
  const Workload workload{.n_positions = 4096, .sequences = 3, .context = 1000};
  const PlannedModel target = model("llama-2-70b");
  const PassTime time =
      pass_time(target, workload, {.bytes_per_second = 2e12}, 5);
  EXPECT_DOUBLE_EQ(time.memory_seconds,
                   (137953296384.0 - 2 * 32000 * 8192 + 3 * 1000 * kv) / 2e12);
  EXPECT_EQ(time.arithmetic_seconds, 0);
  EXPECT_EQ(time.seconds(), time.memory_seconds);
}

TEST(PassTime, IsArithmeticWhereRowsAreMany) {
  const Workload workload{.n_positions = 4096, .sequences = 2, .context = 100};
  const PlannedModel target = model("llama-2-7b");
  const MachineSpeed machine{.bytes_per_second = 1e12,
                             .flops_per_second = 1e13};
  const double weights = 6738415616.0 - 32000 * 4096;
  const double attention = 32.0 * 2 * 4096 * 100;  // QK' and PV, 32 layers
  for (const std::int64_t rows : {1, 7, 64}) {
    const PassTime time = pass_time(target, workload, machine, rows);
    EXPECT_DOUBLE_EQ(
        time.arithmetic_seconds,
        2.0 * static_cast<double>(rows) * 2 * (weights + attention) / 1e13);
    EXPECT_EQ(time.seconds(),
              std::max(time.memory_seconds, time.arithmetic_seconds));
  }
}

TEST(PassTime, SeesNoFurtherThanASlidingWindow) {
  const MachineSpeed machine{.bytes_per_second = 1e12,
                             .flops_per_second = 1e12};
  const auto time = [&](const PlannedModel& planned, std::int64_t context) {
    return pass_time(planned, {.context = context}, machine, 1);
  };
  PlannedModel mistral = model("mistral-7b-v0.1");
  EXPECT_EQ(time(mistral, 4096).memory_seconds,
            time(mistral, 30000).memory_seconds);
  EXPECT_EQ(time(mistral, 4096).arithmetic_seconds,
            time(mistral, 30000).arithmetic_seconds);
  EXPECT_LT(time(mistral, 1000).seconds(), time(mistral, 4096).seconds());
  // Half the layers see everything: half of the growth is left.
  PlannedModel full = mistral;
  for (size_t i = 0; i < full.config.layers.size(); ++i) {
    full.config.layers[i].attention.sliding_window = 0;
    if (i < 16) mistral.config.layers[i].attention.sliding_window = 0;
  }
  const auto growth = [&](const PlannedModel& planned) {
    return time(planned, 8192).memory_seconds -
           time(planned, 4096).memory_seconds;
  };
  EXPECT_NEAR(growth(mistral) / growth(full), 0.5, 1e-6);
}

TEST(RooflineCosts, AreRatiosOfPassTimes) {
  const Workload workload{.n_positions = 2048, .sequences = 4, .context = 512};
  const MachineSpeed machine{.bytes_per_second = 4e11,
                             .flops_per_second = 2e13};
  const PlannedModel target = model("llama-3-8b", DType::kQ8_0);
  const PlannedModel draft = model("llama-3.2-1b");
  const SpeculationCosts costs =
      roofline_costs(target, draft, workload, machine, 16);
  const double plain = pass_time(target, workload, machine, 1).seconds();
  ASSERT_EQ(costs.max_window(), 16);
  EXPECT_EQ(costs.verify.front(), 1);
  EXPECT_DOUBLE_EQ(costs.draft,
                   pass_time(draft, workload, machine, 1).seconds() / plain);
  EXPECT_DOUBLE_EQ(costs.verify[15],
                   pass_time(target, workload, machine, 16).seconds() / plain);
  EXPECT_GT(costs.verify[15], 1);
}

TEST(Cost, IsThePriceOfTheHoursItTakes) {
  // 48.5 tokens a second: a million take 5.722 hours.
  EXPECT_NEAR(cost_per_million_tokens(21.5, 1 / 0.0206), 21.5 * 5.7222, 1e-3);
  EXPECT_EQ(cost_per_million_tokens(0, 10), 0);
}

}  // namespace
}  // namespace pilotfish
