// Texts that cannot go on: a model whose logits are NaN, and sampling
// parameters that leave no token. The request fails, alone, where plain
// decoding fails too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "engine/testing/toy_tokenizer.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::TableScorer;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kTokens = 12;
constexpr std::int64_t kContexts = 23;

// What became of a request: every piece that was handed on, and the end.
struct Fate {
  std::vector<Token> tokens;
  std::string text;
  std::string failure;

  friend bool operator==(const Fate&, const Fate&) = default;
};

std::ostream& operator<<(std::ostream& out, const Fate& fate) {
  for (const Token token : fate.tokens) out << token << " ";
  return out << "\"" << fate.text << "\" " << fate.failure;
}

struct FaultSetting {
  std::string acceptor = "block";
  std::int64_t window = 1;
  std::int64_t tree_width = 1;
};

Fate fate_of(const LogitTable& target, const LogitTable& draft, Request request,
             const FaultSetting& setting) {
  EngineParts parts;
  parts.target = std::make_shared<TableScorer>(target);
  if (setting.window != 1) parts.draft = std::make_shared<TableScorer>(draft);
  parts.tokenizer = std::make_shared<testing::ToyTokenizer>(kTokens);
  Engine engine(parts, {.window = setting.window,
                        .acceptor = make_acceptor(setting.acceptor),
                        .tree_width = setting.tree_width});
  Fate fate;
  const RequestId id = engine.submit(std::move(request), [&](const Piece& it) {
    if (it.token >= 0) fate.tokens.push_back(it.token);
    fate.text += it.text;
    return true;
  });
  while (engine.step()) {
  }
  try {
    EXPECT_EQ(engine.take(id).value().tokens, fate.tokens);
  } catch (const Error& error) {
    fate.failure = error.what();
  }
  return fate;
}

Request request_for(std::uint64_t seed, double temperature) {
  Request request;
  request.prompt = {3, static_cast<Token>(seed % kTokens)};
  request.max_tokens = 14;
  request.stop_ids = {5};
  request.sampling.temperature = temperature;
  request.sampling.seed = seed;
  return request;
}

// The same fate for the rules whose text is plain decoding's own.
void expect_same_fates(const LogitTable& target, const LogitTable& draft,
                       const Request& request, const Fate& plain) {
  const bool greedy = request.sampling.temperature == 0;
  for (const char* acceptor : {"coupled", "block", "rejection"}) {
    if (!greedy && acceptor != std::string("coupled")) continue;
    for (const auto& [window, width] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{
             {2, 1}, {5, 1}, {6, 2}, {kAutoWindow, 1}}) {
      const FaultSetting setting = {acceptor, window, width};
      if (width > 1 && !make_acceptor(acceptor)->takes_trees()) continue;
      EXPECT_EQ(fate_of(target, draft, request, setting), plain)
          << acceptor << " k " << window << " width " << width;
    }
  }
}

// One damaged context among 23: some texts meet it, and some only in drafts
// that are rejected, behind a stop token or behind a stop string.
TEST(EngineFaults, ATextEndsAtItsTargetsNanWherePlainDecodingEnds) {
  int failed = 0;
  int whole = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    LogitTable target(kTokens, kContexts, static_cast<unsigned>(seed));
    const LogitTable draft = LogitTable::like(target, 2, 0.4f);
    target.damage(static_cast<std::int64_t>(seed) % kContexts,
                  static_cast<Token>(seed % kTokens));
    Request request = request_for(seed, seed % 2 == 0 ? 0 : 1);
    if (seed % 3 == 0) request.stop_strings = {"ab"};
    const Fate plain = fate_of(target, draft, request, {"coupled"});
    ++(plain.failure.empty() ? whole : failed);
    if (!plain.failure.empty()) {
      EXPECT_THAT(plain.failure,
                  HasSubstr("target model: the logits for position " +
                            std::to_string(2 + plain.tokens.size()) +
                            " are unusable: 1 of 12 logits"));
    }
    expect_same_fates(target, draft, request, plain);
  }
  EXPECT_GT(failed, 10);
  EXPECT_GT(whole, 10);
}

