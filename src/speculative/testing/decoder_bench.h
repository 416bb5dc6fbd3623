#ifndef PILOTFISH_SPECULATIVE_TESTING_DECODER_BENCH_H_
#define PILOTFISH_SPECULATIVE_TESTING_DECODER_BENCH_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "speculative/loop/decoder.h"
#include "speculative/testing/toy.h"

// What the tests of the decoding loop share.
namespace pilotfish::test {

using Tokens = std::vector<Token>;

inline Tokens copy(std::span<const Token> tokens) {
  return {tokens.begin(), tokens.end()};
}

inline Toy small_toy(float noise = 1.0f) {
  const LogitTable target(16, 8, 1);
  Toy toy(target, LogitTable::like(target, 2, noise));
  toy.max_tokens = 20;
  return toy;
}

// A decoder with its models; sequences are run one by one or together.
struct Bench {
  explicit Bench(const Toy& toy, const DecoderOptions& options = {},
                 std::int64_t n_positions = 64,
                 std::int64_t draft_positions = 64,
                 const std::string& acceptor = "rejection")
      : target(toy.target, n_positions),
        draft(toy.draft, draft_positions),
        drafter(draft, target.vocab_size(), options.prefill_chunk),
        decoder(target, drafter, make_acceptor(acceptor), options) {}

  void run(std::vector<Sequence*> sequences) {
    for (Sequence* sequence : sequences) decoder.admit(*sequence);
    while (!sequences.empty()) {
      decoder.step(sequences);
      std::erase_if(sequences, [&](Sequence* sequence) {
        if (!sequence->finished()) return false;
        decoder.retire(*sequence);
        return true;
      });
    }
  }
  Tokens generate(SequenceOptions options) {
    Sequence sequence(std::move(options));
    run({&sequence});
    return copy(sequence.generated());
  }

  TableScorer target;
  TableScorer draft;
  ModelDrafter drafter;
  SpeculativeDecoder decoder;
};

// What plain greedy or sampled decoding gives, without decoder or cache.
inline Tokens plain_text(const Toy& toy, std::uint64_t seed) {
  LogitsProcessor processor;
  const Random random(seed);
  TokenHistory history(toy.prompt, toy.sampling);
  while (history.generated_size() < toy.max_tokens) {
    const Distribution p =
        processor.process(toy.target.row(history.tokens()), toy.sampling,
                          history, toy.stop_tokens);
    history.push(p.sample(random.uniform(
        static_cast<std::uint64_t>(history.size()), RandomRole::kTarget)));
    if (std::ranges::count(toy.stop_tokens, history.tokens().back()) > 0) break;
  }
  return copy(history.tokens().subspan(toy.prompt.size()));
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_DECODER_BENCH_H_
