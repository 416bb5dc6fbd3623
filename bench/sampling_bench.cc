// What decoding takes beside forward passes, on one thread. PILOTFISH_ISA
// chooses the instruction set.
//
//   sampling_bench --benchmark_filter=... [--benchmark_repetitions=5]
//
// `process`: to make a distribution of a row of logits, for each processor, in
// the memory of the row before. `draw`: to draw from one over the whole
// vocabulary. `iteration`: a whole iteration of the decoding loop with a window
// of 5 and models that take no time. `judge`: the verdicts on so many sequences
// of 5 rows, by so many threads. Rows are as a trained model gives them
// ("peaked") or an untrained one ("flat").

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/threads.h"
#include "sampling/processors.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/loop/decoder.h"
#include "speculative/loop/judge.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kVocabularies[] = {32000, 128256};

// A normal bulk; "peaked": and a head that falls off as a power of the rank.
std::vector<float> logits(bool peaked, std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, peaked ? 2.f : 1.f);
  std::vector<float> row(static_cast<size_t>(size));
  for (float& x : row) x = normal(random);
  if (!peaked) return row;
  for (int rank = 1; rank <= 1000; ++rank) {
    row[random() % row.size()] = 18 - 1.6f * std::log(static_cast<float>(rank));
  }
  return row;
}

struct Mix {
  std::string name;
  SamplingParams params;
};

std::vector<Mix> mixes() {
  std::vector<Mix> all;
  const auto add = [&](const std::string& name, double temperature,
                       const std::function<void(SamplingParams&)>& change) {
    SamplingParams& params = all.emplace_back(Mix{name, {}}).params;
    params.temperature = temperature;
    change(params);
  };
  const auto penalties = [](SamplingParams& p) {
    p.repetition_penalty = 1.1;
    p.frequency_penalty = 0.1;
  };
  add("greedy", 0, [](SamplingParams&) {});
  add("greedy+penalties", 0, penalties);
  add("temperature", 0.8, [](SamplingParams&) {});
  add("top_k", 0.8, [](SamplingParams& p) { p.top_k = 40; });
  add("top_p", 0.8, [](SamplingParams& p) { p.top_p = 0.95; });
  add("min_p", 0.8, [](SamplingParams& p) { p.min_p = 0.05; });
  add("typical_p", 0.8, [](SamplingParams& p) { p.typical_p = 0.95; });
  add("top_k+top_p", 0.8, [](SamplingParams& p) {
    p.top_k = 40;
    p.top_p = 0.95;
  });
  add("penalties+top_k+top_p", 0.8, [&](SamplingParams& p) {
    penalties(p);
    p.top_k = 40;
    p.top_p = 0.95;
  });
  return all;
}

void process(benchmark::State& state, const SamplingParams& params, bool peaked,
             std::int64_t size) {
  constexpr size_t kRows = 8;  // the window's
  std::vector<std::vector<float>> rows;
  for (unsigned i = 0; i < kRows; ++i) rows.push_back(logits(peaked, size, i));
  TokenHistory history({1}, params);
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    history.push(static_cast<Token>(random() % static_cast<unsigned>(size)));
  }
  LogitsProcessor processor;
  size_t next = 0;
  double kept = 0;
  for (auto _ : state) {
    Distribution d =
        processor.process(rows[next++ % kRows], params, history, {});
    kept += static_cast<double>(d.entries().size());
    processor.recycle(std::move(d));
  }
  state.counters["kept"] =
      benchmark::Counter(kept, benchmark::Counter::kAvgIterations);
}

// Draws from a distribution over the whole vocabulary.
void draw(benchmark::State& state, std::int64_t size, bool gumbel) {
  SamplingParams params;
  params.temperature = 0.8;
  const TokenHistory history({1}, params);
  LogitsProcessor processor;
  const Distribution d =
      processor.process(logits(true, size, 1), params, history, {});
  const Random random(7);
  std::uint64_t position = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        gumbel ? gumbel_draw(d, random, position)
               : d.sample(random.uniform(position, RandomRole::kTarget)));
    ++position;
  }
}

// Rows that were computed beforehand: which one depends on the position alone.
class StoredScorer final : public Scorer {
 public:
  // `noise`: what a draft's logits differ by.
  StoredScorer(std::int64_t vocab_size, float noise) : vocab_size_(vocab_size) {
    std::mt19937 random(99);
    std::normal_distribution<float> normal(0, noise);
    for (std::int64_t row = 0; row < kRows + kMostRows; ++row) {
      for (const float x :
           logits(true, vocab_size, static_cast<unsigned>(row % kRows))) {
        logits_.push_back(noise > 0 ? x + normal(random) : x);
      }
    }
  }

  std::int64_t vocab_size() const override { return vocab_size_; }
  std::int64_t n_positions() const override { return 1 << 30; }
  SequenceId create() override { return 0; }
  void release(SequenceId) override {}
  std::int64_t length(SequenceId) const override { return length_; }
  std::int64_t truncate(SequenceId, std::int64_t length) override {
    return length_ = length;
  }
  std::int64_t keep(SequenceId, std::span<const std::int32_t>) override {
    return length_;
  }
  ForwardOutput forward(const Batch& batch) override {
    length_ += batch.rows();
    const std::int64_t first = (length_ - batch.logits_rows()) % kRows;
    return {.logits = Logits(logits_.data() + first * vocab_size_,
                             batch.logits_rows(), vocab_size_),
            .hidden = {}};
  }

