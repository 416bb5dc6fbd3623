#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/packed_matrix.h"
#include "kernels/testing.h"
#include "tensor/testing.h"
#include "watched_kernels.h"

namespace pilotfish {
namespace {

using test::random_floats;
using test::same_bits;

constexpr std::int64_t kColumns = 256;

// Three layers of different types and sizes over one input, one with a bias.
struct Layers {
  explicit Layers(std::mt19937& random)
      : q(test::random_weights(DType::kBF16, 50 * kColumns, random)),
        k(test::random_weights(DType::kQ4_K, 7 * kColumns, random)),
        v(test::random_weights(DType::kBF16, 101 * kColumns, random)),
        bias(random_floats(101, random)) {}

  struct Outputs {
    std::vector<float> q, k, v;
  };

  Outputs apply(const Kernels& kernels, int threads,
                const std::vector<float>& x, std::int64_t x_stride,
                std::int64_t m) const {
    Outputs out;
    const auto rows = static_cast<size_t>(m);
    out.q.resize(rows * 50);
    out.k.resize(rows * 7);
    out.v.resize(rows * 101);
    ThreadTeam team(threads);
    AlignedBuffer<std::byte> scratch;
    const LinearTask tasks[] = {
        {{DType::kBF16, q.data(), 50, kColumns}, out.q.data(), 50, nullptr},
        {{DType::kQ4_K, k.data(), 7, kColumns}, out.k.data(), 7, nullptr},
        {{DType::kBF16, v.data(), 101, kColumns},
         out.v.data(),
         101,
         bias.data()},
    };
    linear_many(kernels, team, tasks, x.data(), x_stride, m, scratch);
    return out;
  }

  std::vector<std::byte> q, k, v;
  std::vector<float> bias;
};

// One output element in float64, and the absolute sum of its terms.
double exact(DType dtype, const std::vector<std::byte>& weights, std::int64_t n,
             const float* x, double& magnitude) {
  std::vector<float> row(kColumns);
  dequantise_row(dtype, weights.data() + n * row_bytes(dtype, kColumns),
                 row.data(), kColumns);
  double sum = 0;
  magnitude = 0;
  for (size_t c = 0; c < kColumns; ++c) {
    const double term = static_cast<double>(row[c]) * static_cast<double>(x[c]);
    sum += term;
    magnitude += std::fabs(term);
  }
  return sum;
}

TEST(LinearTest, SeveralLayersOverOneInput) {
  std::mt19937 random(1);
  const Layers layers(random);
  const std::int64_t stride = kColumns + 7;
  for (const std::int64_t m : {1, 3, 20}) {
    const auto x = random_floats(m * stride, random);
    const auto out = layers.apply(kernels_named("scalar"), 1, x, stride, m);
    const auto check = [&](DType dtype, const std::vector<std::byte>& weights,
                           std::int64_t rows, const std::vector<float>& got,
                           const float* bias) {
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t n = 0; n < rows; ++n) {
          double magnitude = 0;
          double expected =
              exact(dtype, weights, n, x.data() + i * stride, magnitude);
          if (bias != nullptr) expected += static_cast<double>(bias[n]);
          ASSERT_NEAR(got[static_cast<size_t>(i * rows + n)], expected,
                      1e-5 * magnitude + 1e-6);
        }
      }
    };
    check(DType::kBF16, layers.q, 50, out.q, nullptr);
    check(DType::kQ4_K, layers.k, 7, out.k, nullptr);
    check(DType::kBF16, layers.v, 101, out.v, layers.bias.data());
  }
}

TEST(LinearTest, ThreadsAndBatchesDoNotShow) {
  std::mt19937 random(2);
  const Layers layers(random);
  const std::int64_t m = 19;
  const auto x = random_floats(m * kColumns, random);
  for (const Kernels* kernels : available_kernels()) {
    const auto one = layers.apply(*kernels, 1, x, kColumns, m);
    for (const int threads : {2, 3, 7}) {
      const auto several = layers.apply(*kernels, threads, x, kColumns, m);
      ASSERT_TRUE(same_bits(one.q.data(), several.q.data(), m * 50));
      ASSERT_TRUE(same_bits(one.k.data(), several.k.data(), m * 7));
      ASSERT_TRUE(same_bits(one.v.data(), several.v.data(), m * 101));
    }
    for (std::int64_t i = 0; i < m; ++i) {
      const std::vector<float> row(x.begin() + i * kColumns,
                                   x.begin() + (i + 1) * kColumns);
      const auto alone = layers.apply(*kernels, 2, row, kColumns, 1);
      ASSERT_TRUE(same_bits(alone.v.data(), one.v.data() + i * 101, 101));
    }
  }
}

