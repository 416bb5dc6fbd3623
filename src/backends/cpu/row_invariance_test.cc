// The bits of a row, of its logits and of its hidden states, depend on its own
// sequence's tokens alone.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <ostream>
#include <random>

#include "base/thread_team.h"
#include "fake_machine.h"
#include "kernels/kernels.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using Rows = std::vector<std::vector<float>>;

struct InvarianceCase {
  std::string name;
  test::RandomModelOptions model;
  DType kv;
  bool gguf = false;
};

// For gtest, which prints bytes otherwise.
void PrintTo(const InvarianceCase& it, std::ostream* out) { *out << it.name; }

class RowInvariance : public testing::TestWithParam<InvarianceCase> {
 protected:
  // `nodes`: processors of each node that the threads are dealt to; with none
  // there is one node.
  std::shared_ptr<Model> load(std::string_view set, int threads,
                              const std::vector<int>& nodes = {}) const {
    LoadOptions options;
    options.instruction_set = set;
    options.threads = std::make_shared<ThreadTeam>(
        threads, test::pretended_nodes(nodes), &placer_);
    return Model::load(path(), options);
  }
  std::filesystem::path path() const {
    return folder_.path() / (GetParam().gguf ? "model.gguf" : "model");
  }
  void SetUp() override {
    if (GetParam().gguf) {
      test::write_random_gguf(path(), GetParam().model);
    } else {
      test::write_random_model(path(), GetParam().model);
    }
  }
  std::uint32_t below(size_t n) {
    return static_cast<std::uint32_t>(random_() %
                                      static_cast<std::uint32_t>(n));
  }
  std::vector<Token> tokens(size_t count) {
    std::vector<Token> result(count);
    for (Token& token : result) {
      token = static_cast<Token>(
          below(static_cast<size_t>(GetParam().model.vocab_size)));
    }
    return result;
  }

  // Each with a chance of one half.
  std::vector<std::int64_t> some_layers(const Model& model) {
    std::vector<std::int64_t> layers = every_layer(model);
    std::erase_if(layers, [&](std::int64_t) { return below(2) == 0; });
    return layers;
  }
  static std::vector<std::int64_t> every_layer(const Model& model) {
    std::vector<std::int64_t> layers(
        static_cast<size_t>(model.config().n_layers() + 1));
    std::iota(layers.begin(), layers.end(), 0);
    return layers;
  }

  // The hidden rows of every layer, one token at a time: [layers, tokens].
  static std::vector<Rows> hidden_one_by_one(Model& model, DType kv,
                                             const std::vector<Token>& tokens) {
    KvCache cache = model.make_cache({0, 1, kv});
    const SequenceId sequence = cache.create();
    std::vector<Rows> hidden(every_layer(model).size());
    for (const Token token : tokens) {
      Batch batch;
      batch.want_hidden(every_layer(model));
      batch.add(sequence, {&token, 1}, 0, 1);
      append_rows(model.forward(batch, cache).hidden, hidden);
    }
    return hidden;
  }
  static void append_rows(const HiddenRows& from, std::vector<Rows>& to) {
    for (size_t layer = 0; layer < to.size(); ++layer) {
      for (std::int64_t i = 0; i < from.rows(); ++i) {
        const auto row = from.row(static_cast<std::int64_t>(layer), i);
        to[layer].emplace_back(row.begin(), row.end());
      }
    }
  }

  // Every row of logits on its own: one sequence, one token at a time.
  static Rows one_by_one(Model& model, DType kv,
                         const std::vector<Token>& tokens) {
    KvCache cache = model.make_cache({0, 1, kv});
    const SequenceId sequence = cache.create();
    Rows rows;
    for (const Token token : tokens) {
      Batch batch;
      batch.add(sequence, {&token, 1}, 1);
      const auto row = model.forward(batch, cache).logits.row(0);
      rows.emplace_back(row.begin(), row.end());
    }
    return rows;
  }

  std::mt19937 random_{11};
  test::TemporaryFolder folder_;
  mutable test::RecordingPlacer placer_;
};

// Threads, and the nodes that they are on.
const std::vector<std::pair<int, std::vector<int>>> kTeams = {
    {1, {}},     {2, {}},     {3, {}},       {4, {}},
    {2, {1, 1}}, {3, {1, 2}}, {3, {1, 1, 1}}};