 private:
  static constexpr std::int64_t kRows = 8;
  static constexpr std::int64_t kMostRows = 5;

  std::int64_t vocab_size_;
  std::int64_t length_ = 0;
  std::vector<float> logits_;  // [kRows + kMostRows, vocab_size_]
};

void iteration(benchmark::State& state, const SamplingParams& params,
               const std::string& acceptor, std::int64_t size) {
  StoredScorer target(size, 0);
  StoredScorer draft(size, 0.5f);
  ModelDrafter drafter(draft, size);
  SpeculativeDecoder decoder(target, drafter, make_acceptor(acceptor),
                             {.window = 5});
  SequenceOptions options;
  options.prompt = {1};
  options.max_tokens = 1 << 29;
  options.sampling = params;
  Sequence sequence(options);
  decoder.admit(sequence);
  Sequence* const sequences[] = {&sequence};
  for (int i = 0; i < 3; ++i) decoder.step(sequences);
  const std::int64_t before = sequence.generated_size();
  for (auto _ : state) decoder.step(sequences);
  state.counters["tokens"] = benchmark::Counter(
      static_cast<double>(sequence.generated_size() - before),
      benchmark::Counter::kAvgIterations);
}

// By one thread, the judge does without a team.
void judge(benchmark::State& state, const SamplingParams& params,
           std::int64_t sequences, std::int64_t size, int threads) {
  constexpr std::int64_t kDrafted = 4;
  const std::shared_ptr<ThreadTeam> team =
      threads > 1 ? make_threads(threads) : nullptr;
  Judge judge(make_acceptor("coupled"), size, team.get());
  const std::vector<float> row = logits(true, size, 1);
  std::vector<float> rows;
  std::vector<std::unique_ptr<Sequence>> texts;
  std::vector<TokenHistory> histories;
  const Draft draft{std::vector<Token>(kDrafted, 7), {}};
  std::vector<std::int32_t> paths(static_cast<size_t>(sequences * kDrafted));
  for (std::int64_t i = 0; i < sequences; ++i) {
    SequenceOptions options;
    options.prompt = {1};
    options.sampling = params;
    texts.push_back(std::make_unique<Sequence>(options));
    histories.push_back(texts.back()->history());
    for (std::int64_t j = 0; j <= kDrafted; ++j) {
      rows.insert(rows.end(), row.begin(), row.end());
    }
  }
  const std::int64_t count = sequences * (1 + kDrafted);
  std::vector<Case> cases;
  for (auto _ : state) {
    cases.clear();
    for (std::int64_t i = 0; i < sequences; ++i) {
      const auto at = static_cast<size_t>(i);
      cases.push_back(
          {.sequence = texts[at].get(),
           .draft = &draft,
           .history = &histories[at],
           .first_row = i * (1 + kDrafted),
           .path = std::span(paths).subspan(at * kDrafted, kDrafted)});
    }
    judge.judge(cases, Logits(rows.data(), count, size));
  }
}

const bool registered = [] {
  const auto add = [](const std::string& name, auto run) {
    return benchmark::RegisterBenchmark(name.c_str(), run)
        ->Unit(benchmark::kMicrosecond);
  };
  for (const Mix& mix : mixes()) {
    for (const bool peaked : {true, false}) {
      for (const std::int64_t size : kVocabularies) {
        add(fmt::format("process/{}/{}/{}", mix.name,
                        peaked ? "peaked" : "flat", size),
            [params = mix.params, peaked, size](benchmark::State& state) {
              process(state, params, peaked, size);
            });
      }
    }
  }
  for (const std::int64_t size : kVocabularies) {
    add(fmt::format("draw/{}", size),
        [size](benchmark::State& state) { draw(state, size, false); });
    add(fmt::format("draw_coupled/{}", size),
        [size](benchmark::State& state) { draw(state, size, true); });
  }
  for (const Mix& mix : mixes()) {
    for (const std::string acceptor : {"rejection", "block", "coupled"}) {
      for (const std::int64_t size : kVocabularies) {
        add(fmt::format("iteration/{}/{}/{}", mix.name, acceptor, size),
            [params = mix.params, acceptor, size](benchmark::State& state) {
              iteration(state, params, acceptor, size);
            });
      }
    }
  }
  for (const Mix& mix : mixes()) {
    if (mix.name != "greedy" && mix.name != "top_k+top_p") continue;
    for (const std::int64_t sequences : {2, 4, 16}) {
      for (const std::int64_t size : {1000, 4000, 32000}) {
        for (const int threads : {1, 2}) {
          add(fmt::format("judge/{}/{}/{}/threads:{}", mix.name, sequences,
                          size, threads),
              [params = mix.params, sequences, size,
               threads](benchmark::State& state) {
                judge(state, params, sequences, size, threads);
              })
              ->UseRealTime();
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace pilotfish
