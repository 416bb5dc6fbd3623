// What the decoding loop allocates once it is warm: nothing that grows with the
// vocabulary, and as many small pieces per verdict as acceptors return.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include "random_model.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/first_layers.h"
#include "speculative/loop/decoder.h"
#include "test_data.h"

namespace {

std::atomic<std::int64_t> allocations = 0;
std::atomic<std::size_t> largest = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  if (size > largest) largest = size;
  return std::malloc(size == 0 ? 1 : size);
}

void* counted_or_thrown(std::size_t size) {
  void* memory = counted(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted_or_thrown(size); }
void* operator new[](std::size_t size) { return counted_or_thrown(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pilotfish {
namespace {

constexpr std::int64_t kLargeVocab = 4000;
constexpr int kWarmUp = 30;
constexpr int kIterations = 40;

class Allocations : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    options.vocab_size = kLargeVocab;
    options.n_positions = 2048;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.1;
    test::write_random_model(folder_->path() / "draft", options);
  }
  static void TearDownTestSuite() { delete folder_; }

  static ModelScorer scorer(const std::string& name) {
    LoadOptions options;
    options.threads = make_threads(1);
    return ModelScorer(Model::load(folder_->path() / name, options),
                       {.n_positions = 2048});
  }

  // Of `kIterations` iterations of one sequence, after as many as it takes for
  // every scratch buffer to have its size.
  struct Count {
    double each = 0;  // allocations per iteration
    std::size_t largest = 0;
  };
  static Count count(const std::string& drafter_name,
                     const std::string& acceptor,
                     const SamplingParams& sampling) {
    ModelScorer target = scorer("target");
    ModelScorer draft = scorer("draft");
    std::unique_ptr<Drafter> drafter = std::make_unique<NoDrafter>();
    if (drafter_name == "model") {
      drafter = std::make_unique<ModelDrafter>(draft, kLargeVocab);
    } else if (drafter_name == "skip") {
      drafter = std::make_unique<ModelDrafter>(
          std::make_unique<FirstLayers>(target, 1), kLargeVocab);
    } else if (drafter_name == "ngram,model") {
      std::vector<std::unique_ptr<Drafter>> drafters;
      drafters.push_back(std::make_unique<NgramDrafter>());
      drafters.push_back(std::make_unique<ModelDrafter>(draft, kLargeVocab));
      drafter = std::make_unique<PreferenceDrafter>(std::move(drafters));
    }
    SpeculativeDecoder decoder(target, *drafter, make_acceptor(acceptor),
                               {.window = drafter_name == "none" ? 1 : 4});
    SequenceOptions options;
    options.prompt = {1, 5, 9};
    options.max_tokens = 2000;
    options.sampling = sampling;
    Sequence sequence(options);
    decoder.admit(sequence);
    Sequence* const sequences[] = {&sequence};
    for (int i = 0; i < kWarmUp; ++i) decoder.step(sequences);
    allocations = 0;
    largest = 0;
    for (int i = 0; i < kIterations; ++i) decoder.step(sequences);
    const Count result{static_cast<double>(allocations) / kIterations, largest};
    EXPECT_FALSE(sequence.finished());
    decoder.retire(sequence);
    return result;
  }

 private:
  static inline test::TemporaryFolder* folder_ = nullptr;
};

// A verdict's tokens, which `TokenAcceptor` returns by value, and the rare
// doubling of what a text records (its tokens, origins and iterations, and its
// blocks in the caches).
constexpr double kDoublings = 0.75;

// Without shares of the whole vocabulary: how much of it they take, and so how
// long the memory grows, differs from row to row.
std::vector<SamplingParams> samplings() {
  std::vector<SamplingParams> all(3);
  all[1].temperature = 0.8;
  all[2] = all[1];
  all[2].top_k = 40;
  all[2].top_p = 0.95;
  return all;
}

TEST_F(Allocations, PlainDecodingMakesOneAnIteration) {
  for (const SamplingParams& sampling : samplings()) {
    EXPECT_LE(count("none", "rejection", sampling).each, 1 + kDoublings);
  }
}

// Coupled draws without a residual.
TEST_F(Allocations, SpeculationMakesOneAnIteration) {
  for (const std::string drafter : {"model", "skip"}) {
    for (const SamplingParams& sampling : samplings()) {
      EXPECT_LE(count(drafter, "coupled", sampling).each, 1 + kDoublings)
          << drafter;
    }
  }
}

// And what a rejection leaves, one distribution; block also notes its ratios,
// and either makes a distribution of each drafted token of a greedy draft.
TEST_F(Allocations, AcceptorsMakeFew) {
  for (const std::string drafter : {"model", "skip"}) {
    for (const SamplingParams& sampling : samplings()) {
      EXPECT_LE(count(drafter, "rejection", sampling).each, 3 + kDoublings);
      EXPECT_LE(count(drafter, "block", sampling).each, 7 + kDoublings);
    }
  }
}

// What is as long as the vocabulary, only a residual may be.
TEST_F(Allocations, NothingIsAsLargeAsTheVocabulary) {
  constexpr std::size_t kSmall = kLargeVocab * sizeof(float);
  for (const SamplingParams& sampling : samplings()) {
    EXPECT_LT(count("none", "block", sampling).largest, kSmall);
    EXPECT_LT(count("model", "coupled", sampling).largest, kSmall);
    EXPECT_LT(count("ngram,model", "coupled", sampling).largest, kSmall);
  }
}

}  // namespace
}  // namespace pilotfish
