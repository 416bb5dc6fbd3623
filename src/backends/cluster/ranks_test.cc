// Logits, hidden rows and caches have the same bits for every number of ranks.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <ostream>
#include <random>

#include "backends/cluster/testing/ranks_in_threads.h"
#include "kernels/kernels.h"
#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

struct RanksCase {
  std::string name;
  test::RandomModelOptions model;
  DType kv = DType::kF16;
  bool gguf = false;
  std::optional<DType> dtype = std::nullopt;  // that weights are loaded as
  bool every_set = true;                      // of instructions
};

// For gtest, which prints bytes otherwise.
void PrintTo(const RanksCase& it, std::ostream* out) { *out << it.name; }

// Everything a model is asked for in a life: what it answers, in order.
class Life {
 public:
  Life(Model& model, DType kv)
      : model_(model),
        cache_(model.make_cache(
            {.n_positions = 480, .max_sequences = 3, .dtype = kv})) {}

  std::vector<float> run() {
    encode_prompts_in_chunks();
    verify_trees();
    roll_back_and_fork();
    stop_after_some_layers();
    return std::move(answers_);
  }
  // With passes that are large enough for two tiles that take turns.
  std::vector<float> run_long() {
    encode_long_prompts();
    verify_a_large_tree();
    return std::move(answers_);
  }

 private:
  std::vector<Token> tokens(size_t count) {
    std::vector<Token> result(count);
    for (Token& token : result) {
      token = static_cast<Token>(
          random_() % static_cast<std::uint32_t>(model_.config().vocab_size));
    }
    return result;
  }

  void pass(const Batch& batch, std::int64_t layers = 0) {
    const ForwardOutput output = model_.forward(batch, cache_, layers);
    for (std::int64_t i = 0; i < output.logits.rows(); ++i) {
      add(output.logits.row(i));
    }
    for (std::int64_t layer = 0; layer < output.hidden.layers(); ++layer) {
      for (std::int64_t i = 0; i < output.hidden.rows(); ++i) {
        add(output.hidden.row(layer, i));
      }
    }
  }
  void add(std::span<const float> row) {
    answers_.insert(answers_.end(), row.begin(), row.end());
  }

  void encode_prompts_in_chunks() {
    for (SequenceId& sequence : sequences_) sequence = cache_.create();
    const std::int64_t last = model_.config().n_layers();
    for (const size_t rows : {1, 37, 5}) {
      Batch batch;
      batch.want_hidden(std::vector<std::int64_t>{0, 1, last});
      for (const SequenceId sequence : sequences_) {
        batch.add(sequence, tokens(rows), /*logits_rows=*/1, /*hidden_rows=*/1);
      }
      pass(batch);
    }
  }

  void verify_trees() {
    const std::vector<std::int32_t> parents = {-1, 0, 0, 2, -1, 4};
    Batch batch;
    batch.add_tree(sequences_[0], tokens(parents.size()), parents, 6);
    batch.add(sequences_[1], tokens(8), 8);
    pass(batch);
    cache_.keep(sequences_[0], std::vector<std::int32_t>{0, 2, 3});
    cache_.truncate(sequences_[1], cache_.length(sequences_[1]) - 5);
    decode(sequences_[0]);
  }

  void encode_long_prompts() {
    for (SequenceId& sequence : sequences_) sequence = cache_.create();
    const std::int64_t last = model_.config().n_layers();
    const std::vector<std::int64_t> layers = {0, 1, last};
    Batch one;
    one.want_hidden(layers);
    one.add(sequences_[0], tokens(130), /*logits_rows=*/130,
            /*hidden_rows=*/130);
    pass(one);
    Batch several;  // 733 rows: two halves of 256, and 221 more
    several.want_hidden(layers);
    several.add(sequences_[1], tokens(300), 300, 7);
    several.add(sequences_[0], tokens(33), 1, 0);
    several.add(sequences_[2], tokens(400), 150, 400);
    pass(several);
    Batch prompts;  // of which most rows return nothing
    prompts.add(sequences_[1], tokens(100), 1);
    prompts.add(sequences_[0], tokens(100), 0);
    pass(prompts);
  }