// Two layers with rows made just before they are read and products used just
// after they are made, against the same in separate passes.
TEST(LinearTest, StepsOnTheWay) {
  std::mt19937 random(4);
  constexpr std::int64_t kRows = 70;
  const auto gate =
      test::random_weights(DType::kBF16, kRows * kColumns, random);
  const auto up = test::random_weights(DType::kQ4_K, kRows * kColumns, random);
  for (const std::int64_t m : {1, 3, 40}) {
    const auto x = random_floats(m * kColumns, random);
    const auto cells = static_cast<size_t>(m * kRows);
    std::vector<float> a(cells), b(cells), c(cells, -1.0f), made(x.size());
    const LinearTask tasks[] = {
        {{DType::kBF16, gate.data(), kRows, kColumns}, a.data(), kRows},
        {{DType::kQ4_K, up.data(), kRows, kColumns}, b.data(), kRows}};
    for (const int threads : {1, 2, 3}) {
      ThreadTeam team(threads);
      AlignedBuffer<std::byte> scratch;
      std::vector<std::atomic<int>> times(static_cast<size_t>(m));
      std::vector<std::atomic<int>> columns(kRows);
      const auto before = [&](std::int64_t row) {
        ++times[static_cast<size_t>(row)];
        for (std::int64_t i = row * kColumns; i < (row + 1) * kColumns; ++i) {
          made[static_cast<size_t>(i)] = 2 * x[static_cast<size_t>(i)];
        }
      };
      const auto after = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
          ++columns[static_cast<size_t>(n)];
          for (std::int64_t i = n; i < m * kRows; i += kRows) {
            const auto at = static_cast<size_t>(i);
            c[at] = a[at] * b[at];
          }
        }
      };
      linear_many(best_kernels(), team, tasks, made.data(), kColumns, m,
                  scratch, {.before = before, .after = after});
      for (const auto& n : times) ASSERT_EQ(n, 1);
      for (const auto& n : columns) ASSERT_EQ(n, 1);

      const auto gathered = c;
      linear_many(best_kernels(), team, tasks, made.data(), kColumns, m,
                  scratch);
      for (size_t i = 0; i < cells; ++i) ASSERT_EQ(gathered[i], a[i] * b[i]);
    }
  }
}

// A packed layer beside one that is not, whose rows are shared out in grains of
// another size: no group is cut.
TEST(LinearTest, StepsWithGroupsOfTwoSizes) {
  std::mt19937 random(5);
  constexpr std::int64_t kRows = 112;  // groups of 16
  constexpr std::int64_t kInput = 3;
  const auto gate =
      test::random_weights(DType::kQ8_0, kRows * kColumns, random);
  const auto up = test::random_weights(DType::kBF16, kRows * kColumns, random);
  PackedMatrix packed(DType::kQ8_0, kRows, kColumns);
  for (std::int64_t group = 0; group < packed.groups(); ++group) {
    packed.pack(group, gate.data() + group * kPackedRows *
                                         row_bytes(DType::kQ8_0, kColumns));
  }
  const auto x = random_floats(kInput * kColumns, random);
  std::vector<float> a(kInput * kRows), b(kInput * kRows);
  const LinearTask gate_task{packed.weights(), a.data(), kRows};
  const LinearTask up_task{
      {DType::kBF16, up.data(), kRows, kColumns}, b.data(), kRows};
  for (const Kernels* kernels : available_kernels()) {
    AlignedBuffer<std::byte> scratch;
    const auto multiply = [&](int threads, std::span<const LinearTask> tasks,
                              const LinearSteps& steps) {
      ThreadTeam team(threads);
      linear_many(*kernels, team, tasks, x.data(), kColumns, kInput, scratch,
                  steps);
    };
    multiply(1, std::vector{gate_task, up_task}, {});
    const auto expected_a = a;
    const auto expected_b = b;
    const auto after = [](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(begin % kPackedRows, 0);
      EXPECT_LT(begin, end);
    };
    for (const int threads : {2, 3, 4}) {
      for (const auto& tasks :
           {std::vector{gate_task, up_task}, std::vector{up_task, gate_task}}) {
        a.assign(a.size(), -1.0f);
        b.assign(b.size(), -1.0f);
        multiply(threads, tasks, {.before = {}, .after = after});
        EXPECT_EQ(a, expected_a) << kernels->name << ", " << threads;
        EXPECT_EQ(b, expected_b) << kernels->name << ", " << threads;
      }
    }
  }
}

