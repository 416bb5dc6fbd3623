#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "constraint/character_heads.h"
#include "constraint/code_points.h"
#include "constraint/cursor.h"
#include "constraint/gbnf.h"
#include "constraint/gbnf_text.h"
#include "constraint/utf8_bounds.h"
#include "pilotfish/error.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

using Expr = Grammar::Expr;
using Kind = Grammar::Kind;

constexpr std::size_t kLineWidth = 80;
constexpr int kMostNestedExprs = 2000;

// A part of a rule as it is written.
struct Written {
  enum class Form {
    kUnit,      // a quantifier may stand behind it
    kRepeated,  // has one already
    kSequence,
    kChoice,
  };
  std::string text;
  Form form = Form::kUnit;
  std::vector<std::string> alternatives = {};  // of a choice
};

std::string as_unit(const Written& part) {
  if (part.form == Written::Form::kUnit) return part.text;
  return fmt::format("({})", part.text);
}

std::string as_part_of_sequence(const Written& part) {
  return part.form == Written::Form::kChoice ? as_unit(part) : part.text;
}

std::string quantifier(std::int64_t min, std::int64_t max) {
  if (max == Grammar::kUnlimited) {
    if (min == 0) return "*";
    return min == 1 ? "+" : fmt::format("{{{},}}", min);
  }
  if (min == 0 && max == 1) return "?";
  return min == max ? fmt::format("{{{}}}", min)
                    : fmt::format("{{{},{}}}", min, max);
}

// Parts of a sequence, of which literals that meet are joined.
class SequenceText {
 public:
  void add_literal(std::string_view text) { literal_ += text; }
  void add(const Written& part) {
    end_literal();
    parts_.push_back(part);
  }

  Written finish() {
    end_literal();
    if (parts_.empty()) return {gbnf_literal("")};
    if (parts_.size() == 1) return parts_.front();
    std::string text;
    for (const Written& part : parts_) {
      if (!text.empty()) text += ' ';
      text += as_part_of_sequence(part);
    }
    return {std::move(text), Written::Form::kSequence};
  }

 private:
  void end_literal() {
    if (!literal_.empty()) parts_.push_back({gbnf_literal(literal_)});
    literal_.clear();
  }

  std::string literal_;
  std::vector<Written> parts_;
};

Written choice_of(std::vector<Written> alternatives) {
  if (alternatives.size() == 1) return std::move(alternatives.front());
  Written choice = {.text = "", .form = Written::Form::kChoice};
  for (Written& alternative : alternatives) {
    choice.alternatives.push_back(std::move(alternative.text));
  }
  choice.text = fmt::format("{}", fmt::join(choice.alternatives, " | "));
  return choice;
}

// Names that GBNF takes, all different.
class RuleNames {
 public:
  std::string make(std::string_view wanted) {
    std::string base;
    for (const char c : wanted) {
      const bool fits = is_ascii_letter(c) || is_ascii_digit(c);
      base += fits ? c : '-';
    }
    if (base.empty()) base = "rule";
    std::string name = base;
    for (std::int64_t& next = next_[base]; !taken_.insert(name).second;) {
      name = fmt::format("{}-{}", base, ++next);
    }
    return name;
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, std::int64_t> next_;  // the last number, by base
};

class GbnfWriter {
 public:
  explicit GbnfWriter(const Grammar& grammar)
      : grammar_(grammar), bounds_(grammar) {}

  std::string write() {
    if (!bounds_.is_whole(grammar_.start())) {
      throw UsageError(
          "the grammar cannot be written as GBNF: it allows bytes that are no "
          "characters");
    }
    open_.push_back({names_.make("root"), start_pieces()});
    std::string out;
    for (; !open_.empty(); open_.pop_front()) {
      current_ = open_.front().name;
      const Pieces& pieces = open_.front().pieces;
      const Written body = open_.front().by_heads
                               ? write_heads(character_heads(grammar_, pieces))
                               : write_pieces(pieces);
      out += fmt::format("{} ::= {}\n", current_, folded(body));
    }
    return out;
  }

 private:
  struct OpenRule {
    std::string name;
    Pieces pieces;
    bool by_heads = false;  // to be told apart by their first characters
  };

