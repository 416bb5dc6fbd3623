// Truncations of long and awkward rows, which are not ordered but scanned,
// against the definitions in double precision.
#include "sampling/truncation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "sampling/processors.h"
#include "sampling/testing.h"

namespace pilotfish {
namespace {

using test::kInfinity;
using test::Reference;

std::vector<float> random_row(std::mt19937& random, size_t size,
                              float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> row(size);
  for (float& x : row) x = normal(random);
  return row;
}

// Makes many ties at every place.
std::vector<float> in_steps(std::vector<float> row, float step) {
  for (float& x : row) x = std::round(x / step) * step;
  return row;
}

// Rows whose shape a shortcut might not expect. The sizes are such that no sum
// of equal weights lies at a share that is asked for.
std::map<std::string, std::vector<float>> rows() {
  std::mt19937 random(1);
  std::map<std::string, std::vector<float>> all;
  const size_t size = 3001;
  all["narrow"] = random_row(random, size, 0.01f);
  all["usual"] = random_row(random, size, 3);
  all["wide"] = random_row(random, size, 1000);
  all["equal"] = std::vector<float>(777, 1.5f);
  all["two levels"] = in_steps(random_row(random, size, 1), 4);
  all["steps"] = in_steps(random_row(random, size, 3), 0.5f);
  all["near ties"] = random_row(random, size, 1e-6f);
  all["ascending"] = all["usual"];
  std::ranges::sort(all["ascending"]);
  all["descending"] = all["ascending"];
  std::ranges::reverse(all["descending"]);
  all["one huge"] = all["usual"];
  all["one huge"][2000] = 3e38f;
  all["one ahead"] = all["usual"];
  all["one ahead"][size - 1] = 25;
  all["mostly banned"] = std::vector<float>(size, -kInfinity);
  for (size_t i = 40; i < 55; ++i) all["mostly banned"][i] = all["usual"][i];
  all["halves"] = all["usual"];  // of a block and more is gone
  for (size_t i = 0; i < 1500; ++i) all["halves"][i] = -kInfinity;
  all["short"] = random_row(random, 5, 2);
  return all;
}

std::vector<SamplingParams> truncations() {
  std::vector<SamplingParams> all;
  const auto add = [&](double temperature, auto change) {
    SamplingParams& params = all.emplace_back();
    params.temperature = temperature;
    change(params);
  };
  for (const double temperature : {0.02, 0.8, 3.0, 100.0}) {
    add(temperature, [](SamplingParams&) {});
    for (const std::int64_t k : {1, 2, 20, 40, 187, 600, 3000, 3001}) {
      add(temperature, [&](SamplingParams& p) { p.top_k = k; });
    }
    for (const double share : {1e-9, 0.13, 0.5003, 0.9501, 0.9999}) {
      add(temperature, [&](SamplingParams& p) { p.top_p = share; });
      add(temperature, [&](SamplingParams& p) { p.typical_p = share; });
      add(temperature, [&](SamplingParams& p) { p.min_p = share; });
    }
    add(temperature, [](SamplingParams& p) { p.min_p = 1; });
    add(temperature, [](SamplingParams& p) {
      p.top_p = 0.9501;
      p.min_p = 0.01;
    });
    add(temperature, [](SamplingParams& p) {
      p.typical_p = 0.9501;
      p.top_p = 0.813;
    });
    add(temperature, [](SamplingParams& p) {
      p.top_k = 300;
      p.typical_p = 0.9501;
      p.top_p = 0.813;
      p.min_p = 0.001;
    });
  }
  return all;
}

std::string described(const SamplingParams& p) {
  return "temperature " + std::to_string(p.temperature) + " top-k " +
         std::to_string(p.top_k) + " top-p " + std::to_string(p.top_p) +
         " typical-p " + std::to_string(p.typical_p) + " min-p " +
         std::to_string(p.min_p);
}

Distribution processed(const std::vector<float>& row,
                       const SamplingParams& params,
                       LogitsProcessor& processor) {
  return processor.process(row, params, TokenHistory({0}, params), {});
}

TEST(Truncation, IsAsDefinedOnEveryRow) {
  LogitsProcessor processor;  // one for all, as in use
  for (const auto& [name, row] : rows()) {
    for (const SamplingParams& params : truncations()) {
      Distribution actual = processed(row, params, processor);
      const Reference expected(row, params, {0}, {}, {});
      std::vector<double> dense(row.size(), 0.0);
      Token last = -1;
      for (const Entry& entry : actual.entries()) {
        ASSERT_GT(entry.token, last);
        ASSERT_GT(entry.probability, 0);
        last = entry.token;
        dense[static_cast<size_t>(last)] = entry.probability;
      }
      for (size_t i = 0; i < row.size(); ++i) {
        ASSERT_NEAR(dense[i], expected.probability(static_cast<Token>(i)),
                    1e-12)
            << name << ", " << described(params) << ", token " << i;
      }
      processor.recycle(std::move(actual));
    }
  }
}

// The share of the largest j probabilities, j = 1, 2, ...
std::vector<double> cumulated(const std::vector<float>& row,
                              double temperature) {
  SamplingParams params;
  params.temperature = temperature;
  const Reference all(row, params, {0}, {}, {});
  std::vector<double> shares;
  for (size_t i = 0; i < row.size(); ++i) {
    shares.push_back(all.probability(static_cast<Token>(i)));
  }
  std::ranges::sort(shares, std::greater<>());
  std::partial_sum(shares.begin(), shares.end(), shares.begin());
  return shares;
}

// Floats cannot tell these shares apart: the exact mass must decide.
TEST(Truncation, TheNucleusIsExactAtItsBoundary) {
  std::mt19937 random(2);
  LogitsProcessor processor;
  for (const float deviation : {0.5f, 3.f}) {
    const std::vector<float> row = random_row(random, 5000, deviation);
    SamplingParams params;
    params.temperature = 0.8;
    const std::vector<double> shares = cumulated(row, params.temperature);
    for (size_t j = 1; j < 2000; j += 1 + j / 4) {
      params.top_p = shares[j - 1] * (1 - 1e-11);
      EXPECT_EQ(processed(row, params, processor).entries().size(), j);
      params.top_p = shares[j - 1] * (1 + 1e-11);
      EXPECT_EQ(processed(row, params, processor).entries().size(), j + 1);
    }
  }
}

TEST(Truncation, AShareThatIsReachedExactlyIsEnough) {
  LogitsProcessor processor;
  const std::vector<float> row(4096, -3.f);
  for (const size_t kept : {1u, 2u, 1024u, 4095u, 4096u}) {
    SamplingParams params;
    params.temperature = 0.7;
    (kept < 4096 ? params.top_p : params.typical_p) =
        static_cast<double>(kept) / 4096 - (kept < 4096 ? 0 : 1e-9);
    const Distribution d = processed(row, params, processor);
    ASSERT_EQ(d.entries().size(), kept);
    EXPECT_EQ(d.entries().back().token, static_cast<Token>(kept - 1));
    EXPECT_EQ(d.entries().back().probability, 1 / static_cast<double>(kept));
  }
}

TEST(Truncation, IsTheSameBitsOnEverySet) {
  for (const auto& [name, row] : rows()) {
    for (const SamplingParams& params : truncations()) {
      LogitsProcessor scalar(kernels_named("scalar"));
      const Distribution expected = processed(row, params, scalar);
      for (const Kernels* set : available_kernels()) {
        LogitsProcessor processor(*set);
        const Distribution actual = processed(row, params, processor);
        ASSERT_EQ(actual.entries().size(), expected.entries().size())
            << name << ", " << described(params) << " on " << set->name;
        for (size_t i = 0; i < actual.entries().size(); ++i) {
          ASSERT_EQ(actual.entries()[i].token, expected.entries()[i].token);
          ASSERT_EQ(actual.entries()[i].probability,
                    expected.entries()[i].probability)
              << name << ", " << described(params) << " on " << set->name;
        }
      }
    }
  }
}

TEST(Truncation, TheShareIsTheFewestThatReachTheGoal) {
  std::mt19937 random(3);
  for (int repeat = 0; repeat < 300; ++repeat) {
    std::vector<Entry> items;
    const size_t size = 1 + random() % 100;
    for (size_t i = 0; i < size; ++i) {
      // Integers, so that sums are exact.
      items.push_back(
          {static_cast<Token>(i), 1 + static_cast<double>(random() % 7)});
    }
    std::vector<Entry> sorted = items;
    const auto more_probable = [](const Entry& a, const Entry& b) {
      return a.probability > b.probability ||
             (a.probability == b.probability && a.token < b.token);
    };
    std::ranges::sort(sorted, more_probable);
    const double goal = total(items) * static_cast<double>(random() % 11) / 10;
    Share expected;
    while (expected.count == 0 || expected.reached < goal) {
      expected.before = expected.reached;
      expected.reached += sorted[expected.count++].probability;
    }
    const Share share = move_share_to_front(items, goal, probability_rank);
    ASSERT_EQ(share.count, expected.count);
    ASSERT_EQ(share.before, expected.before);
    ASSERT_EQ(share.reached, expected.reached);
    std::sort(items.begin(),
              items.begin() + static_cast<std::ptrdiff_t>(share.count),
              more_probable);
    for (size_t i = 0; i < share.count; ++i) {
      ASSERT_EQ(items[i].token, sorted[i].token);
    }
  }
}

}  // namespace
}  // namespace pilotfish
