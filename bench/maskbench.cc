#include "maskbench.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/json_schema/schema_grammar.h"
#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/value.h"
#include "constraint/matcher.h"
#include "constraint/vocabulary.h"
#include "pilotfish/error.h"
#include "text/token_bytes.h"

namespace pilotfish {
namespace {

using json_schema::Value;

// Times of one step, with what it was done for.
class Times {
 public:
  explicit Times(std::string_view step) : step_(step) {}

  void add(double time, const std::string& schema) {
    times_.emplace_back(time, schema);
  }

  void print() {
    if (times_.empty()) return;
    std::ranges::sort(times_);
    double sum = 0;
    for (const auto& [time, schema] : times_) sum += time;
    const auto at = [&](double share) {
      const auto last = static_cast<double>(times_.size() - 1);
      return times_[static_cast<std::size_t>(share * last)].first;
    };
    fmt::print("{:<11} {:8} {:9.1f} {:9.1f} {:9.1f} {:9.1f} {:9.1f}  {}\n",
               step_, times_.size(), sum / static_cast<double>(times_.size()),
               at(0.5), at(0.75), at(0.99), times_.back().first,
               times_.back().second);
  }

 private:
  std::string_view step_;
  std::vector<std::pair<double, std::string>> times_;
};

class MaskBench {
 public:
  explicit MaskBench(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer),
        vocabulary_(std::make_shared<const ConstraintVocabulary>(
            token_bytes(tokenizer))) {}

  void measure(const Value& entry) {
    ++schemas_;
    const std::string& name = entry.find("name")->text;
    const std::string schema =
        test::json_text(*entry.find("schema"), test::order_as_it_is);
    const double begin = now_us();
    double written = 0;
    std::shared_ptr<const Automaton> automaton;
    try {
      const Grammar grammar = json_schema_grammar(schema, {.lenient = true});
      written = now_us();
      automaton = Automaton::compile(grammar);
    } catch (const UsageError&) {
      return;  // refused
    }
    const double compiled = now_us();
    const Matcher matcher(automaton, vocabulary_);
    matcher.mask(matcher.begin());
    ++compiled_;
    grammar_.add(written - begin, name);
    compile_.add(compiled - written, name);
    first_mask_.add(now_us() - begin, name);
    check_instances(entry, matcher, name);
  }

  void print() {
    fmt::print("{} of {} schemas compiled, {} of {} verdicts wrong\n",
               compiled_, schemas_, wrong_, instances_);
    fmt::print("{:<11} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}  {}\n", "us",
               "count", "mean", "p50", "p75", "p99", "worst", "of");
    for (Times* times : {&grammar_, &compile_, &first_mask_, &mask_, &advance_})
      times->print();
  }

 private:
  // An instance is written as it is; where that is refused, with its keys in
  // the order in which the schema lists them.
  void check_instances(const Value& entry, const Matcher& matcher,
                       const std::string& name) {
    const test::SchemaOrder order(*entry.find("schema"));
    for (const Value& each : entry.find("tests")->items) {
      const bool is_valid = each.find("valid")->is(Value::Kind::kTrue);
      const Value& instance = *each.find("data");
      const bool accepted =
          reads(matcher, test::json_text(instance, test::order_as_it_is),
                name) ||
          reads(matcher, test::json_text(instance, order), name);
      ++instances_;
      if (accepted != is_valid) {
        ++wrong_;
        fmt::print("wrong: {}, {}\n", name, each.find("description")->text);
      }
    }
  }

  bool reads(const Matcher& matcher, const std::string& text,
             const std::string& name) {
    Matcher::State state = matcher.begin();
    for (const Token token : tokenizer_.encode(
             text, {.add_special = false, .parse_special = false})) {
      const double begin = now_us();
      const auto mask = matcher.mask(state);
      const double masked = now_us();
      mask_.add(masked - begin, name);
      if (!mask->allows(token)) return false;
      const double advancing = now_us();
      matcher.advance(state, token);
      advance_.add(now_us() - advancing, name);
    }
    return matcher.may_end(state);
  }

  const Tokenizer& tokenizer_;
  const std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  int schemas_ = 0;
  int compiled_ = 0;
  int instances_ = 0;
  int wrong_ = 0;
  Times grammar_{"grammar"};
  Times compile_{"compile"};
  Times first_mask_{"first mask"};
  Times mask_{"mask"};
  Times advance_{"advance"};
};

}  // namespace

void measure_maskbench(const Tokenizer& tokenizer, const std::string& file,
                       int every) {
  std::ifstream lines(file);
  if (!lines) throw UsageError(fmt::format("{}: cannot be read", file));
  MaskBench bench(tokenizer);
  std::string line;
  for (int number = 0; std::getline(lines, line); ++number) {
    if (number % every == 0) bench.measure(json_schema::parse_value(line));
  }
  bench.print();
}

double now_us() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) +
         1e-3 * static_cast<double>(time.tv_nsec);
}

}  // namespace pilotfish
