#ifndef PILOTFISH_TESTS_REFERENCE_MODEL_H_
#define PILOTFISH_TESTS_REFERENCE_MODEL_H_

#include <cmath>
#include <functional>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "model/config.h"
#include "model/tensor_names.h"
#include "tensor/quantise.h"

// The whole model once more, in double and in plain loops, from the tensors of
// a checkpoint: what every fast path is compared with.
namespace pilotfish::test {

struct ReferenceOptions {
  std::int64_t layers = 0;                 // 0: all
  std::int64_t n_positions = 0;            // for dynamic rope scaling
  std::optional<DType> weights = {};       // matrices rounded through this
  DType kv = DType::kF32;                  // keys and values rounded to this
  std::optional<ModelConfig> config = {};  // nullopt: what the files say
};

class ReferenceModel {
 public:
  using Row = std::vector<double>;

  explicit ReferenceModel(const std::filesystem::path& path,
                          const ReferenceOptions& options = {})
      : ReferenceModel(Checkpoint::open(path), options) {}
  ReferenceModel(std::shared_ptr<const Checkpoint> checkpoint,
                 const ReferenceOptions& options)
      : options_(options),
        checkpoint_(std::move(checkpoint)),
        config_(options.config ? *options.config : read_config(*checkpoint_)) {
    if (options.layers > 0) config_.keep_layers(options.layers);
    for (const LayerConfig& layer : config_.layers) {
      turns_.push_back(turns_of(layer.attention.rope));
    }
  }

  struct Output {
    std::vector<Row> logits;  // [tokens, vocab_size]
    std::vector<std::vector<Row>>
        hidden;  // [n_layers + 1, tokens, hidden_size]
  };

  std::vector<Row> logits(std::span<const Token> tokens) const {
    return run(tokens).logits;
  }

  Output run(std::span<const Token> tokens) const {
    using enum TensorRole;
    Output output;
    std::vector<Row> x;
    const Row embedding = matrix(kTokenEmbedding, 0);
    for (const Token token : tokens) {
      const auto begin = embedding.begin() + token * config_.hidden_size;
      x.emplace_back(begin, begin + config_.hidden_size);
    }
    output.hidden.push_back(x);
    for (int layer = 0; layer < config_.n_layers(); ++layer) {
      run_layer(layer, x);
      output.hidden.push_back(x);
    }
    const Row norm = vector(kOutputNorm, 0);
    const Row head = config_.tied_embeddings ? embedding : matrix(kOutput, 0);
    for (const Row& row : x) {
      output.logits.push_back(
          multiply(head, {}, normalise(row, norm, config_.rms_epsilon)));
    }
    return output;
  }

 private:
  // How the heads of a layer turn.
  struct Turns {
    std::vector<double> frequencies;
    double magnitude = 1;
  };

  const AttentionConfig& attention_of(int layer) const {
    return config_.layers[static_cast<size_t>(layer)].attention;
  }

  void run_layer(int layer, std::vector<Row>& x) const {
    using enum TensorRole;
    const double epsilon =
        config_.layers[static_cast<size_t>(layer)].rms_epsilon;
    const auto linear = [&](TensorRole role, TensorRole bias_role) {
      return [weights = matrix(role, layer), bias = vector(bias_role, layer)](
                 const Row& in) { return multiply(weights, bias, in); };
    };
    const auto query = linear(kQuery, kQueryBias);
    const auto key = linear(kKey, kKeyBias);
    const auto value = linear(kValue, kValueBias);
    const auto output = linear(kAttentionOutput, kAttentionOutputBias);
    const Row attention_norm = vector(kAttentionNorm, layer);
    const Row query_norm = vector(kQueryNorm, layer);
    const Row key_norm = vector(kKeyNorm, layer);

    std::vector<Row> queries, keys, values;
    for (size_t i = 0; i < x.size(); ++i) {
      const Row in = normalise(x[i], attention_norm, epsilon);
      queries.push_back(heads(layer, query(in), query_norm, i));
      keys.push_back(rounded(heads(layer, key(in), key_norm, i)));
      values.push_back(rounded(value(in)));
    }
    for (size_t i = 0; i < x.size(); ++i) {
      add(output(attend(layer, queries[i], keys, values, i)), x[i]);
    }

    const auto gate = linear(kFfnGate, kFfnGateBias);
    const auto up = linear(kFfnUp, kFfnUpBias);
    const auto down = linear(kFfnDown, kFfnDownBias);
    const Row ffn_norm = vector(kFfnNorm, layer);
    for (Row& row : x) {
      const Row in = normalise(row, ffn_norm, epsilon);
      Row inner = gate(in);
      const Row factor = up(in);
      for (size_t i = 0; i < inner.size(); ++i) {
        inner[i] = inner[i] / (1 + std::exp(-inner[i])) * factor[i];
      }
      add(down(inner), row);
    }
  }

