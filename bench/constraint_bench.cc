// What constraints take, on one thread, over a tokenizer's vocabulary:
//
//   constraint_bench TOKENIZER [JSON_FILE]
//   constraint_bench TOKENIZER --maskbench JSONL_FILE [--every N]
//
// The second measures MaskBench's schemas (maskbench.h), the first grammars of
// its own. For each grammar: how long it takes to compile it and to make the
// first mask, and what masks take at every token of a text. "cold": nothing is
// known about the vocabulary yet; "warm": another matcher has been over the
// same text. Times are the thread's microseconds.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/matcher.h"
#include "constraint/vocabulary.h"
#include "maskbench.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"
#include "text/token_bytes.h"

namespace pilotfish {
namespace {

using namespace std::string_view_literals;
using Expr = Grammar::Expr;

ByteSet set_of(std::string_view bytes) {
  ByteSet set;
  for (const char byte : bytes) set.set(static_cast<unsigned char>(byte));
  return set;
}

// The pieces of JSON that grammars are made of.
class Json {
 public:
  explicit Json(Grammar& grammar) : g_(grammar) {
    space_ = rule("space",
                  g_.choice({g_.empty(), g_.text(" "),
                             g_.sequence({g_.text("\n"),
                                          g_.repeat(bytes(" \t"), 0, 20)})}));
    string_ =
        rule("string", quoted(g_.repeat(character(), 0, Grammar::kUnlimited)));
    const Expr digit = bytes("0123456789");
    const Expr digits = g_.repeat(digit, 1, Grammar::kUnlimited);
    integer_ = rule(
        "integer",
        g_.sequence(
            {g_.optional(g_.text("-")),
             g_.choice(
                 {g_.text("0"),
                  g_.sequence({bytes("123456789"),
                               g_.repeat(digit, 0, Grammar::kUnlimited)})})}));
    number_ = rule(
        "number",
        g_.sequence({integer_, g_.optional(g_.sequence({g_.text("."), digits})),
                     g_.optional(g_.sequence(
                         {bytes("eE"), g_.optional(bytes("+-")), digits}))}));
  }

  Expr space() const { return space_; }
  Expr string() const { return string_; }
  Expr integer() const { return integer_; }
  Expr number() const { return number_; }

  Expr text_of(std::int64_t min, std::int64_t max) {
    return quoted(g_.repeat(character(), min, max));
  }

  Expr object(const std::vector<std::pair<std::string, Expr>>& properties) {
    std::vector<Expr> parts = {g_.text("{")};
    for (const auto& [name, value] : properties) {
      if (parts.size() > 1) parts.push_back(g_.text(","));
      parts.insert(parts.end(),
                   {space_, g_.text("\"" + name + "\":"), space_, value});
    }
    parts.insert(parts.end(), {space_, g_.text("}")});
    return g_.sequence(parts);
  }

  Expr array(Expr item) { return list("[", item, "]"); }

  Expr any() {
    const Grammar::Rule value = g_.declare("value");
    const Expr member =
        g_.sequence({string_, g_.text(":"), space_, g_.call(value)});
    g_.define(value, g_.choice({rule("object", list("{", member, "}")),
                                rule("array", list("[", g_.call(value), "]")),
                                string_, number_, g_.text("true"),
                                g_.text("false"), g_.text("null")}));
    return g_.call(value);
  }

 private:
  Expr rule(const char* name, Expr body) {
    const Grammar::Rule id = g_.declare(name);
    g_.define(id, body);
    return g_.call(id);
  }
  Expr bytes(std::string_view set) { return g_.bytes(set_of(set)); }
  Expr quoted(Expr inside) {
    return g_.sequence({g_.text("\""), inside, g_.text("\"")});
  }
  Expr character() {
    const std::vector<CodePointRange> plain = {
        {0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, 0x10FFFF}};
    const Expr hex = bytes("0123456789abcdefABCDEF");
    return g_.choice(
        {g_.character(plain),
         g_.sequence(
             {g_.text("\\"),
              g_.choice({bytes("\"\\/bfnrt"),
                         g_.sequence({g_.text("u"), hex, hex, hex, hex})})})});
  }
  Expr list(const char* open, Expr item, const char* close) {
    const Expr more = g_.sequence({g_.text(","), space_, item});
    return g_.sequence(
        {g_.text(open), space_,
         g_.optional(g_.sequence(
             {item, g_.repeat(more, 0, Grammar::kUnlimited), space_})),
         g_.text(close)});
  }