TEST(EngineFaults, ADraftsNanIsNamedAndFailsItsRequestAlone) {
  const LogitTable target(kTokens, kContexts, 1);
  LogitTable broken = target;
  for (std::int64_t i = 0; i < kContexts; ++i) broken.damage(i, 7);
  for (const double temperature : {0.0, 1.0}) {
    for (const std::int64_t width : {1, 2}) {
      EngineParts parts;
      parts.target = std::make_shared<TableScorer>(target);
      parts.draft = std::make_shared<TableScorer>(broken);
      Engine engine(parts, {.max_sequences = 2,
                            .window = 4,
                            .acceptor = make_acceptor("rejection"),
                            .tree_width = width});
      const RequestId drafted = engine.submit(request_for(1, temperature));
      Request undrafted = request_for(2, temperature);
      undrafted.window = 1;
      const RequestId other = engine.submit(undrafted);
      while (engine.step()) {
      }
      try {
        engine.take(drafted);
        ADD_FAILURE() << "nothing was said";
      } catch (const Error& error) {
        EXPECT_THAT(error.what(),
                    HasSubstr("draft model: the logits for position 3 are "
                              "unusable: 1 of 12 logits are NaN or infinite, "
                              "first that of token 7 (nan)"));
      }
      EXPECT_EQ(engine.take(other).value().tokens,
                fate_of(target, broken, undrafted, {}).tokens);
    }
  }
}

TEST(EngineFaults, SamplingSetsThatLeaveNothingAreRefusedAtOnce) {
  Engine engine({.target = std::make_shared<TableScorer>(
                     LogitTable(kTokens, kContexts, 1)),
                 .end_tokens = {2}},
                {});
  const auto refused = [&](auto change) {
    Request request = request_for(1, 1);
    request.stop_ids = {};
    change(request);
    try {
      engine.submit(request);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refused([](Request& it) {
                it.sampling.allowed_tokens = {4};
                it.sampling.banned_tokens = {4};
              }),
              HasSubstr("no token is left to generate"));
  EXPECT_THAT(refused([](Request& it) {
                for (Token i = 0; i < kTokens; ++i) {
                  it.sampling.banned_tokens.push_back(i);
                }
              }),
              HasSubstr("no token is left to generate with banned_tokens"));
  const auto only_the_end = [](Request& it) {
    it.sampling.allowed_tokens = {2};
    it.sampling.min_tokens = 3;
  };
  EXPECT_THAT(refused(only_the_end), HasSubstr("only stop tokens are left"));
  EXPECT_EQ(refused([&](Request& it) {
              only_the_end(it);
              it.ignore_eos = true;
            }),
            "accepted");
}

// After a 1 nothing may come: whether a text meets one shows while it runs.
TEST(EngineFaults, WhereParametersLeaveNothingLaterTheTextEndsThere) {
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const LogitTable target(kTokens, kContexts, static_cast<unsigned>(seed));
    const LogitTable draft = LogitTable::like(target, 2, 0.4f);
    Request request = request_for(seed, seed % 2 == 0 ? 0 : 1);
    request.prompt = {3, 4};
    request.sampling.allowed_tokens = {0, 1, 3, 4, 6};
    for (Token i = 0; i < kTokens; ++i) {
      request.sampling.bad_words.push_back({1, i});
    }
    const Fate plain = fate_of(target, draft, request, {"coupled"});
    for (const Token banned : {2, 5, 7, 8, 9, 10, 11}) {
      EXPECT_THAT(plain.tokens, Not(Contains(banned)));
    }
    if (!plain.failure.empty()) {
      ++failed;
      EXPECT_EQ(plain.tokens.back(), 1);
      EXPECT_EQ(plain.failure,
                "position " + std::to_string(2 + plain.tokens.size()) +
                    ": no token can come next with allowed_tokens, bad_words");
    }
    expect_same_fates(target, draft, request, plain);
  }
  EXPECT_GT(failed, 5);
}

// A model's fault is nobody's who asks.
TEST(EngineFaults, SaysWhoseFaultItIs) {
  LogitTable target(kTokens, kContexts, 1);
  const auto is_usage_error = [&](const Request& request) {
    Engine engine({.target = std::make_shared<TableScorer>(target)}, {});
    const RequestId id = engine.submit(request);
    while (engine.step()) {
    }
    try {
      engine.take(id);
    } catch (const UsageError&) {
      return true;
    } catch (const Error&) {
      return false;
    }
    ADD_FAILURE() << "nothing was said";
    return false;
  };
  Request request = request_for(1, 1);
  request.stop_ids = {};
  request.sampling.allowed_tokens = {4};
  request.sampling.bad_words = {{4, 4}};
  EXPECT_TRUE(is_usage_error(request));
  for (std::int64_t i = 0; i < kContexts; ++i) target.damage(i, 7);
  EXPECT_FALSE(is_usage_error(request));
}

}  // namespace
}  // namespace pilotfish
