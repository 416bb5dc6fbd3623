#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <new>

#include "pilotfish/error.h"
#include "text/json_node.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

constexpr size_t kMaxPatternBytes = 1 << 16;
// One match of a sane pattern over a long run of blanks needs a few steps a
// byte; one that backtracks exponentially meets the bound in milliseconds.
constexpr size_t kMatchSteps = 100'000;
constexpr size_t kMatchStepsPerByte = 64;
constexpr std::uint32_t kHeapLimitKib = 64 * 1024;
constexpr size_t kJitStackBytes = 8 << 20;
constexpr std::uint32_t kParenthesesLimit = 100;

// The members of Oniguruma's \w, for use inside brackets.
constexpr std::string_view kWordClass = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

// Rewrites what Oniguruma and PCRE2 read differently: \s is White_Space in one
// and takes U+180E too in the other, \w has marks and connectors in one only,
// and \uHHHH is unknown to PCRE2.
std::string to_pcre2(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      if (c == '[') in_class = true;
      if (c == ']') in_class = false;
      out += c;
      continue;
    }
    const char escaped = pattern[++i];
    const auto hex = [&](size_t k) {
      return i + k < pattern.size() &&
             std::isxdigit(static_cast<unsigned char>(pattern[i + k]));
    };
    if (escaped == 's') {
      out += "\\p{White_Space}";
    } else if (escaped == 'S') {
      out += "\\P{White_Space}";
    } else if (escaped == 'w') {
      out +=
          in_class ? std::string(kWordClass) : fmt::format("[{}]", kWordClass);
    } else if (escaped == 'W' && !in_class) {
      out += fmt::format("[^{}]", kWordClass);
    } else if (escaped == 'u' && hex(1) && hex(2) && hex(3) && hex(4)) {
      out += fmt::format("\\x{{{}}}", pattern.substr(i + 1, 4));
      i += 4;
    } else {
      out += {'\\', escaped};
    }
  }
  return out;
}

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

template <auto free>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};
using CompileContext =
    std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>>;

// What one thread needs to run patterns, made once: a match with one pair of
// offsets, the limits, and a stack for the compiled code.
struct Matcher {
  std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>> data{
      pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>> context{
      pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack_free>> stack{
      pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr)};

  Matcher() {
    if (!data || !context || !stack) throw std::bad_alloc();
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Matcher& this_threads_matcher() {
  thread_local Matcher matcher;
  return matcher;
}

}  // namespace

Regex::Regex(std::string_view pattern) : pattern_(pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    throw Error(fmt::format("pattern of {} bytes, expected at most {}",
                            pattern.size(), kMaxPatternBytes));
  }
  const std::string translated = to_pcre2(pattern);
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), kParenthesesLimit);
  int error = 0;
  PCRE2_SIZE place = 0;
  // Ruby's ^ and $ hold at every line.
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
      &place, context.get());
  if (code == nullptr) {
    throw Error(fmt::format("pattern {}: {} at byte {} of {}",
                            quoted_text(pattern), message_of(error), place,
                            quoted_text(translated)));
  }
  code_ = {code, [](pcre2_code* owned) { pcre2_code_free(owned); }};
  // Where it cannot be compiled further (no executable memory), PCRE2 falls
  // back to its interpreter.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

void Regex::find_all(std::string_view text, std::vector<Span>& out) const {
  for_each_utf8_run(text, [&](std::string_view run, bool valid) {
    if (!valid) return;
    find_in_run(run, static_cast<size_t>(run.data() - text.data()), out);
  });
}

// `run` is valid UTF-8, so that PCRE2 need not check it before each match.
void Regex::find_in_run(std::string_view run, size_t offset,
                        std::vector<Span>& out) const {
  Matcher& matcher = this_threads_matcher();
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(matcher.data.get());
  const size_t steps = kMatchSteps + kMatchStepsPerByte * run.size();
  pcre2_set_match_limit(
      matcher.context.get(),
      static_cast<std::uint32_t>(std::min<size_t>(steps, UINT32_MAX)));
  size_t from = 0;
  while (from < run.size()) {
    const int result = pcre2_match(
        code, reinterpret_cast<PCRE2_SPTR>(run.data()), run.size(), from,
        PCRE2_NO_UTF_CHECK, matcher.data.get(), matcher.context.get());
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result < 0) {
      throw Error(fmt::format(
          "pattern {} gave up on a text of {} bytes: {}; it backtracks too "
          "much",
          quoted_text(pattern_), run.size(), message_of(result)));
    }
    // \K moves the start of a match, even to its end.
    if (bounds[0] < bounds[1] && bounds[0] >= from) {
      out.push_back({offset + bounds[0], offset + bounds[1]});
      from = bounds[1];
    } else {
      from = std::max(from, bounds[1]);
      if (from < run.size()) from += utf8_character_length(run.substr(from));
    }
  }
}

std::string replace_all(std::string_view text, std::string_view from,
                        std::string_view to) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t begin = 0;
  for (size_t found; (found = text.find(from, begin)) != std::string_view::npos;
       begin = found + from.size()) {
    out += text.substr(begin, found - begin);
    out += to;
  }
  out += text.substr(begin);
  return out;
}

std::string Replacement::apply(std::string_view text) const {
  if (const auto* literal = std::get_if<std::string>(&pattern_)) {
    return replace_all(text, *literal, content_);
  }
  std::vector<Span> matches;
  std::get<Regex>(pattern_).find_all(text, matches);
  std::string out;
  size_t begin = 0;
  for (const Span match : matches) {
    out += text.substr(begin, match.begin - begin);
    out += content_;
    begin = match.end;
  }
  out += text.substr(begin);
  return out;
}

std::variant<std::string, Regex> pattern_from_json(const JsonNode& node) {
  if (const auto literal = node.find("String")) {
    if (literal->string().empty()) throw literal->error("found no characters");
    return literal->string();
  }
  const JsonNode source = node.at("Regex");
  try {
    return Regex(source.string());
  } catch (const Error& e) {
    throw source.error(e.what());
  }
}

Replacement replacement_from_json(const JsonNode& node) {
  return Replacement(pattern_from_json(node.at("pattern")),
                     node.at("content").string());
}

}  // namespace pilotfish
