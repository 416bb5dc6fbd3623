#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"
#include "sampling/log_probabilities.h"
#include "sampling/logits_fault.h"
#include "speculative/token_checks.h"

namespace pilotfish {
namespace {

void check(const ModelConfig& config, std::span<const Token> tokens,
           std::int64_t n_positions) {
  if (tokens.empty()) throw UsageError("no tokens to score");
  const std::int64_t most = n_positions == 0 ? config.n_positions : n_positions;
  if (static_cast<std::int64_t>(tokens.size()) > most) {
    throw UsageError(
        fmt::format("{} tokens to score are more than n_positions, {}",
                    tokens.size(), most));
  }
  check_tokens("text", tokens, config.vocab_size);
}

// Throws Error for a row at fault, with the weights that may be the reason.
void check_row(const Model& model, std::int64_t position,
               std::span<const float> logits) {
  const std::string fault = logits_fault(logits);
  if (fault.empty()) return;
  const auto tensors = check_weights(model.path());
  throw Error(fmt::format("{}: the logits for position {} are unusable: {}; {}",
                          model.path().string(), position, fault,
                          tensors.empty()
                              ? "no weight of its files is NaN or infinite"
                              : tensor_fault_text(tensors.front())));
}

}  // namespace

Score score(Model& model, std::span<const Token> tokens,
            const ScoreOptions& options) {
  check(model.config(), tokens, options.n_positions);
  const auto count = static_cast<std::int64_t>(tokens.size());
  KvCache cache =
      model.make_cache({.n_positions = count, .dtype = options.kv_dtype});
  const SequenceId sequence = cache.create();
  const std::int64_t chunk = scored_rows_at_a_time(model.config().vocab_size);

  Score result;
  double sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += chunk) {
    const std::int64_t rows = std::min(chunk, count - begin);
    Batch batch;
    batch.add(
        sequence,
        tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(rows)),
        rows);
    const Logits logits = model.forward(batch, cache).logits;
    for (std::int64_t i = 0; i < rows; ++i) {
      check_row(model, begin + i + 1, logits.row(i));
      if (options.on_row) options.on_row(begin + i, logits.row(i));
      if (begin + i + 1 == count) break;
      result.log_probabilities.push_back(log_probability(
          logits.row(i), tokens[static_cast<size_t>(begin + i + 1)]));
      sum += result.log_probabilities.back();
    }
  }
  result.perplexity = count == 1
                          ? std::numeric_limits<double>::quiet_NaN()
                          : std::exp(-sum / static_cast<double>(count - 1));
  return result;
}

}  // namespace pilotfish