  Row attend(int layer, const Row& query, const std::vector<Row>& keys,
             const std::vector<Row>& values, size_t position) const {
    const AttentionConfig& attention = attention_of(layer);
    const auto dim = static_cast<size_t>(attention.head_dim);
    const auto group =
        static_cast<size_t>(attention.n_heads / attention.n_kv_heads);
    const bool slides = attention.sliding_window > 0;
    const auto window = static_cast<size_t>(attention.sliding_window);
    Row out(query.size());
    for (size_t head = 0; head * dim < query.size(); ++head) {
      const size_t q = head * dim;
      const size_t kv = head / group * dim;
      Row weights;
      double total = 0;
      for (size_t j = 0; j <= position; ++j) {
        double score = 0;
        for (size_t d = 0; d < dim; ++d)
          score += query[q + d] * keys[j][kv + d];
        const bool seen = !slides || position - j < window;
        weights.push_back(
            seen ? std::exp(score / std::sqrt(static_cast<double>(dim))) : 0);
        total += weights.back();
      }
      for (size_t j = 0; j <= position; ++j) {
        for (size_t d = 0; d < dim; ++d) {
          out[q + d] += weights[j] / total * values[j][kv + d];
        }
      }
    }
    return out;
  }

  // Each head normalised, where there is a norm, and turned.
  Row heads(int layer, Row in, const Row& norm, size_t position) const {
    const AttentionConfig& attention = attention_of(layer);
    const Turns& turns = turns_[static_cast<size_t>(layer)];
    const auto dim = static_cast<size_t>(attention.head_dim);
    const auto half = turns.frequencies.size();
    for (size_t first = 0; first < in.size(); first += dim) {
      Row head(in.begin() + static_cast<long>(first),
               in.begin() + static_cast<long>(first + dim));
      if (!norm.empty()) {
        head = normalise(
            head, norm, config_.layers[static_cast<size_t>(layer)].rms_epsilon);
      }
      for (size_t i = 0; i < half; ++i) {
        const size_t a = attention.rope.interleaved ? 2 * i : i;
        const size_t b = attention.rope.interleaved ? 2 * i + 1 : i + half;
        const double angle =
            static_cast<double>(position) * turns.frequencies[i];
        const double cosine = std::cos(angle) * turns.magnitude;
        const double sine = std::sin(angle) * turns.magnitude;
        const double x = head[a];
        const double y = head[b];
        head[a] = x * cosine - y * sine;
        head[b] = y * cosine + x * sine;
      }
      std::copy(head.begin(), head.end(),
                in.begin() + static_cast<long>(first));
    }
    return in;
  }

