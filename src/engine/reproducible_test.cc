// The coupled acceptor makes a seed's text the same, whatever drafts, how far
// ahead, beside which neighbours and on how many threads. This is tested on a
// trained model, at several temperatures and with all kinds of sampling. A few
// prompts by default; all of 200 prompts x 4 temperatures x k 1..8 x 3 drafters
// x 2 thread counts with PILOTFISH_TEST_FULL=1, which takes long.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "test_data.h"

namespace pilotfish {
namespace {

constexpr const char* kModel = "models/stories260K";
constexpr const char* kText = "text/tinystories-lower.txt";

bool full() { return std::getenv("PILOTFISH_TEST_FULL") != nullptr; }

struct DrafterSetting {
  const char* name;
  std::vector<std::string> drafters;
  LoadOptions draft;  // of the target's own file
};

std::vector<DrafterSetting> drafter_settings() {
  LoadOptions cut;
  cut.layers = 3;
  LoadOptions rounded;
  rounded.dtype = DType::kBF16;
  return {{"cut", {"model"}, cut},
          {"rounded", {"model"}, rounded},
          {"suffix, skip", {"suffix", "skip"}, {}}};
}

std::shared_ptr<Model> load(LoadOptions options, int threads) {
  options.threads = make_threads(threads);
  return Model::load(test::data_path(kModel), options);
}

// Beginnings from all over a text, with sampling that differs.
std::vector<Request> requests(const Tokenizer& tokenizer, size_t count) {
  const std::string text = test::read_file(test::data_path(kText));
  std::vector<Request> requests;
  for (size_t i = 0; i < count; ++i) {
    Request& request = requests.emplace_back();
    request.prompt =
        tokenizer.encode(text.substr(i * (text.size() / count), 20 + i % 60));
    request.max_tokens = full() ? 40 : 24;
    SamplingParams& sampling = request.sampling;
    sampling.seed = 1000 + i;
    if (i % 5 == 1) sampling.top_p = 0.9;
    if (i % 5 == 2) sampling.top_k = 20;
    if (i % 5 == 3) sampling.min_p = 0.05;
    if (i % 7 == 1) sampling.repetition_penalty = 1.3;
    if (i % 7 == 2) sampling.frequency_penalty = 0.4;
    if (i % 7 == 3) sampling.typical_p = 0.9;
    if (i % 7 == 4) sampling.logit_bias = {{261, 2.f}, {300, -3.f}};
    if (i % 7 == 5) sampling.bad_words = {{261}, {407, 261}};
    if (i % 7 == 6) sampling.banned_tokens = {403, 376};
  }
  return requests;
}

std::vector<std::vector<Token>> texts(Engine& engine,
                                      const std::vector<Request>& requests,
                                      double temperature,
                                      std::int64_t* accepted = nullptr) {
  std::vector<RequestId> ids;
  for (Request request : requests) {
    request.sampling.temperature = temperature;
    ids.push_back(engine.submit(request));
  }
  while (engine.step()) {
  }
  std::vector<std::vector<Token>> texts;
  for (const RequestId id : ids) {
    const Generation generation = engine.take(id).value();
    texts.push_back(generation.tokens);
    for (const IterationStats& iteration : generation.stats.iterations) {
      if (accepted != nullptr) *accepted += iteration.accepted;
    }
  }
  return texts;
}

TEST(Reproducible, ASeedsTextIsTheSameWithAndWithoutSpeculation) {
  SKIP_WITHOUT_DATA(kModel);
  SKIP_WITHOUT_DATA(kText);
  const auto tokenizer = Tokenizer::load(test::data_path(kModel));
  const std::vector<Request> all = requests(*tokenizer, full() ? 200 : 8);
  const std::vector<double> temperatures =
      full() ? std::vector{0.0, 0.5, 1.0, 1.5} : std::vector{0.0, 1.0};
  const std::vector<std::int64_t> windows =
      full() ? std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}
             : std::vector<std::int64_t>{2, 5, 8};
  const std::shared_ptr<const TokenAcceptor> coupled = make_acceptor("coupled");

  // One by one, without a draft.
  Engine plain(load({}, 1), nullptr, nullptr,
               {.window = 1, .acceptor = coupled});
  std::vector<std::vector<std::vector<Token>>> expected;
  for (const double temperature : temperatures) {
    expected.push_back(texts(plain, all, temperature));
  }
  EXPECT_NE(expected[0], expected[1]);

  size_t compared = 0;
  for (const DrafterSetting& setting : drafter_settings()) {
    std::int64_t accepted = 0;
    for (const int threads : {1, 2}) {
      const bool has_draft = setting.drafters[0] == "model";
      for (const std::int64_t window : windows) {
        // Two threads are slow on a busy machine: a sample will do.
        const bool sample = threads == 2 && !full();
        if (sample && (window != 5 || !has_draft)) continue;
        const std::vector<Request> some(all.begin(),
                                        sample ? all.begin() + 3 : all.end());
        // Decodes with neighbours that come and go.
        Engine engine(load({}, threads),
                      has_draft ? load(setting.draft, threads) : nullptr,
                      nullptr,
                      {.max_sequences = full() ? 40 : 5,
                       .window = window,
                       .prefill_chunk = 16 * window,
                       .acceptor = coupled,
                       .drafters = setting.drafters});
        for (size_t t = 0; t < temperatures.size(); ++t) {
          const auto found = texts(engine, some, temperatures[t], &accepted);
          for (size_t i = 0; i < found.size(); ++i) {
            EXPECT_EQ(found[i], expected[t][i])
                << setting.name << ", prompt " << i << ", temperature "
                << temperatures[t] << ", k " << window << ", " << threads
                << " threads";
            ++compared;
          }
        }
      }
    }
    EXPECT_GT(accepted, 100) << setting.name;
  }
  if (full()) {
    EXPECT_EQ(compared, size_t{200} * 4 * 8 * 3 * 2);
  }
}

}  // namespace
}  // namespace pilotfish