bool same_bits(std::span<const float> a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Sequences grow at random paces in shared batches, fall back as rejected
// drafts do, and are forked.
TEST_P(RowInvariance, HoldsInRandomBatches) {
  constexpr size_t kLength = 70;
  constexpr int kSequences = 4;
  for (const Kernels* set : available_kernels()) {
    std::vector<std::vector<Token>> texts;
    std::vector<Rows> expected;
    std::vector<std::vector<Rows>> expected_hidden;
    {
      const auto model = load(set->name, 1);
      for (int i = 0; i < kSequences; ++i) {
        texts.push_back(tokens(kLength));
        expected.push_back(one_by_one(*model, GetParam().kv, texts.back()));
        expected_hidden.push_back(
            hidden_one_by_one(*model, GetParam().kv, texts.back()));
      }
    }
    for (const auto& team : kTeams) {
      const auto model = load(set->name, team.first, team.second);
      KvCache cache = model->make_cache({kLength, kSequences, GetParam().kv});
      std::map<SequenceId, size_t> text_of;
      for (size_t i = 0; i < texts.size(); ++i) text_of[cache.create()] = i;
      for (int pass = 0; pass < 10; ++pass) {
        Batch batch;
        const std::vector<std::int64_t> layers = some_layers(*model);
        batch.want_hidden(layers);
        for (const auto& [sequence, text] : text_of) {
          if (below(4) == 0) continue;
          const auto cached = static_cast<size_t>(cache.length(sequence));
          if (cached == kLength || (cached > 0 && below(4) == 0)) {
            cache.truncate(sequence, below(cached));
          }
          const auto length = static_cast<size_t>(cache.length(sequence));
          const size_t most = below(3) == 0 ? kLength : 6;
          const size_t rows = below(std::min(most, kLength - length)) + 1;
          batch.add(sequence, std::span(texts[text]).subspan(length, rows),
                    below(rows + 1), below(rows + 1));
        }
        const auto [logits, hidden] = model->forward(batch, cache);
        std::int64_t next = 0;
        std::int64_t next_hidden = 0;
        for (const auto& entry : batch.entries()) {
          const auto end = static_cast<size_t>(cache.length(entry.sequence));
          for (size_t i = end - static_cast<size_t>(entry.logits_rows); i < end;
               ++i) {
            ASSERT_TRUE(same_bits(logits.row(next++),
                                  expected[text_of[entry.sequence]][i]))
                << set->name << ", " << team.first << " threads on "
                << team.second.size() << " nodes, pass " << pass
                << ", position " << i << " of sequence " << entry.sequence;
          }
          const Rows* const of_text =
              expected_hidden[text_of[entry.sequence]].data();
          for (size_t i = end - static_cast<size_t>(entry.hidden_rows); i < end;
               ++i, ++next_hidden) {
            for (size_t l = 0; l < layers.size(); ++l) {
              ASSERT_TRUE(same_bits(
                  hidden.row(static_cast<std::int64_t>(l), next_hidden),
                  of_text[layers[l]][i]))
                  << set->name << ", " << team.first << " threads on "
                  << team.second.size() << " nodes, pass " << pass << ", layer "
                  << layers[l] << ", position " << i;
            }
          }
        }
        if (below(3) == 0) {  // a fork takes the place of its parent
          const auto parent = std::next(text_of.begin(), below(text_of.size()));
          const SequenceId child =
              cache.fork(parent->first, cache.length(parent->first));
          const size_t text = parent->second;
          cache.release(parent->first);
          text_of.erase(parent);
          text_of[child] = text;
        }
      }
    }
  }
}

// Trees behind random positions, in one pass or several, some of which are
// then kept: every row is as if its path had come one token at a time, and so
// is what follows.
TEST_P(RowInvariance, HoldsForEveryPathThroughATree) {
  constexpr std::int64_t kPositions = 110;
  for (const Kernels* set : available_kernels()) {
    const auto model = load(set->name, 3, {1, 1});
    const auto alone_model = load(set->name, 2);
    KvCache cache = model->make_cache({kPositions, 2, GetParam().kv});
    KvCache plain = alone_model->make_cache({kPositions, 1, GetParam().kv});
    const SequenceId alone = plain.create();
    struct Last {
      std::vector<float> logits;
      std::vector<Rows> hidden;  // [layers, 1]
    };
    // The last row of `text`, whose first tokens may be cached in `plain`.
    std::vector<Token> cached;
    const auto expected = [&](const std::vector<Token>& text) {
      const auto same = std::mismatch(cached.begin(), cached.end(),
                                      text.begin(), text.end() - 1);
      const auto length = same.first - cached.begin();
      plain.truncate(alone, length);
      Batch batch;
      batch.want_hidden(every_layer(*model));
      batch.add(alone, std::span(text).subspan(static_cast<size_t>(length)), 1,
                1);
      cached = text;
      const ForwardOutput output = alone_model->forward(batch, plain);
      const auto row = output.logits.row(0);
      Last last{{row.begin(), row.end()},
                std::vector<Rows>(every_layer(*model).size())};
      append_rows(output.hidden, last.hidden);
      return last;
    };

    struct Grown {
      SequenceId id;
      std::vector<Token> text;
      std::vector<Token> tree = {};
      std::vector<std::int32_t> parents = {};

      std::vector<std::int32_t> path(std::int32_t row) const {
        std::vector<std::int32_t> path;
        for (; row >= 0; row = parents[static_cast<size_t>(row)]) {
          path.insert(path.begin(), row);
        }
        return path;
      }
      std::vector<Token> text_to(std::int32_t row) const {
        std::vector<Token> result = text;
        for (const std::int32_t i : path(row)) {
          result.push_back(tree[static_cast<size_t>(i)]);
        }
        return result;
      }
    };
    std::vector<Grown> sequences;
    for (int i = 0; i < 2; ++i) {
      sequences.push_back({cache.create(), tokens(1 + below(40))});
      Batch prompt;
      prompt.add(sequences.back().id, sequences.back().text, 0);
      model->forward(prompt, cache);
    }
    for (int pass = 0; pass < 16; ++pass) {
      Batch batch;
      batch.want_hidden(every_layer(*model));
      for (Grown& it : sequences) {
        const auto room = static_cast<size_t>(cache.room(it.id));
        const size_t rows = 1 + below(std::min<size_t>(room, 12));
        std::vector<std::int32_t> parents;
        for (size_t i = 0; i < rows; ++i) {
          const auto earlier = static_cast<std::int32_t>(it.tree.size() + i);
          parents.push_back(below(2) == 0
                                ? earlier - 1
                                : static_cast<std::int32_t>(
                                      below(static_cast<size_t>(earlier) + 1)) -
                                      1);
        }
        const std::vector<Token> fresh = tokens(rows);
        batch.add_tree(it.id, fresh, parents, below(rows + 1), below(rows + 1));
        it.tree.insert(it.tree.end(), fresh.begin(), fresh.end());
        it.parents.insert(it.parents.end(), parents.begin(), parents.end());
      }
      const auto [logits, hidden] = model->forward(batch, cache);
      Rows actual;
      for (std::int64_t i = 0; i < logits.rows(); ++i) {
        actual.emplace_back(logits.row(i).begin(), logits.row(i).end());
      }
      std::vector<Rows> actual_hidden(every_layer(*model).size());
      append_rows(hidden, actual_hidden);
      size_t next = 0;
      size_t next_hidden = 0;
      for (size_t s = 0; s < sequences.size(); ++s) {
        Grown& it = sequences[s];
        const auto rows = static_cast<std::int32_t>(it.tree.size());
        const Batch::Entry& entry = batch.entries()[s];
        const std::int64_t asked =
            std::max(entry.logits_rows, entry.hidden_rows);
        for (auto row = static_cast<std::int32_t>(rows - asked); row < rows;
             ++row) {
          const Last last = expected(it.text_to(row));
          SCOPED_TRACE(fmt::format("{}, pass {}, row {} of {} behind {}",
                                   set->name, pass, row, rows, it.text.size()));
          if (rows - row <= entry.logits_rows) {
            ASSERT_TRUE(same_bits(actual[next++], last.logits));
          }
          if (rows - row > entry.hidden_rows) continue;
          for (size_t l = 0; l < actual_hidden.size(); ++l) {
            ASSERT_TRUE(same_bits(actual_hidden[l][next_hidden],
                                  last.hidden[l].front()))
                << "layer " << l;
          }
          ++next_hidden;
        }
        if (cache.room(it.id) > 0 && below(3) == 0) continue;
        const auto last =
            static_cast<std::int32_t>(below(static_cast<size_t>(rows) + 1)) - 1;
        cache.keep(it.id, it.path(last));
        it.text = it.text_to(last);
        if (it.text.size() > 100) {
          it.text.resize(30);
          cache.truncate(it.id, 30);
        }
        it.tree.clear();
        it.parents.clear();
      }
    }
  }
}

std::vector<InvarianceCase> cases() {
  std::vector<InvarianceCase> result;
  for (const DType kv : {DType::kF32, DType::kF16, DType::kBF16}) {
    result.push_back({"cache_" + std::string(dtype_name(kv)), {}, kv});
  }
  result.push_back({"cache_q8_0", {.head_dim = 64}, DType::kQ8_0});
  result.push_back(
      {"window",
       {.architecture = "mistral", .n_kv_heads = 1, .sliding_window = 21},
       DType::kF32});
  result.push_back({"qwen3",
                    {.architecture = "qwen3",
                     .vocab_size = 101,
                     .hidden_size = 44,
                     .intermediate_size = 75,
                     .n_heads = 6,
                     .n_kv_heads = 2,
                     .head_dim = 10},
                    DType::kF16});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    result.push_back({"weights_" + std::string(dtype_name(dtype)),
                      {.dtype = dtype},
                      DType::kF16});
  }
  for (const DType dtype :
       {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    result.push_back({"weights_" + std::string(dtype_name(dtype)),
                      {.hidden_size = 256,
                       .intermediate_size = 256,
                       .n_layers = 1,
                       .head_dim = 64,
                       .dtype = dtype},
                      DType::kF16,
                      /*gguf=*/true});
  }
  return result;
}

INSTANTIATE_TEST_SUITE_P(Models, RowInvariance, testing::ValuesIn(cases()),
                         [](const auto& it) { return it.param.name; });

// A prompt longer than one tile of the forward pass, whole, in halves and
// beside others.
TEST(LongPrompt, GivesTheSameBitsHoweverItIsCut) {
  const test::TemporaryFolder folder;
  test::write_random_model(folder.path(), {.n_positions = 1400});
  LoadOptions options;
  options.threads = make_threads(2);
  const auto model = Model::load(folder.path(), options);
  std::vector<Token> prompt(1300);
  std::mt19937 random(3);
  for (Token& token : prompt) token = static_cast<Token>(random() % 128);

  KvCache cache = model->make_cache({0, 2, DType::kF16});
  const SequenceId alone = cache.create();
  const std::vector<std::int64_t> layers = {0, 2};
  Batch batch;
  batch.want_hidden(layers);
  batch.add(alone, prompt, 1300, 1300);
  Rows expected;
  std::vector<Rows> expected_hidden(2);
  const auto [whole, whole_hidden] = model->forward(batch, cache);
  for (std::int64_t i = 0; i < whole.rows(); ++i) {
    expected.emplace_back(whole.row(i).begin(), whole.row(i).end());
    for (std::int64_t l = 0; l < 2; ++l) {
      const auto row = whole_hidden.row(l, i);
      expected_hidden[static_cast<size_t>(l)].emplace_back(row.begin(),
                                                           row.end());
    }
  }
  cache.truncate(alone, 0);
  const SequenceId other = cache.create();
  const std::span<const Token> tokens(prompt);
  size_t done = 0;
  for (const size_t rows : {700u, 1u, 599u}) {
    Batch parts;
    parts.want_hidden(layers);
    parts.add(other, tokens.subspan(0, 300), 2, 250);
    parts.add(alone, tokens.subspan(done, rows), 1,
              static_cast<std::int64_t>(rows));
    const auto [logits, hidden] = model->forward(parts, cache);
    ASSERT_EQ(logits.rows(), 3);
    for (size_t i = 0; i < 250 + rows; ++i) {
      const size_t position = i < 250 ? 50 + i : done + i - 250;
      for (size_t l = 0; l < 2; ++l) {
        ASSERT_TRUE(same_bits(hidden.row(static_cast<std::int64_t>(l),
                                         static_cast<std::int64_t>(i)),
                              expected_hidden[l][position]))
            << "layer " << layers[l] << ", position " << position;
      }
    }
    done += rows;
    EXPECT_TRUE(same_bits(logits.row(0), expected[298]));
    EXPECT_TRUE(same_bits(logits.row(1), expected[299]));
    EXPECT_TRUE(same_bits(logits.row(2), expected[done - 1])) << done;
    cache.truncate(other, 0);
  }
}

}  // namespace
}  // namespace pilotfish
