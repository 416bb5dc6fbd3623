#include "cli/generate_batch.h"

#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// Called in a handler of `error`.
void fail(BatchText& text, const Error& error) {
  text.error = error.what();
  text.thrown = std::current_exception();
}

// The result of a request that has ended; nullopt: it has not, or has failed
// and `text` has an error.
std::optional<Generation> take(Engine& engine, RequestId id, BatchText& text) {
  try {
    return engine.take(id);
  } catch (const Error& error) {
    fail(text, error);
    return std::nullopt;
  }
}

}  // namespace

std::vector<BatchText> texts_of(const std::vector<PromptLine>& lines,
                                const Session& session, std::int64_t samples) {
  std::vector<BatchText> texts;
  for (const PromptLine& line : lines) {
    const std::uint64_t first =
        line.has_seed ? line.request.sampling.seed
                      : session.request.sampling.seed + texts.size();
    const bool is_bad = !line.error.empty();
    // It is told once, and its texts keep their numbers all the same.
    const std::int64_t count = is_bad ? samples : line.samples;
    for (std::int64_t i = 0; i < count; ++i) {
      BatchText text{line.number, std::nullopt, line.request, line.error};
      if (count > 1) text.sample = i + 1;
      text.request.sampling.seed = first + static_cast<std::uint64_t>(i);
      texts.push_back(std::move(text));
    }
  }
  return texts;
}

void generate_batch(
    Engine& engine, std::vector<BatchText>& texts,
    const std::function<void(const BatchText&, const Generation*)>& done) {
  std::vector<std::optional<RequestId>> ids;
  for (BatchText& text : texts) {
    std::optional<RequestId>& id = ids.emplace_back();
    if (!text.error.empty()) continue;
    try {
      id = engine.submit(text.request);
    } catch (const Error& error) {
      fail(text, error);
    }
  }
  size_t next = 0;
  for (bool more = true; more;) {
    more = engine.step();
    for (; next < texts.size(); ++next) {
      BatchText& text = texts[next];
      std::optional<Generation> generation;
      if (ids[next]) generation = take(engine, *ids[next], text);
      if (!generation && text.error.empty()) break;  // it is not done
      done(text, generation ? &*generation : nullptr);
    }
  }
}

}  // namespace pilotfish::cli