  // The rotation as modeling_rope_utils.py of transformers computes it.
  Turns turns_of(const RopeConfig& rope) const {
    using enum RopeScaling::Kind;
    Turns turns;
    const RopeScaling& s = rope.scaling;
    const auto dim = static_cast<double>(rope.rotary_dim);
    const auto original = static_cast<double>(s.original_positions);
    double base = rope.theta;
    if (s.kind == kDynamic) {
      const double length =
          std::max(original, static_cast<double>(options_.n_positions > 0
                                                     ? options_.n_positions
                                                     : config_.n_positions));
      base *= std::pow(s.factor * length / original - (s.factor - 1),
                       dim / (dim - 2));
    }
    if (s.kind == kYarn) {
      turns.magnitude = s.attention_factor > 0 ? s.attention_factor
                                               : 0.1 * std::log(s.factor) + 1;
    }
    const TensorView* divisors = checkpoint_->kind() == Checkpoint::Kind::kGguf
                                     ? checkpoint_->find("rope_freqs.weight")
                                     : nullptr;
    for (int i = 0; i < rope.rotary_dim / 2; ++i) {
      double frequency = 1 / std::pow(base, 2 * i / dim);
      const double wavelength = 2 * std::numbers::pi / frequency;
      if (s.kind == kLinear) frequency /= s.factor;
      if (s.kind == kLlama3) {
        if (wavelength > original / s.low_frequency_factor) {
          frequency /= s.factor;
        } else if (wavelength >= original / s.high_frequency_factor) {
          const double smooth =
              (original / wavelength - s.low_frequency_factor) /
              (s.high_frequency_factor - s.low_frequency_factor);
          frequency = (1 - smooth) * frequency / s.factor + smooth * frequency;
        }
      }
      if (s.kind == kYarn) {
        const auto correction = [&](double rotations) {
          return dim * std::log(original / (rotations * 2 * std::numbers::pi)) /
                 (2 * std::log(base));
        };
        const double low = std::max(std::floor(correction(s.beta_fast)), 0.0);
        double high = std::min(std::ceil(correction(s.beta_slow)), dim - 1);
        if (low == high) high += 0.001;
        const double ramp =
            std::min(1.0, std::max(0.0, (i - low) / (high - low)));
        frequency = frequency / s.factor * ramp + frequency * (1 - ramp);
      }
      if (divisors) {
        float divisor;
        dequantise_row(divisors->dtype, divisors->data + 4 * i, &divisor, 1);
        frequency /= divisor;
      }
      turns.frequencies.push_back(frequency);
    }
    return turns;
  }

  // weights [out.size(), in.size()]
  static Row multiply(const Row& weights, const Row& bias, const Row& in) {
    Row out(weights.size() / in.size());
    for (size_t n = 0; n < out.size(); ++n) {
      double sum = bias.empty() ? 0 : bias[n];
      for (size_t i = 0; i < in.size(); ++i) {
        sum += weights[n * in.size() + i] * in[i];
      }
      out[n] = sum;
    }
    return out;
  }

  static Row normalise(const Row& x, const Row& weight, double epsilon) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double factor =
        1 / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
    Row out(x.size());
    for (size_t i = 0; i < x.size(); ++i) out[i] = x[i] * factor * weight[i];
    return out;
  }

  static void add(const Row& x, Row& inout) {
    for (size_t i = 0; i < x.size(); ++i) inout[i] += x[i];
  }

  Row rounded(const Row& row) const {
    const auto n = static_cast<std::int64_t>(row.size());
    std::vector<float> floats(row.begin(), row.end());
    std::vector<std::byte> stored(
        static_cast<size_t>(row_bytes(options_.kv, n)));
    quantise_row(options_.kv, floats.data(), stored.data(), n);
    dequantise_row(options_.kv, stored.data(), floats.data(), n);
    return options_.kv == DType::kF32 ? row : Row(floats.begin(), floats.end());
  }

  // All elements of a tensor; empty where there is none.
  Row vector(TensorRole role, int layer) const {
    const TensorView* tensor =
        checkpoint_->find(tensor_name(checkpoint_->kind(), role, layer));
    if (!tensor) return {};
    std::vector<float> values(static_cast<size_t>(tensor->elements()));
    dequantise_row(tensor->dtype, tensor->data, values.data(),
                   tensor->elements());
    return {values.begin(), values.end()};
  }

  Row matrix(TensorRole role, int layer) const {
    const Row exact = vector(role, layer);
    if (!options_.weights) return exact;
    std::vector<float> values(exact.begin(), exact.end());
    const auto size = static_cast<std::int64_t>(values.size());
    std::vector<std::byte> packed(
        static_cast<size_t>(row_bytes(*options_.weights, size)));
    quantise_row(*options_.weights, values.data(), packed.data(), size);
    dequantise_row(*options_.weights, packed.data(), values.data(), size);
    return {values.begin(), values.end()};
  }

  ReferenceOptions options_;
  std::shared_ptr<const Checkpoint> checkpoint_;
  ModelConfig config_;
  std::vector<Turns> turns_;  // [n_layers]
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_REFERENCE_MODEL_H_
