// Speed of the kernels as a forward pass uses them: linear layers over a thread
// team, with weights too large for the caches.
//
//   kernels_bench --benchmark_filter=... [--benchmark_repetitions=5]
//
// `bytes/s` counts each weight once whatever the batch, so that a batch whose
// time is that of one row shows the same figure; `read_bandwidth` is what plain
// reading by as many threads gives. Names end in /set/threads/rows.
//
// `in_cache` is the arithmetic alone, of weights in the second-level cache.
// `verification` runs a pass over one row and one over m by turns, so that what
// else the machine does falls on both, and gives the ratio of the medians.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "kernels/packed_matrix.h"
#include "lab/plan/memory_probe.h"
#include "pilotfish/spread.h"
#include "tensor/testing.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kColumns = 2048;
constexpr std::int64_t kWeightBytes = std::int64_t{256} << 20;
constexpr std::int64_t kCachedBytes = std::int64_t{256} << 10;

// Every page written, so that none is the kernel's shared page of zeros.
constexpr std::int64_t kPatternRows = 64;
std::vector<std::byte> pattern_of(DType dtype) {
  std::mt19937 random(1);
  return test::random_weights(dtype, kPatternRows * kColumns, random);
}

AlignedBuffer<std::byte> weights_of(DType dtype, size_t size) {
  const auto pattern = pattern_of(dtype);
  AlignedBuffer<std::byte> bytes(size);
  for (size_t at = 0; at < size; at += pattern.size()) {
    std::memcpy(bytes.data() + at, pattern.data(),
                std::min(pattern.size(), size - at));
  }
  return bytes;
}

void read_bandwidth(benchmark::State& state) {
  ThreadTeam team(static_cast<int>(state.range(0)));
  const MemoryProbe probe;
  for (auto _ : state) probe.read(team);
  state.SetBytesProcessed(state.iterations() * MemoryProbe::kBytes);
}

// A layer of so many bytes as the model loads it: packed where its dtype has a
// packed form.
class Layer {
 public:
  Layer(const Kernels& kernels, DType dtype,
        std::int64_t weight_bytes = kWeightBytes) {
    const std::int64_t rows =
        weight_bytes / row_bytes(dtype, kColumns) / kPackedRows * kPackedRows;
    if (!PackedMatrix::supports(dtype, rows, kColumns) ||
        (dtype == DType::kBF16 && !kernels.packed.has_bf16)) {
      bytes_ = weights_of(dtype, static_cast<size_t>(weight_bytes));
      weights_ = {dtype, bytes_.data(), rows, kColumns};
      return;
    }
    const auto pattern = pattern_of(dtype);
    packed_.emplace(dtype, rows, kColumns);
    for (std::int64_t group = 0; group < packed_->groups(); ++group) {
      const std::int64_t row = group * kPackedRows % kPatternRows;
      packed_->pack(group, pattern.data() + row * row_bytes(dtype, kColumns));
    }
    weights_ = packed_->weights();
  }

  const WeightMatrix& weights() const { return weights_; }

  // One pass over m rows.
  void apply(const Kernels& kernels, ThreadTeam& team, std::int64_t m) {
    x_.resize(static_cast<size_t>(m * kColumns), 0.5f);
    out_.resize(static_cast<size_t>(m * weights_.rows));
    linear(kernels, team, weights_, x_.data(), m, out_.data(), weights_.rows,
           scratch_);
    benchmark::ClobberMemory();
  }

 private:
  AlignedBuffer<std::byte> bytes_;
  std::optional<PackedMatrix> packed_;
  WeightMatrix weights_;
  std::vector<float> x_;
  std::vector<float> out_;
  AlignedBuffer<std::byte> scratch_;
};