  // Its parents lie in both tiles.
  void verify_a_large_tree() {
    constexpr std::int32_t kRows = 150;
    std::vector<std::int32_t> parents(kRows);
    for (std::int32_t i = 0; i < kRows; ++i) parents[i] = i < 3 ? i - 1 : i - 3;
    Batch batch;
    batch.add_tree(sequences_[0], tokens(kRows), parents, kRows);
    pass(batch);
    std::vector<std::int32_t> path;
    for (std::int32_t i = kRows - 1; i >= 0; i = parents[i]) path.push_back(i);
    std::ranges::reverse(path);
    cache_.keep(sequences_[0], path);
    for (const SequenceId sequence : sequences_) decode(sequence);
  }

  void roll_back_and_fork() {
    const SequenceId fork =
        cache_.fork(sequences_[0], cache_.length(sequences_[0]) - 3);
    decode(fork);  // copies a block that both share
    cache_.truncate(sequences_[2], 0);
    cache_.release(sequences_[1]);
    decode(sequences_[2]);
    decode(sequences_[0]);
    cache_.release(fork);
  }

  void stop_after_some_layers() {
    Batch batch;
    batch.add(sequences_[0], tokens(3), 3);
    pass(batch, /*layers=*/1);
    cache_.truncate(sequences_[0], cache_.length(sequences_[0]) - 3);
    decode(sequences_[0]);
  }

  void decode(SequenceId sequence) {
    for (int i = 0; i < 3; ++i) {
      Batch batch;
      batch.add(sequence, tokens(1), 1);
      pass(batch);
    }
  }

  Model& model_;
  KvCache cache_;
  std::array<SequenceId, 3> sequences_ = {};
  std::mt19937 random_{7};
  std::vector<float> answers_;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Models that are loaded while it lives overlap gathers, however small.
struct OverlapAlways {
  OverlapAlways() { ::setenv("PILOTFISH_OVERLAP", "always", 1); }
  ~OverlapAlways() { ::unsetenv("PILOTFISH_OVERLAP"); }
};

class Ranks : public testing::TestWithParam<RanksCase> {
 protected:
  void SetUp() override {
    if (GetParam().gguf) {
      test::write_random_gguf(path(), GetParam().model);
    } else {
      test::write_random_model(path(), GetParam().model);
    }
  }
  std::filesystem::path path() const {
    return folder_.path() / (GetParam().gguf ? "model.gguf" : "model");
  }
  std::shared_ptr<Model> load(std::string_view set, int threads = 1) const {
    LoadOptions options;
    options.dtype = GetParam().dtype;
    options.instruction_set = set;
    options.threads = make_threads(threads);
    return Model::load(path(), options);
  }
  std::vector<float> life_of(const std::shared_ptr<Model>& model) const {
    return Life(*model, GetParam().kv).run();
  }

