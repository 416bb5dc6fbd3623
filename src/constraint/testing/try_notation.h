#ifndef PILOTFISH_CONSTRAINT_TESTING_TRY_NOTATION_H_
#define PILOTFISH_CONSTRAINT_TESTING_TRY_NOTATION_H_

#include <cstdlib>
#include <string>
#include <string_view>

#include "constraint/gbnf.h"
#include "constraint/grammar.h"
#include "constraint/regex.h"
#include "constraint/testing/try_reading.h"
#include "pilotfish/error.h"

// What fuzzers do with a source of a grammar that nobody vouches for; the unit
// tests replay the cases they keep. Each may throw Error, and aborts where
// what was accepted breaks a promise.
namespace pilotfish::test {

// What was read can be written, and read again, unless it is too large for
// that.
inline void try_writing(const Grammar& grammar) {
  const std::string written = grammar_to_gbnf(grammar);
  try {
    gbnf_to_grammar(written);
  } catch (const UsageError& error) {
    const std::string_view what = error.what();
    const bool too_large = what.find("nested") != what.npos ||
                           what.find("too large") != what.npos ||
                           what.find("at most") != what.npos;
    if (!too_large) std::abort();
  }
}

inline void try_regex(std::string_view pattern) {
  for (const RegexOptions& options :
       {RegexOptions{},
        RegexOptions{.syntax = RegexOptions::Syntax::kEcma, .search = true}}) {
    Grammar grammar;
    try {
      grammar.set_start(regex_to_grammar(grammar, pattern, options));
      try_writing(grammar);
      try_reading(grammar, pattern);
    } catch (const Error& error) {
      const std::string_view what = error.what();
      if (what.empty() || what.find('\n') != what.npos) std::abort();
    }
  }
}

inline void try_gbnf(std::string_view source) {
  const Grammar grammar = gbnf_to_grammar(source);
  try_writing(grammar);
  try_reading(grammar, source);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_TRY_NOTATION_H_
