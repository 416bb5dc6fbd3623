#include "lab/synth/agreement.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "pilotfish/engine.h"
#include "pilotfish/kv_cache.h"
#include "pilotfish/random.h"

namespace pilotfish {

std::vector<Text> random_texts(std::int64_t count, std::int64_t length,
                               std::int64_t vocab_size, std::uint64_t seed) {
  const Random random(seed);
  std::vector<Text> texts(static_cast<size_t>(count));
  for (size_t i = 0; i < texts.size(); ++i) {
    for (std::int64_t at = 0; at < length; ++at) {
      const double u =
          random.uniform(static_cast<std::uint64_t>(at), RandomRole::kUser,
                         static_cast<std::uint32_t>(i));
      texts[i].push_back(
          static_cast<Token>(u * static_cast<double>(vocab_size)));
    }
  }
  return texts;
}

std::vector<Text> most_probable(Model& model, std::span<const Text> texts) {
  std::vector<Text> result;
  for (const Text& text : texts) {
    KvCache cache = model.make_cache({.n_positions = std::ssize(text)});
    Batch batch;
    batch.add(cache.create(), text, std::ssize(text));
    const Logits logits = model.forward(batch, cache).logits;
    Text& best = result.emplace_back();
    for (std::int64_t i = 0; i < logits.rows(); ++i) {
      const auto row = logits.row(i);
      best.push_back(
          static_cast<Token>(std::ranges::max_element(row) - row.begin()));
    }
  }
  return result;
}

double agreement(std::span<const Text> a, std::span<const Text> b) {
  assert(a.size() == b.size());
  std::int64_t same = 0;
  std::int64_t all = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    assert(a[i].size() == b[i].size());
    for (size_t at = 0; at < a[i].size(); ++at) same += a[i][at] == b[i][at];
    all += std::ssize(a[i]);
  }
  return static_cast<double>(same) / static_cast<double>(all);
}

std::vector<Text> greedy_texts(const std::shared_ptr<Model>& target,
                               const std::shared_ptr<Model>& draft,
                               std::span<const Text> prompts,
                               std::int64_t length,
                               const std::function<void(double)>& progress) {
  std::int64_t longest = 0;
  for (const Text& prompt : prompts) {
    longest = std::max(longest, std::ssize(prompt));
  }
  Engine engine(target, draft, nullptr, {.n_positions = longest + length});
  std::int64_t done = 0;
  const auto all =
      static_cast<double>(length * static_cast<std::int64_t>(prompts.size()));
  std::vector<Text> texts;
  for (const Text& prompt : prompts) {
    Request request;
    request.prompt = prompt;
    request.max_tokens = length;
    request.ignore_eos = true;
    texts.push_back(engine
                        .generate(std::move(request),
                                  [&](const Piece&) {
                                    ++done;
                                    if (progress) {
                                      progress(static_cast<double>(done) / all);
                                    }
                                    return true;
                                  })
                        .tokens);
  }
  return texts;
}

double fresh_pairs(std::span<const Text> texts) {
  std::int64_t fresh = 0;
  std::int64_t all = 0;
  for (const Text& text : texts) {
    std::set<std::pair<Token, Token>> seen;
    for (size_t i = 1; i < text.size(); ++i) {
      fresh += seen.emplace(text[i - 1], text[i]).second;
      ++all;
    }
  }
  return all == 0 ? 1 : static_cast<double>(fresh) / static_cast<double>(all);
}

}  // namespace pilotfish