  // Of a choice: a character with what comes behind it, or else some pieces.
  struct Alternative {
    Pieces pieces;
    std::optional<CharacterHead> head;
  };

  // A start that is one call of a rule named root is that rule.
  Pieces start_pieces() {
    const Grammar::Node& start = grammar_.node(grammar_.start());
    if (start.kind != Kind::kCall || grammar_.name(start.rule) != "root") {
      return {{grammar_.start()}};
    }
    rule_names_.emplace(start.rule, "root");
    return {{grammar_.body(start.rule)}};
  }

  const std::string& name_of(Grammar::Rule rule) {
    const auto [place, is_new] = rule_names_.try_emplace(rule);
    if (is_new) {
      place->second = names_.make(grammar_.name(rule));
      open_.push_back({place->second, {{grammar_.body(rule)}}});
    }
    return place->second;
  }

  // The name of a rule that stands for pieces which are no rule of the grammar.
  const std::string& name_of(const Pieces& pieces) {
    const auto [place, is_new] = piece_names_.try_emplace(pieces);
    if (is_new) {
      place->second = names_.make(current_ + "-part");
      open_.push_back({place->second, pieces, true});
    }
    return place->second;
  }

  // Long choices take a line for each alternative.
  std::string folded(const Written& body) const {
    const bool fits = current_.size() + 5 + body.text.size() <= kLineWidth;
    if (fits || body.form != Written::Form::kChoice) return body.text;
    return fmt::format("{}", fmt::join(body.alternatives, " |\n    "));
  }

  Written write_expr(Expr expr) {
    if (++depth_ > kMostNestedExprs) {
      throw UsageError("the grammar is nested too deep to be written as GBNF");
    }
    Written written = write_node(expr);
    --depth_;
    return written;
  }

  Written write_node(Expr expr) {
    const Grammar::Node& node = grammar_.node(expr);
    switch (node.kind) {
      case Kind::kNothing:
        return {gbnf_class(CodePointSet({}))};
      case Kind::kEmpty:
        return {gbnf_literal("")};
      case Kind::kToken:
        return {fmt::format("<[{}]>", node.token)};
      case Kind::kCall:
        return {name_of(node.rule)};
      case Kind::kRepeat:
        return write_repeat({node.parts[0], node.min, node.max});
      case Kind::kChoice:
        return write_choice(node);
      case Kind::kBytes:
      case Kind::kSequence:
        return write_pieces({{expr}});
      case Kind::kTable:
        break;
    }
    return {};
  }

  Written write_repeat(const Piece& piece) {
    return {as_unit(write_expr(piece.expr)) + quantifier(piece.min, piece.max),
            Written::Form::kRepeated};
  }

  // Writes pieces that are whole characters together.
  Written write_pieces(const Pieces& pieces) {
    SequenceText text;
    const Pieces all = flat(pieces);
    Utf8Places places = between();
    // Nothing is ever reached behind a rule that never ends.
    for (std::size_t begin = 0; begin < all.size() && places.any();) {
      Pieces part;
      do {
        part.push_back(all[begin++]);
        const auto& [expr, min, max] = part.back();
        places = bounds_.ends(expr, min, max, places);
      } while (begin < all.size() && (places & ~between()).any());
      write_part(part, text);
    }
    return text.finish();
  }

  // Sequences in a list of pieces become part of the list.
  Pieces flat(const Pieces& pieces) const {
    Pieces all;
    for (const Piece& piece : pieces) {
      const Grammar::Node& node = grammar_.node(piece.expr);
      if (piece.once() && node.kind == Kind::kSequence) {
        for (const Expr part : node.parts) all.push_back({part});
      } else {
        all.push_back(piece);
      }
    }
    return all;
  }

  static Utf8Places between() {
    return Utf8Places().set(static_cast<std::size_t>(Utf8Place::kBetween));
  }

  void write_part(const Pieces& part, SequenceText& text) {
    const Piece& first = part.front();
    if (part.size() == 1) {
      if (!first.once()) return text.add(write_repeat(first));
      const Grammar::Node& node = grammar_.node(first.expr);
      if (node.kind != Kind::kBytes) return text.add(write_expr(first.expr));
      return add_characters(ascii_ranges(node.bytes), text);
    }
    const auto heads = character_heads(grammar_, part);
    if (heads.size() == 1 && heads[0].rest.empty() && !heads[0].token) {
      return add_characters(heads[0].characters, text);
    }
    if (are_simple(heads)) return text.add(write_heads(heads));
    text.add({name_of(part)});
  }

