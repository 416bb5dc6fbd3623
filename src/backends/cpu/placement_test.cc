// Whether threads read memory of their own node: on nodes that are pretended,
// with kernels that note who reads what.
#include "backends/cpu/placement.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "backends/cpu/forward.h"
#include "fake_machine.h"
#include "kernels/packed_matrix.h"
#include "model/config.h"
#include "model/kv_cache_access.h"
#include "random_model.h"
#include "watched_kernels.h"

namespace pilotfish {
namespace {

// What threads read while passes run.
struct Reads {
  struct Read {
    std::thread::id thread;
    std::span<const std::byte> bytes;
  };
  std::mutex mutex;
  std::vector<Read> weights;
  std::vector<Read> keys;  // one a call of attention

  void add(std::vector<Read>& reads, std::span<const std::byte> bytes) {
    const std::scoped_lock lock(mutex);
    reads.push_back({std::this_thread::get_id(), bytes});
  }
};
Reads reads;
const Kernels* const real = &best_kernels();

void read_and_multiply(const MatmulArgs& args, std::int64_t begin,
                       std::int64_t end) {
  reads.add(reads.weights, rows_of(args.weights, begin, end));
  (args.weights.packed ? real->packed.matmul : real->matmul)(args, begin, end);
}
void read_and_attend(const AttentionArgs& args) {
  const std::int64_t block = args.first_position / args.block_size;
  reads.add(reads.keys, {args.keys[block], 1});
  real->attention(args);
}

struct PlacementCase {
  std::string name;
  test::RandomModelOptions model;
  std::vector<int> nodes;
  int threads;
};
void PrintTo(const PlacementCase& it, std::ostream* out) { *out << it.name; }

class Placement : public testing::TestWithParam<PlacementCase> {
 protected:
  void SetUp() override {
    reads.weights.clear();
    reads.keys.clear();
    watched_.kernels.attention = read_and_attend;
    test::write_random_gguf(path(), GetParam().model);
    team_ = std::make_shared<ThreadTeam>(
        GetParam().threads, test::pretended_nodes(GetParam().nodes), &placer_);
    team_->run([&](int rank) {
      const std::scoped_lock lock(reads.mutex);
      node_of_[std::this_thread::get_id()] = 10 + team_->node_of(rank);
    });
  }
  std::filesystem::path path() const { return folder_.path() / "model.gguf"; }

  void run_passes() {
    const auto checkpoint = Checkpoint::open(path());
    const ModelConfig config = read_config(*checkpoint);
    CpuForward forward(checkpoint, config, {.threads = team_},
                       watched_.kernels);
    KvCache cache = KvCacheAccess::make(
        config, {.n_positions = 200, .max_sequences = 4, .dtype = DType::kF16},
        [&](const KvLayout& layout) { return forward.make_storage(layout); });
    std::vector<SequenceId> sequences;
    for (int i = 0; i < 4; ++i) sequences.push_back(cache.create());
    for (const size_t rows : {40u, 1u, 3u}) {
      Batch batch;
      const std::vector<Token> tokens(rows, 7);
      for (const SequenceId id : sequences) batch.add(id, tokens, 1);
      forward.run(batch, cache, config.n_layers());
    }
    EXPECT_FALSE(placer_.saw_written());
    // While memory is still where it was placed.
    for (const Reads::Read& read : reads.weights) {
      for (const std::byte* at : {&read.bytes.front(), &read.bytes.back()}) {
        EXPECT_EQ(placer_.node_of(at), node_of_[read.thread]);
      }
    }
    for (const Reads::Read& read : reads.keys) {
      const int node = placer_.node_of(read.bytes.data());
      EXPECT_GE(node, 10);
      own_.push_back({read.thread, node == node_of_[read.thread]});
    }
  }