  Grammar& g_;
  Expr space_;
  Expr string_;
  Expr integer_;
  Expr number_;
};

// Texts that the grammars below take.
std::string record(int i) {
  return fmt::format(
      R"({{"name": "Zoë {} of the river", "age": {},
  "tags": ["alpha-{}", "b\"c", "ünïcode ☃"], "score": -{}.5e3,
  "note": "It was a {} day, \n and nobody came. 北京 {}"}})",
      i, 17 + i, i * 7, i, i % 2 == 0 ? "cold" : "warm", i);
}

std::string records() {
  std::string text = "[";
  for (int i = 0; i < 40; ++i) text += (i > 0 ? ", " : "") + record(i);
  return text + "]";
}

void report(const char* what, std::vector<double> times) {
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[static_cast<size_t>(share *
                                     static_cast<double>(times.size() - 1))];
  };
  double sum = 0;
  for (const double time : times) sum += time;
  fmt::print(
      "  {:<14} {:6} times, mean {:8.1f}, p50 {:8.1f}, p99 {:8.1f}, worst "
      "{:8.1f}\n",
      what, times.size(), sum / static_cast<double>(times.size()), at(0.5),
      at(0.99), times.back());
}

void follow(const Matcher& matcher, const std::vector<Token>& tokens,
            const char* what) {
  Matcher::State state = matcher.begin();
  std::vector<double> masks;
  std::vector<double> steps;
  for (const Token token : tokens) {
    double before = now_us();
    const auto mask = matcher.mask(state);
    masks.push_back(now_us() - before);
    if (!mask->allows(token)) {
      throw Error(fmt::format("token {} of the text is not allowed", token));
    }
    before = now_us();
    matcher.advance(state, token);
    steps.push_back(now_us() - before);
  }
  report(fmt::format("mask, {}", what).c_str(), masks);
  report("advance", steps);
}

void measure(const char* name, const Grammar& grammar,
             const std::vector<std::string>& bytes,
             const std::vector<Token>& tokens) {
  const auto vocabulary = std::make_shared<const ConstraintVocabulary>(bytes);
  fmt::print("{}\n", name);
  for (const char* what : {"cold", "warm"}) {
    const double begin = now_us();
    const auto automaton = Automaton::compile(grammar);
    const double compiled = now_us();
    const Matcher matcher(automaton, vocabulary);
    matcher.mask(matcher.begin());
    fmt::print("  compiling {:.1f} ({} states), with the first mask {:.1f}\n",
               compiled - begin, automaton->table().size(), now_us() - begin);
    follow(matcher, tokens, what);
  }
}

int run(int argc, char** argv) {
  const bool is_maskbench = argc >= 4 && argv[2] == "--maskbench"sv;
  const bool has_every = argc == 6 && argv[4] == "--every"sv;
  if (is_maskbench ? argc != 4 && !has_every : argc != 2 && argc != 3) {
    throw UsageError(
        "usage: constraint_bench TOKENIZER [JSON | --maskbench JSONL [--every "
        "N]]");
  }
  const auto tokenizer = Tokenizer::load(argv[1]);
  if (is_maskbench) {
    const int every = has_every ? std::atoi(argv[5]) : 1;
    measure_maskbench(*tokenizer, argv[3], std::max(every, 1));
    return 0;
  }
  double before = now_us();
  const std::vector<std::string> bytes = token_bytes(*tokenizer);
  fmt::print("{} tokens; their bytes took {:.0f}", bytes.size(),
             now_us() - before);
  before = now_us();
  const ConstraintVocabulary vocabulary(bytes);
  fmt::print(", their trie of {} nodes {:.0f}\n", vocabulary.nodes(),
             now_us() - before);
  std::string text = records();
  if (argc > 2) {
    std::ostringstream file;
    file << std::ifstream(argv[2]).rdbuf();
    text = file.str();
    while (!text.empty() && text.back() == '\n') text.pop_back();
  }
  const std::vector<Token> tokens =
      tokenizer->encode(text, {.add_special = false, .parse_special = false});
  {
    Grammar grammar;
    grammar.set_start(Json(grammar).any());
    measure("any JSON", grammar, bytes, tokens);
  }
  if (argc > 2) return 0;
  Grammar grammar;
  Json json(grammar);
  grammar.set_start(
      json.array(json.object({{"name", json.text_of(1, 40)},
                              {"age", json.integer()},
                              {"tags", json.array(json.text_of(0, 20))},
                              {"score", json.number()},
                              {"note", json.text_of(5, 200)}})));
  measure("records with texts of bounded length", grammar, bytes, tokens);
  return 0;
}

}  // namespace
}  // namespace pilotfish

int main(int argc, char** argv) {
  try {
    return pilotfish::run(argc, argv);
  } catch (const pilotfish::Error& error) {
    fmt::print(stderr, "constraint_bench: {}\n", error.what());
    return 1;
  }
}