  static void add_characters(const std::vector<CodePointRange>& characters,
                             SequenceText& text) {
    const CodePointSet set(characters);
    const auto& ranges = set.ranges();
    if (ranges.size() == 1 && ranges[0].first == ranges[0].last) {
      std::string literal;
      append_utf8(ranges[0].first, literal);
      text.add_literal(literal);
    } else {
      text.add({gbnf_class(set)});
    }
  }

  // Whether nothing, or one rule, stands behind the first characters.
  bool are_simple(const std::vector<CharacterHead>& heads) {
    return std::ranges::all_of(heads, [&](const CharacterHead& head) {
      const Pieces& rest = head.rest;
      return rest.empty() || (rest.size() == 1 && rest[0].once() &&
                              grammar_.node(rest[0].expr).kind == Kind::kCall &&
                              bounds_.is_whole(rest[0].expr));
    });
  }

  Written write_heads(const std::vector<CharacterHead>& heads) {
    std::vector<Written> alternatives;
    for (const CharacterHead& head : heads) {
      alternatives.push_back(write_head(head));
    }
    return choice_of(std::move(alternatives));
  }

  Written write_head(const CharacterHead& head) {
    SequenceText text;
    if (head.token) {
      text.add({fmt::format("<[{}]>", *head.token)});
    } else {
      add_characters(head.characters, text);
    }
    if (!head.rest.empty()) text.add(write_pieces(head.rest));
    return text.finish();
  }

  // Alternatives that differ in their first character alone become one, with a
  // class.
  Written write_choice(const Grammar::Node& node) {
    bool is_optional = false;
    std::vector<Alternative> alternatives;
    std::map<Pieces, std::size_t> by_rest;  // places in alternatives
    for (const Expr part : node.parts) {
      if (part == grammar_.empty()) {
        is_optional = true;
        continue;
      }
      const Pieces pieces = flat({{part}});
      auto heads = heads_of_alternative(pieces);
      if (heads.empty()) alternatives.push_back({pieces, {}});
      for (CharacterHead& head : heads) {
        const auto [place, is_new] =
            by_rest.try_emplace(head.rest, alternatives.size());
        if (is_new || head.token) {
          alternatives.push_back({{}, std::move(head)});
        } else {
          auto& all = alternatives[place->second].head->characters;
          all.insert(all.end(), head.characters.begin(), head.characters.end());
        }
      }
    }
    std::vector<Written> written;
    for (const Alternative& one : alternatives) {
      written.push_back(one.head ? write_head(*one.head)
                                 : write_pieces(one.pieces));
    }
    Written choice = choice_of(std::move(written));
    if (!is_optional) return choice;
    return {as_unit(choice) + "?", Written::Form::kRepeated};
  }

  // How the alternative begins, where it has a first character and little
  // behind it; else nothing.
  std::vector<CharacterHead> heads_of_alternative(const Pieces& pieces) {
    const Piece& first = pieces.front();
    std::vector<CharacterHead> heads;
    if (!first.once()) return {};
    if (!bounds_.is_whole(first.expr)) {
      heads = character_heads(grammar_, pieces);
    } else if (grammar_.node(first.expr).kind == Kind::kBytes) {
      heads.push_back({ascii_ranges(grammar_.node(first.expr).bytes),
                       {},
                       Pieces(pieces.begin() + 1, pieces.end())});
    }
    if (!are_simple(heads)) return {};
    return heads;
  }

  const Grammar& grammar_;
  Utf8Bounds bounds_;
  RuleNames names_;
  std::map<Grammar::Rule, std::string> rule_names_;
  std::map<Pieces, std::string> piece_names_;
  std::deque<OpenRule> open_;
  std::string current_;  // the rule that is being written
  int depth_ = 0;
};

}  // namespace

std::string grammar_to_gbnf(const Grammar& grammar) {
  return GbnfWriter(grammar).write();
}

}  // namespace pilotfish