  test::TemporaryFolder folder_;
};

TEST_P(Ranks, DoNotChangeABit) {
  for (const Kernels* set : available_kernels()) {
    if (!GetParam().every_set && set != &best_kernels()) continue;
    const std::vector<float> expected = life_of(load(set->name));
    for (const int ranks : {2, 3, 4, 8}) {
      const test::RanksInThreads cluster(ranks);
      const auto model = load(set->name, ranks == 3 ? 2 : 1);
      ASSERT_EQ(model->backend(), "cluster");
      EXPECT_TRUE(same_bits(life_of(model), expected))
          << set->name << ", " << ranks << " ranks";
    }
  }
}

// Gathers take turns with computing: what is gathered too late, or computed too
// early, shows.
TEST_P(Ranks, DoNotChangeABitWhileGathersGoOn) {
  const auto life_of = [&](const std::shared_ptr<Model>& model) {
    return Life(*model, GetParam().kv).run_long();
  };
  const std::string_view set = best_kernels().name;
  const std::vector<float> expected = life_of(load(set));
  const OverlapAlways overlap;
  for (const int ranks : {2, 3}) {
    const test::RanksInThreads cluster(ranks);
    EXPECT_TRUE(same_bits(life_of(load(set, ranks - 1)), expected))
        << ranks << " ranks";
  }
}

RanksCase stored(std::string name, DType dtype, DType kv) {
  RanksCase it = {.name = std::move(name), .model = {}, .kv = kv};
  it.model.dtype = dtype;
  // Each of the eight ranks gets a block of the widest kind.
  it.model.hidden_size = 256;
  it.model.intermediate_size = 512;
  it.model.n_heads = 8;
  it.model.n_kv_heads = 4;
  it.model.head_dim = 32;
  it.gguf =
      dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16;
  return it;
}

RanksCase with(RanksCase it, std::string name, const auto& change) {
  it.name = std::move(name);
  change(it);
  return it;
}

std::vector<RanksCase> ranks_cases() {
  const RanksCase bf16 = stored("bf16", DType::kBF16, DType::kBF16);
  const RanksCase f32 = stored("f32", DType::kF32, DType::kF32);
  std::vector<RanksCase> all = {
      bf16,
      f32,
      stored("f16", DType::kF16, DType::kF16),
      stored("q8_0", DType::kQ8_0, DType::kQ8_0),
      stored("q4_0", DType::kQ4_0, DType::kF16),
      stored("q4_1", DType::kQ4_1, DType::kF16),
      stored("q5_0", DType::kQ5_0, DType::kF16),
      stored("q5_1", DType::kQ5_1, DType::kF16),
      stored("q2_k", DType::kQ2_K, DType::kF16),
      stored("q3_k", DType::kQ3_K, DType::kF16),
      stored("q4_k", DType::kQ4_K, DType::kF16),
      stored("q5_k", DType::kQ5_K, DType::kQ8_0),
      stored("q6_k", DType::kQ6_K, DType::kBF16),
      stored("iq4_nl", DType::kIQ4_NL, DType::kF16),
      stored("iq4_xs", DType::kIQ4_XS, DType::kF16),
  };
  const auto tied = [](RanksCase& it) { it.model.tied_embeddings = true; };
  for (const size_t i : {0, 3, 4, 10, 11, 12}) {
    all.push_back(with(all[i], all[i].name + "_tied", tied));
  }
  const auto as = [](DType dtype, bool is_tied) {
    return [=](RanksCase& it) {
      it.dtype = dtype;
      it.model.tied_embeddings = is_tied;
    };
  };
  all.push_back(with(bf16, "bf16_as_q8_0", as(DType::kQ8_0, false)));
  all.push_back(with(bf16, "bf16_as_q4_0_tied", as(DType::kQ4_0, true)));
  all.push_back(with(f32, "f32_as_f16_tied", as(DType::kF16, true)));
  all.push_back(with(f32, "f32_as_bf16", as(DType::kBF16, false)));
  all.push_back(with(f32, "biases_and_windows", [](RanksCase& it) {
    it.model.architecture = "qwen2";
    it.model.sliding_window = 20;
  }));
  all.push_back(with(bf16, "norms_of_heads",
                     [](RanksCase& it) { it.model.architecture = "qwen3"; }));
  // More ranks than key/value heads, and than query heads.
  all.push_back(with(bf16, "one_kv_head", [](RanksCase& it) {
    it.model.n_kv_heads = 1;
    it.model.n_heads = 6;
  }));
  // Nothing divides: heads are no blocks, rows no groups.
  all.push_back({.name = "odd",
                 .model = {.vocab_size = 131,
                           .hidden_size = 56,
                           .intermediate_size = 88,
                           .n_heads = 7,
                           .n_kv_heads = 7,
                           .head_dim = 8,
                           .dtype = DType::kBF16}});
  // Heads smaller than a group of packed rows.
  all.push_back({.name = "small_heads",
                 .model = {.hidden_size = 64,
                           .intermediate_size = 96,
                           .n_heads = 8,
                           .n_kv_heads = 8,
                           .head_dim = 8,
                           .dtype = DType::kBF16}});
  // Two layers of the shapes of Llama 2 70B and Llama 3 70B, an eighth as wide.
  const auto of_70b = [](std::int64_t intermediate) {
    return [=](RanksCase& it) {
      it.every_set = false;
      it.model.hidden_size = 1024;
      it.model.intermediate_size = intermediate;
      it.model.n_heads = 64;
      it.model.n_kv_heads = 8;
      it.model.head_dim = 16;
    };
  };
  all.push_back(with(bf16, "llama2_70b_shape", of_70b(3584)));
  all.push_back(with(all[4], "llama3_70b_shape_q4_0", of_70b(3584)));
  return all;
}

INSTANTIATE_TEST_SUITE_P(, Ranks, testing::ValuesIn(ranks_cases()),
                         [](const auto& it) { return it.param.name; });

}  // namespace
}  // namespace pilotfish
