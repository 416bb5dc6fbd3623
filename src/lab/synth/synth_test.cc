#include "pilotfish/lab/synth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "lab/synth/agreement.h"
#include "lab/synth/synth_file.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"
#include "pilotfish/kv_cache.h"
#include "pilotfish/tokenizer.h"
#include "test_data.h"

namespace pilotfish {
namespace {

// A layer of this kind, with small extents.
LayerConfig tiny_layer(LayerConfig layer) {
  layer.ffn = DenseFfn{.intermediate_size = 96};
  layer.attention.n_heads = 4;
  layer.attention.n_kv_heads = 2;
  layer.attention.head_dim = 16;
  layer.attention.rope.rotary_dim = 16;
  return layer;
}

Shape tiny(std::int64_t n_layers = 6) {
  Shape shape = *find_shape("llama-68m");
  shape.name = "tiny";
  shape.config.vocab_size = 1024;
  shape.config.hidden_size = 64;
  shape.config.n_positions = 512;
  shape.config.set_layers(n_layers, tiny_layer(shape.config.layers.front()));
  return shape;
}

std::vector<Text> one(Text text) { return {std::move(text)}; }

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// [text.size(), vocab_size], of the first layers alone where told.
std::vector<float> all_logits(Model& model, const Text& text,
                              std::int64_t layers = 0) {
  KvCache cache = model.make_cache({.n_positions = std::ssize(text)});
  Batch batch;
  batch.add(cache.create(), text, std::ssize(text));
  const Logits logits = model.forward(batch, cache, layers).logits;
  std::vector<float> all;
  for (std::int64_t i = 0; i < logits.rows(); ++i) {
    all.insert(all.end(), logits.row(i).begin(), logits.row(i).end());
  }
  return all;
}

// Token by token, with nothing of the engine's.
Text greedy_text(Model& model, Text text, std::int64_t length) {
  KvCache cache = model.make_cache({.n_positions = 256});
  const SequenceId sequence = cache.create();
  Text next = text;
  Text said;
  while (std::ssize(said) < length) {
    Batch batch;
    batch.add(sequence, next, 1);
    const auto row = model.forward(batch, cache).logits.row(0);
    said.push_back(
        static_cast<Token>(std::ranges::max_element(row) - row.begin()));
    next = {said.back()};
  }
  return said;
}

class SynthTest : public ::testing::Test {
 protected:
  std::filesystem::path path(const char* name) const {
    return folder_.path() / name;
  }
  std::int64_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()),
                         std::filesystem::directory_iterator());
  }
  std::shared_ptr<Model> load(const char* name) const {
    return Model::load(path(name), {.threads = threads_});
  }

  const std::shared_ptr<ThreadTeam> threads_ = make_threads(1);

 private:
  test::TemporaryFolder folder_;
};

TEST_F(SynthTest, FilesHaveTheShape) {
  const Shape shape = tiny();
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    synthesise(shape, path("m.gguf"),
               {.dtype = dtype, .threads = threads_, .overwrite = true});
    const ModelDescription model = inspect_model(path("m.gguf"));
    EXPECT_EQ(model.format, "GGUF");
    EXPECT_EQ(model.config.architecture, "llama");
    EXPECT_EQ(model.parameters, shape.config.parameters());
    EXPECT_EQ(model.config.vocab_size, shape.config.vocab_size);
    EXPECT_EQ(model.config.hidden_size, shape.config.hidden_size);
    EXPECT_EQ(model.config.n_layers(), shape.config.n_layers());
    EXPECT_EQ(model.config.layers.front().attention.n_kv_heads,
              shape.config.layers.front().attention.n_kv_heads);
    EXPECT_EQ(model.config.n_positions, shape.config.n_positions);
    EXPECT_EQ(model.config.bos, shape.config.bos);
    EXPECT_EQ(model.config.eos, shape.config.eos);
    EXPECT_EQ(model.totals.front().dtype, dtype);
    // Norms are f32 whatever the dtype.
    const std::int64_t norms = 64 * (2 * shape.config.n_layers() + 1);
    const bool halves = dtype == DType::kF16 || dtype == DType::kBF16;
    EXPECT_EQ(model.weight_bytes,
              weight_bytes(shape.config, dtype) + (halves ? 2 * norms : 0));
  }
}