void linear_layer(benchmark::State& state, const Kernels& kernels, DType dtype,
                  int threads, std::int64_t m) {
  ThreadTeam team(threads);
  Layer layer(kernels, dtype);
  layer.apply(kernels, team, m);
  for (auto _ : state) layer.apply(kernels, team, m);
  state.SetBytesProcessed(state.iterations() * kWeightBytes);
  state.counters["flop/s"] = benchmark::Counter(
      static_cast<double>(2 * m * layer.weights().rows * kColumns),
      benchmark::Counter::kIsIterationInvariantRate);
}

// m rows of input in the form that the layer's product reads.
AlignedBuffer<std::byte> packed_input(const Kernels& kernels,
                                      const WeightMatrix& weights,
                                      std::int64_t m) {
  const std::vector<float> x(kColumns, 0.5f);
  const std::int64_t bytes = activation_bytes(kernels, weights);
  AlignedBuffer<std::byte> input(static_cast<size_t>(m * bytes));
  for (std::int64_t i = 0; i < m; ++i) {
    if (weights.packed) {
      kernels.packed.pack_activations(weights.dtype, x.data(), kColumns, i, m,
                                      input.data());
    } else {
      kernels.pack_activations(weights.dtype, x.data(), kColumns,
                               input.data() + i * bytes);
    }
  }
  return input;
}

// One thread and weights that stay in the second-level cache: what the
// arithmetic takes, for a block of 16 rows by 32 columns.
void in_cache(benchmark::State& state, const Kernels& kernels, DType dtype,
              std::int64_t m) {
  const Layer layer(kernels, dtype, kCachedBytes);
  const WeightMatrix& weights = layer.weights();
  const auto input = packed_input(kernels, weights, m);
  std::vector<float> out(static_cast<size_t>(m * weights.rows));
  const auto matmul = weights.packed ? kernels.packed.matmul : kernels.matmul;
  for (auto _ : state) {
    matmul({.weights = weights,
            .activations = input.data(),
            .m = m,
            .out = out.data(),
            .out_stride = weights.rows},
           0, weights.rows);
    benchmark::ClobberMemory();
  }
  state.counters["s/block"] = benchmark::Counter(
      static_cast<double>(weights.rows / kPackedRows * kColumns / 32),
      benchmark::Counter::kIsIterationInvariantRate |
          benchmark::Counter::kInvert);
}