TEST(LinearTest, ABiasFollowsTheOutputsStride) {
  std::mt19937 random(6);
  constexpr std::int64_t kRows = 7;
  constexpr std::int64_t kStride = 10;
  const auto weights =
      test::random_weights(DType::kBF16, kRows * kColumns, random);
  const auto bias = random_floats(kRows, random);
  const auto x = random_floats(3 * kColumns, random);
  ThreadTeam team(1);
  AlignedBuffer<std::byte> scratch;
  std::vector<float> plain(3 * kStride, -1.0f), biased(3 * kStride, -1.0f);
  LinearTask task{
      {DType::kBF16, weights.data(), kRows, kColumns}, plain.data(), kStride};
  linear_many(best_kernels(), team, {&task, 1}, x.data(), kColumns, 3, scratch);
  task.out = biased.data();
  task.bias = bias.data();
  linear_many(best_kernels(), team, {&task, 1}, x.data(), kColumns, 3, scratch);
  for (size_t i = 0; i < plain.size(); ++i) {
    const size_t n = i % kStride;
    EXPECT_EQ(biased[i], n < kRows ? plain[i] + bias[n] : -1.0f);
  }
}

TEST(LinearTest, OneLayerAndNothing) {
  std::mt19937 random(3);
  const auto bytes = test::random_weights(DType::kF32, 30 * kColumns, random);
  const WeightMatrix weights{DType::kF32, bytes.data(), 30, kColumns};
  const auto x = random_floats(2 * kColumns, random);
  std::vector<float> out(2 * 32, -1.0f);
  ThreadTeam team(2);
  AlignedBuffer<std::byte> scratch;
  linear(best_kernels(), team, weights, x.data(), 0, out.data(), 32, scratch);
  EXPECT_EQ(out, std::vector<float>(2 * 32, -1.0f));
  linear(best_kernels(), team, weights, x.data(), 2, out.data(), 32, scratch);
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t n = 0; n < 30; ++n) {
      double magnitude = 0;
      const double expected =
          exact(DType::kF32, bytes, n, x.data() + i * kColumns, magnitude);
      ASSERT_NEAR(out[static_cast<size_t>(i * 32 + n)], expected,
                  1e-5 * magnitude);
    }
    EXPECT_EQ(out[static_cast<size_t>(i * 32 + 31)], -1.0f);
  }
}

// Each thread's rows, as the products that its kernels were asked for.
struct Asked {
  const std::byte* weights;
  std::int64_t begin;
  std::int64_t end;
  std::thread::id thread;
  bool operator==(const Asked&) const = default;
};
std::mutex asked_mutex;
std::vector<Asked> asked;
void ask(const MatmulArgs& args, std::int64_t begin, std::int64_t end) {
  const std::scoped_lock lock(asked_mutex);
  asked.push_back({args.weights.data, begin, end, std::this_thread::get_id()});
}

TEST(LinearTest, SharesAreWhatThreadsMultiply) {
  const test::WatchedKernels watched(kernels_named("scalar"), ask);
  const Kernels& kernels = watched.kernels;
  std::mt19937 random(6);
  const auto rows = [&](DType dtype, std::int64_t count) {
    return test::random_weights(dtype, count * kColumns, random);
  };
  const auto a = rows(DType::kBF16, 480);
  const auto b = rows(DType::kF32, 480);
  const auto x = random_floats(3 * kColumns, random);
  std::vector<float> out(3 * 480), more(3 * 480);
  PackedMatrix packed(DType::kBF16, 480, kColumns);
  const auto nothing = [](std::int64_t, std::int64_t) {};
  for (const std::int64_t count : {480, 16, 5}) {
    for (const int threads : {1, 2, 3, 7}) {
      for (const bool side_by_side : {false, true}) {
        LinearTask tasks[] = {
            {{DType::kBF16, a.data(), count, kColumns}, out.data(), 480},
            {{DType::kF32, b.data(), count, kColumns}, more.data(), 480}};
        if (count % kPackedRows == 0) {
          tasks[0].weights = packed.weights();
          tasks[0].weights.rows = count;
        }
        ThreadTeam team(threads);
        std::vector<std::thread::id> ids(static_cast<size_t>(threads));
        team.run([&](int rank) {
          ids[static_cast<size_t>(rank)] = std::this_thread::get_id();
        });
        AlignedBuffer<std::byte> scratch;
        asked.clear();
        const LinearSteps steps = {
            .before = {},
            .after =
                side_by_side
                    ? FunctionRef<void(std::int64_t, std::int64_t)>(nothing)
                    : FunctionRef<void(std::int64_t, std::int64_t)>()};
        linear_many(kernels, team, tasks, x.data(), kColumns, 3, scratch,
                    steps);
        size_t shares = 0;
        for (int rank = 0; rank < threads; ++rank) {
          for_each_share(
              tasks,
              side_by_side ? LinearShares::kSideBySide : LinearShares::kInARow,
              rank, threads,
              [&](const LinearTask& task, std::int64_t begin,
                  std::int64_t end) {
                ++shares;
                EXPECT_EQ(std::ranges::count(
                              asked, Asked{task.weights.data, begin, end,
                                           ids[static_cast<size_t>(rank)]}),
                          1)
                    << count << " rows, thread " << rank << " of " << threads;
              });
        }
        EXPECT_EQ(shares, asked.size());
      }
    }
  }
}

}  // namespace
}  // namespace pilotfish