// What ends texts of Llama 3, rotary divisors, biases, norms of heads.
TEST_F(SynthTest, EveryFamilyLoadsAndIsOfSoundSize) {
  for (const char* name : {"llama-2-7b", "llama-3.2-1b", "mistral-7b-v0.1",
                           "qwen2.5-0.5b", "qwen3-8b"}) {
    Shape shape = tiny(3);
    shape.config = find_shape(name)->config;
    shape.config.hidden_size = 64;
    shape.config.set_layers(3, tiny_layer(shape.config.layers.front()));
    synthesise(shape, path("m.gguf"), {.threads = threads_, .overwrite = true});
    const auto model = load("m.gguf");
    EXPECT_EQ(model->config().bos, shape.config.bos) << name;
    EXPECT_EQ(model->config().eos, shape.config.eos) << name;
    EXPECT_EQ(model->config().tied_embeddings, shape.config.tied_embeddings);
    const Text text = random_texts(1, 20, shape.config.vocab_size, 1).front();
    double squares = 0;
    const std::vector<float> logits = all_logits(*model, text);
    for (const float logit : logits) {
      ASSERT_TRUE(std::isfinite(logit)) << name;
      squares += double{logit} * logit;
    }
    const double deviation =
        std::sqrt(squares / static_cast<double>(logits.size()));
    EXPECT_GT(deviation, 6) << name;
    EXPECT_LT(deviation, 10) << name;
    EXPECT_GT(fresh_pairs(one(greedy_text(*model, text, 40))), 0.9) << name;
  }
}

TEST_F(SynthTest, TheVocabularyEncodesAnyText) {
  synthesise(tiny(1), path("m.gguf"), {.threads = threads_});
  const auto tokenizer = Tokenizer::load_if_present(path("m.gguf"));
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 1024);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->token_text(0), "<unk>");
  EXPECT_EQ(tokenizer->token_text(3), "<0x00>");
  for (const std::string text : {"hello", "bad cab", "na\u00EFve \U0001F41F"}) {
    const auto tokens = tokenizer->encode(text);
    EXPECT_EQ(tokens.front(), 1) << text;
    EXPECT_EQ(tokenizer->decode(tokens), text);
  }
  // Letters are joined.
  EXPECT_LT(tokenizer->encode("bad cab").size(), 1 + 7u);
}

TEST_F(SynthTest, TheSeedDecidesAndThreadsDoNot) {
  const Shape shape = tiny(2);
  synthesise(shape, path("a.gguf"), {.seed = 7, .threads = make_threads(1)});
  synthesise(shape, path("b.gguf"), {.seed = 7, .threads = make_threads(3)});
  synthesise(shape, path("c.gguf"), {.seed = 8, .threads = threads_});
  EXPECT_EQ(bytes_of(path("a.gguf")), bytes_of(path("b.gguf")));
  EXPECT_NE(bytes_of(path("a.gguf")), bytes_of(path("c.gguf")));
}

TEST_F(SynthTest, TheDraftIsTheTargetsFirstLayers) {
  const PairReport report = synthesise_pair(
      tiny(), path("t.gguf"), path("d.gguf"),
      {.dtype = DType::kQ8_0, .threads = threads_}, {.draft_layers = 2});
  EXPECT_EQ(files(), 2);
  EXPECT_GT(report.scale, 0);
  const auto target = load("t.gguf");
  const auto draft = load("d.gguf");
  EXPECT_EQ(draft->config().n_layers(), 2);
  const Text text = random_texts(1, 50, 1024, 3).front();
  EXPECT_EQ(all_logits(*draft, text), all_logits(*target, text, 2));
  EXPECT_NE(all_logits(*draft, text), all_logits(*target, text));
}