void verification(benchmark::State& state, const Kernels& kernels, DType dtype,
                  int threads, std::int64_t m) {
  using Clock = std::chrono::steady_clock;
  ThreadTeam team(threads);
  Layer layer(kernels, dtype);
  layer.apply(kernels, team, m);
  std::vector<double> of_one, of_many;
  const auto seconds = [&](std::int64_t rows) {
    const auto start = Clock::now();
    layer.apply(kernels, team, rows);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  for (auto _ : state) {
    of_one.push_back(seconds(1));
    of_many.push_back(seconds(m));
    state.SetIterationTime(of_many.back());
  }
  state.counters["T(m)/T(1)"] = median(of_many) / median(of_one);
  state.counters["GB/s(1)"] = 1e-9 * kWeightBytes / median(of_one);
}

// One key/value head, `m` new rows after `context` positions, bf16.
void attention_head(benchmark::State& state, const Kernels& kernels,
                    std::int64_t context, std::int64_t group, std::int64_t m) {
  constexpr std::int64_t kHeadDim = 128;
  constexpr std::int64_t kBlock = 64;
  std::mt19937 random(1);
  const std::int64_t blocks = (context + m + kBlock - 1) / kBlock;
  const auto cache = test::random_weights(
      DType::kBF16, 2 * blocks * kBlock * kHeadDim, random);
  std::vector<const std::byte*> keys, values;
  for (std::int64_t b = 0; b < blocks; ++b) {
    keys.push_back(cache.data() + 4 * b * kBlock * kHeadDim);
    values.push_back(keys.back() + 2 * kBlock * kHeadDim);
  }
  const std::vector<float> q(static_cast<size_t>(m * group * kHeadDim), 0.1f);
  std::vector<float> out(q.size());
  for (auto _ : state) {
    kernels.attention({.q = q.data(),
                       .q_stride = group * kHeadDim,
                       .out = out.data(),
                       .out_stride = group * kHeadDim,
                       .m = m,
                       .group = group,
                       .head_dim = kHeadDim,
                       .first_position = context,
                       .scale = 0.09f,
                       .dtype = DType::kBF16,
                       .block_size = kBlock,
                       .keys = keys.data(),
                       .values = values.data()});
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * context * kHeadDim * 4);
  state.counters["flop/s"] = benchmark::Counter(
      static_cast<double>(4 * m * group * context * kHeadDim),
      benchmark::Counter::kIsIterationInvariantRate);
}

void elementwise(benchmark::State& state, std::int64_t n,
                 const std::function<void(const float*, float*)>& step) {
  const std::vector<float> x(static_cast<size_t>(n), 0.5f);
  std::vector<float> out(x.size(), 0.25f);
  for (auto _ : state) {
    step(x.data(), out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n);
}

void register_set(const Kernels& kernels) {
  const std::string set(kernels.name);
  for (const DType dtype : test::kAllDTypes) {
    for (const std::int64_t m : {1, 2, 4, 8, 16}) {
      benchmark::RegisterBenchmark(
          fmt::format("in_cache/{}/{}/{}", dtype_name(dtype), set, m).c_str(),
          [&kernels, dtype, m](benchmark::State& state) {
            in_cache(state, kernels, dtype, m);
          });
    }
    for (const int threads : {1, 2}) {
      for (const std::int64_t m : {1, 2, 3, 4, 6, 8, 12, 16, 128}) {
        const bool main_type = dtype == DType::kBF16 || dtype == DType::kQ8_0;
        if (!main_type && m != 1 && m != 8 && m != 128) continue;
        benchmark::RegisterBenchmark(
            fmt::format("linear/{}/{}/{}/{}", dtype_name(dtype), set, threads,
                        m)
                .c_str(),
            [&kernels, dtype, threads, m](benchmark::State& state) {
              linear_layer(state, kernels, dtype, threads, m);
            })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
      for (std::int64_t m = 2; m <= 16; ++m) {
        benchmark::RegisterBenchmark(
            fmt::format("verification/{}/{}/{}/{}", dtype_name(dtype), set,
                        threads, m)
                .c_str(),
            [&kernels, dtype, threads, m](benchmark::State& state) {
              verification(state, kernels, dtype, threads, m);
            })
            ->UseManualTime()
            ->Iterations(15)
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  for (const std::int64_t group : {1, 4}) {
    for (const std::int64_t m : {1, 8, 128}) {
      benchmark::RegisterBenchmark(
          fmt::format("attention/{}/context:2048/group:{}/{}", set, group, m)
              .c_str(),
          [&kernels, group, m](benchmark::State& state) {
            attention_head(state, kernels, 2048, group, m);
          });
    }
  }
  constexpr std::int64_t n = 4096;
  const auto add_step = [](const std::string& name, auto step) {
    benchmark::RegisterBenchmark(name.c_str(), [step](benchmark::State& state) {
      elementwise(state, n, step);
    });
  };
  add_step("rms_norm/" + set, [&kernels](const float* x, float* out) {
    kernels.rms_norm(x, x, 1e-5f, out, n);
  });
  add_step("silu_multiply/" + set, [&kernels](const float* x, float* out) {
    kernels.silu_multiply(x, x, out, n);
  });
  add_step("rope/" + set, [&kernels](const float* x, float* out) {
    for (int head = 0; head < n / 128; ++head) {
      kernels.rope(out + head * 128, x, x, 128, false);
    }
  });
}

BENCHMARK(read_bandwidth)->Arg(1)->Arg(2)->UseRealTime();

const bool registered = [] {
  for (const Kernels* kernels : available_kernels()) register_set(*kernels);
  return true;
}();

}  // namespace
}  // namespace pilotfish
