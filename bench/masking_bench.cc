// What a constraint costs each token beside the model's pass, on one thread:
//
//   masking_bench TOKENIZER [TOKENS]
//
// Texts are sampled from random logits, with temperature and greedily, without
// a constraint and with some. "advance": to follow a token, once; "process": to
// make a distribution of a row of logits, with its mask. Times are medians of
// the thread's microseconds. Rows are as in sampling_bench, "peaked".

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/constraint_rules.h"
#include "pilotfish/constraint.h"
#include "pilotfish/error.h"
#include "pilotfish/random.h"
#include "pilotfish/tokenizer.h"
#include "sampling/processors.h"

namespace pilotfish {
namespace {

// The thread's own time, which other programs do not add to.
double now_us() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) +
         1e-3 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<float> peaked_logits(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> row(static_cast<std::size_t>(size));
  for (float& x : row) x = normal(random);
  for (int rank = 1; rank <= 1000; ++rank) {
    row[random() % row.size()] = 18 - 1.6f * std::log(static_cast<float>(rank));
  }
  return row;
}

constexpr const char* kRecords = R"({"type": "array", "minItems": 1000, "items":
  {"type": "object", "properties": {
     "description": {"type": "string", "maxLength": 20},
     "quantity": {"type": "integer", "minimum": 1, "maximum": 99},
     "unit_price": {"type": "number"}, "in_stock": {"type": "boolean"}},
   "required": ["description", "quantity", "unit_price", "in_stock"],
   "additionalProperties": false}})";

struct Times {
  std::vector<double> advance;
  std::vector<double> process;
};

Times sample_text(const std::vector<std::vector<float>>& rows,
                  const std::shared_ptr<const TokenRule>& rule,
                  const SamplingParams& params, int tokens) {
  TokenHistory history({1}, params, rule);
  LogitsProcessor processor;
  const Random random(3);
  Times times;
  for (int i = 0; i < tokens; ++i) {
    const double before = now_us();
    Distribution p = processor.process(
        rows[static_cast<std::size_t>(i) % rows.size()], params, history, {});
    const double processed = now_us();
    if (p.empty()) break;
    const Token token = p.sample(random.uniform(
        static_cast<std::uint64_t>(history.size()), RandomRole::kTarget));
    processor.recycle(std::move(p));
    const double drawn = now_us();
    history.push(token);
    times.advance.push_back(now_us() - drawn);
    times.process.push_back(processed - before);
  }
  return times;
}

void run(const std::string& path, int tokens) {
  const std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::load(path);
  std::vector<std::vector<float>> rows;
  for (unsigned seed = 0; seed < 8; ++seed) {
    rows.push_back(peaked_logits(tokenizer->vocab_size(), seed));
  }
  ConstraintRules rules(tokenizer);
  fmt::print("{} tokens in the vocabulary\n", tokenizer->vocab_size());
  fmt::print("{:28} {:>12} {:>10} {:>10}\n", "constraint", "temperature",
             "process", "advance");
  struct Case {
    const char* name;
    std::shared_ptr<const Constraint> constraint;
  };
  for (const Case& it : {
           Case{"none", nullptr},
           Case{"(?s).*", Constraint::regex("(?s).*")},
           Case{"a long JSON string",
                Constraint::json_schema(
                    R"({"type": "string", "minLength": 100000})")},
           Case{"an array of records", Constraint::json_schema(kRecords)},
       }) {
    for (const double temperature : {0.0, 0.8}) {
      SamplingParams params;
      params.temperature = temperature;
      const Times times =
          sample_text(rows, rules.rule_for(it.constraint), params, tokens);
      fmt::print("{:28} {:>12} {:>10.1f} {:>10.2f}\n", it.name, temperature,
                 median(times.process), median(times.advance));
    }
  }
}

}  // namespace
}  // namespace pilotfish

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: masking_bench TOKENIZER [TOKENS]\n");
    return 2;
  }
  try {
    pilotfish::run(argv[1], argc > 2 ? std::stoi(argv[2]) : 1000);
  } catch (const std::exception& error) {
    fmt::print(stderr, "masking_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