// Measured here anew, on other texts; 400 tokens have a standard error of 0.02
// to 0.025.
TEST_F(SynthTest, PairsAgreeAboutAsAsked) {
  for (const double asked : {0.5, 0.8}) {
    const PairReport report = synthesise_pair(
        tiny(), path("t.gguf"), path("d.gguf"),
        {.dtype = DType::kBF16, .threads = threads_, .overwrite = true},
        {.agreement = asked});
    EXPECT_NEAR(report.agreement, asked, 0.12);
    EXPECT_GT(report.fresh_pairs, 0.9);
    const auto target = load("t.gguf");
    const auto draft = load("d.gguf");
    double same = 0;
    for (const Text& prompt : random_texts(4, 10, 1024, 77)) {
      const Text said = greedy_text(*target, prompt, 100);
      Text all = prompt;
      all.insert(all.end(), said.begin(), said.end());
      const Text guesses = most_probable(*draft, one(all)).front();
      for (size_t i = 0; i < said.size(); ++i) {
        same += guesses[prompt.size() + i - 1] == said[i];
      }
    }
    EXPECT_NEAR(same / 400, asked, 0.1);
  }
}

// What the search is for: with all layers as they come, they hardly agree.
TEST_F(SynthTest, WithoutScalingTheyDoNotAgree) {
  write_synth_file(tiny(), {.first = 2, .scale = 1}, {}, *threads_,
                   path("t.gguf"));
  write_synth_file(tiny(2), {.first = 2}, {}, *threads_, path("d.gguf"));
  const auto texts = random_texts(2, 100, 1024, 1);
  EXPECT_LT(agreement(most_probable(*load("t.gguf"), texts),
                      most_probable(*load("d.gguf"), texts)),
            0.4);
}

TEST_F(SynthTest, ReplacesNothingUnlessAsked) {
  SynthOptions options{.threads = threads_};
  std::ofstream(path("m.gguf")) << "precious";
  EXPECT_THROW(synthesise(tiny(), path("m.gguf"), options), Error);
  EXPECT_THROW(synthesise_pair(tiny(), path("t.gguf"), path("m.gguf"), options),
               Error);
  EXPECT_EQ(test::read_file(path("m.gguf")), "precious");
  EXPECT_EQ(files(), 1);
  options.overwrite = true;
  synthesise(tiny(), path("m.gguf"), options);
  EXPECT_EQ(inspect_model(path("m.gguf")).format, "GGUF");
}

TEST_F(SynthTest, RefusesWhatItCannotWrite) {
  const SynthOptions options{.threads = threads_};
  const auto pair = [&](const PairOptions& p) {
    synthesise_pair(tiny(), path("t.gguf"), path("d.gguf"), options, p);
  };
  EXPECT_THROW(synthesise(tiny(), path("m.gguf"), {.dtype = DType::kQ4_K}),
               UsageError);
  Shape narrow = tiny();
  narrow.config.vocab_size = 200;
  EXPECT_THROW(synthesise(narrow, path("m.gguf"), options), UsageError);
  EXPECT_THROW(pair({.agreement = 1}), UsageError);
  EXPECT_THROW(pair({.agreement = std::nan("")}), UsageError);
  EXPECT_THROW(pair({.draft_layers = 0}), UsageError);
  EXPECT_THROW(pair({.draft_layers = 6}), UsageError);
  EXPECT_THROW(pair({.draft_dtype = DType::kQ6_K}), UsageError);
  EXPECT_THROW(synthesise_pair(tiny(), path("t.gguf"), path("t.gguf"), options),
               UsageError);
  EXPECT_THROW(synthesise(tiny(), path("no/such/m.gguf"), options), Error);
  EXPECT_EQ(files(), 0);
}

TEST(Agreement, CountsEqualPlacesAndFreshPairs) {
  const std::vector<Text> a = {{1, 2, 3}, {4}};
  const std::vector<Text> b = {{1, 9, 3}, {5}};
  EXPECT_DOUBLE_EQ(agreement(a, b), 0.5);
  EXPECT_DOUBLE_EQ(fresh_pairs(one({1, 2, 1, 2, 1})), 0.5);
  EXPECT_DOUBLE_EQ(fresh_pairs(one({1, 1, 2, 3})), 1);
}

}  // namespace
}  // namespace pilotfish