  const test::TemporaryFolder folder_;
  test::RecordingPlacer placer_;
  test::WatchedKernels watched_{*real, read_and_multiply};
  std::shared_ptr<ThreadTeam> team_;
  std::map<std::thread::id, int> node_of_;
  // Calls of attention, and whether they read memory of the caller's node.
  std::vector<std::pair<std::thread::id, bool>> own_;
};

TEST_P(Placement, ThreadsReadTheirNodesMemory) {
  run_passes();
  EXPECT_GT(reads.weights.size(), 50u);
}

// Within a layer a thread that has begun to help another node does not come
// back to its own: that had nothing left.
TEST_P(Placement, ThreadsAttendToTheirOwnHeadsFirst) {
  run_passes();
  const std::int64_t n_kv_heads = GetParam().model.n_kv_heads;
  ASSERT_GE(n_kv_heads, 2);
  // A layer has as many calls as its items; a prompt's come first.
  const std::int64_t items = 4 * 3 * n_kv_heads;  // 40 rows are three calls
  std::map<std::thread::id, bool> helps;
  for (std::int64_t i = 0; i < items; ++i) {
    const auto& [thread, own] = own_[static_cast<size_t>(i)];
    if (!own) helps[thread] = true;
    EXPECT_FALSE(own && helps[thread]) << "item " << i;
  }
}

std::vector<PlacementCase> placement_cases() {
  const auto model = [](DType dtype) {
    return test::RandomModelOptions{.vocab_size = 512,
                                    .hidden_size = 256,
                                    .intermediate_size = 512,
                                    .n_heads = 8,
                                    .n_kv_heads = 4,
                                    .head_dim = 32,
                                    .dtype = dtype};
  };
  std::vector<PlacementCase> cases;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16,
                            DType::kQ8_0, DType::kQ4_0, DType::kQ4_K}) {
    cases.push_back({std::string(dtype_name(dtype)), model(dtype), {1, 1}, 4});
  }
  cases.push_back({"three_nodes", model(DType::kQ4_0), {1, 2, 1}, 7});
  cases.push_back({"tied", model(DType::kBF16), {1, 1}, 2});
  cases.back().model.tied_embeddings = true;
  cases.push_back({"uneven_rows", model(DType::kF32), {2, 1}, 3});
  cases.back().model.vocab_size = 301;
  cases.back().model.intermediate_size = 200;
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Models, Placement,
                         testing::ValuesIn(placement_cases()),
                         [](const auto& it) { return it.param.name; });

TEST(HeadsOfNode, GoByThreads) {
  const ThreadTeam team(6, test::pretended_nodes({1, 1}));
  EXPECT_EQ(heads_of_node(8, team, 0), (IndexRange{0, 4}));
  EXPECT_EQ(heads_of_node(8, team, 1), (IndexRange{4, 8}));
  EXPECT_EQ(heads_of_node(1, team, 0), (IndexRange{0, 0}));
  EXPECT_EQ(heads_of_node(1, team, 1), (IndexRange{0, 1}));
  const ThreadTeam one(6);
  EXPECT_EQ(heads_of_node(8, one, 0), (IndexRange{0, 8}));
}

// Rows that are used as they lie on one node are copied on several, to the bit.
TEST(PlacedWeights, AreTheFilesOwn) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "model.gguf";
  test::write_random_gguf(path, {.vocab_size = 101,
                                 .hidden_size = 256,
                                 .intermediate_size = 256,
                                 .head_dim = 64,
                                 .dtype = DType::kQ4_K});
  const auto checkpoint = Checkpoint::open(path);
  const ModelConfig config = read_config(*checkpoint);
  test::RecordingPlacer placer;
  ThreadTeam several(3, test::pretended_nodes({1, 1, 1}), &placer);
  ThreadTeam one(3);
  const Weights placed(checkpoint, config, Shard(config, 0, 1), {}, several);
  const Weights plain(checkpoint, config, Shard(config, 0, 1), {}, one);
  EXPECT_EQ(placed.bytes(), plain.bytes());
  EXPECT_GT(placed.resident_bytes(), plain.resident_bytes());
  const WeightMatrix& a = placed.output();  // 101 rows make no packed groups
  const WeightMatrix& b = plain.output();
  ASSERT_FALSE(a.packed);
  EXPECT_NE(a.data, b.data);
  const auto bytes = rows_of(b, 0, b.rows);
  EXPECT_EQ(std::memcmp(a.data, bytes.data(), bytes.size()), 0);
  // A look-up reads a row a token: that stays in the file.
  EXPECT_EQ(placed.embedding().data, plain.embedding().data);
}

}  // namespace
}  // namespace pilotfish
