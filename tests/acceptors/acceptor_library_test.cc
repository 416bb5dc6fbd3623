#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/error.h"
#include "speculative/testing/toy.h"

namespace pilotfish {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string library(const std::string& name) {
  return std::string(PILOTFISH_ACCEPTORS) + "/acceptor_" + name + ".so";
}

void expect_error(const std::string& path, const std::string& what) {
  try {
    make_acceptor(path);
    ADD_FAILURE() << path << " was loaded";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr(path), HasSubstr(what), Not(HasSubstr("\n"))));
  }
}

TEST(AcceptorLibrary, TheExampleDecides) {
  const auto acceptor = make_acceptor(library("example"));
  EXPECT_EQ(acceptor->name(), "likely-enough");
  EXPECT_FALSE(acceptor->lossless());
  // Half as probable as the best is enough, less is not.
  const Distribution p({{1, 0.5}, {2, 0.3}, {3, 0.2}});
  const std::vector<Distribution> target = {p, p, Distribution::one_hot(9)};
  const Random random(1);
  const Draft kept{{2, 1}, {}};
  const Verdict all = acceptor->accept({kept, target, random, 10});
  EXPECT_EQ(all.tokens, (std::vector<Token>{2, 1, 9}));
  EXPECT_EQ(all.accepted, 2u);
  const Draft refused{{1, 3}, {}};
  EXPECT_EQ(acceptor->accept({refused, target, random, 10}).accepted, 1u);
}

TEST(AcceptorLibrary, TheExampleRunsInTheDecoder) {
  const test::LogitTable table(16, 8, 1);
  test::Toy toy(table, test::LogitTable::like(table, 2, 0.5f));
  toy.max_tokens = 30;
  toy.sampling.temperature = 1;
  test::TableScorer target(toy.target);
  test::TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  SpeculativeDecoder decoder(target, drafter,
                             make_acceptor(library("example")));
  Sequence sequence(toy.sequence(1));
  decoder.admit(sequence);
  Sequence* one = &sequence;
  std::int64_t accepted = 0;
  while (!sequence.finished()) decoder.step({&one, 1});
  for (const auto& iteration : sequence.iterations()) {
    accepted += iteration.accepted;
  }
  EXPECT_EQ(sequence.generated_size(), 30);
  EXPECT_GT(accepted, 0);
}

TEST(AcceptorLibrary, AFileInTheCurrentFolderNeedsNoSlash) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(PILOTFISH_ACCEPTORS);
  EXPECT_EQ(make_acceptor("acceptor_example.so")->name(), "likely-enough");
  std::filesystem::current_path(before);
}

TEST(AcceptorLibrary, SeveralOfOneLibraryLiveSideBySide) {
  auto first = make_acceptor(library("example"));
  const auto second = make_acceptor(library("example"));
  first.reset();
  EXPECT_EQ(second->name(), "likely-enough");
}

TEST(AcceptorLibrary, EachKindOfBadLibraryIsRefusedInOneLine) {
  expect_error(library("missing"), "cannot be loaded");
  expect_error(library("wrong_version"),
               "built against interface version " +
                   std::to_string(kAcceptorInterfaceVersion + 1));
  expect_error(library("no_symbols"), "PILOTFISH_EXPORT_ACCEPTOR");
  expect_error(library("gives_nothing"), "gave nothing");
  expect_error(library("throws"), "no licence found");
  expect_error(library("throws_a_number"),
               "threw something that is not a std::exception");
  expect_error(library("throws_its_name"), "no name found");

  const std::string path = testing::TempDir() + "/not_a_library.so";
  std::ofstream(path) << "text";
  expect_error(path, "cannot be loaded");
  expect_error(testing::TempDir(), "cannot be loaded");
}

TEST(MakeAcceptor, KnowsItsNames) {
  for (const std::string& name : acceptor_names()) {
    EXPECT_EQ(make_acceptor(name)->name(), name);
  }
  EXPECT_THAT(acceptor_names(), testing::Contains("rejection"));
  EXPECT_TRUE(make_acceptor("rejection")->lossless());
  for (const char* name : {"", "Rejection", "reject", "synthetic"}) {
    EXPECT_THROW(make_acceptor(name), UsageError) << name;
  }
}

TEST(SyntheticAcceptor, AcceptsAtItsRate) {
  for (const double rate : {0.0, 0.3, 0.8, 1.0}) {
    const auto acceptor = make_synthetic_acceptor(rate);
    EXPECT_FALSE(acceptor->lossless());
    const Draft draft{{5}, {}};
    const std::vector<Distribution> target(2, Distribution::one_hot(7));
    double accepted = 0;
    constexpr int kTrials = 20000;
    for (int seed = 0; seed < kTrials; ++seed) {
      const Random random(static_cast<std::uint64_t>(seed));
      const Verdict verdict = acceptor->accept({draft, target, random, 3});
      EXPECT_EQ(verdict.tokens.size(), verdict.accepted + 1);
      EXPECT_EQ(verdict.tokens.back(), 7);
      accepted += static_cast<double>(verdict.accepted);
    }
    // Five standard deviations.
    EXPECT_NEAR(accepted / kTrials, rate,
                5 * std::sqrt(rate * (1 - rate) / kTrials));
  }
  for (const double rate : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THROW(make_synthetic_acceptor(rate), UsageError);
  }
}

}  // namespace
}  // namespace pilotfish
