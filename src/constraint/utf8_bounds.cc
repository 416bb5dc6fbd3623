#include "constraint/utf8_bounds.h"

namespace pilotfish {
namespace {

using Kind = Grammar::Kind;

constexpr auto kBetweenOnly = static_cast<std::size_t>(Utf8Place::kBetween);
constexpr auto kLost = static_cast<std::size_t>(Utf8Place::kNowhere);

Utf8Place behind_lead(unsigned char byte) {
  if (byte < 0x80) return Utf8Place::kBetween;
  if (byte < 0xC2) return Utf8Place::kNowhere;
  if (byte < 0xE0) return Utf8Place::kOneMore;
  if (byte == 0xE0) return Utf8Place::kBehindE0;
  if (byte == 0xED) return Utf8Place::kBehindED;
  if (byte < 0xF0) return Utf8Place::kTwoMore;
  if (byte == 0xF0) return Utf8Place::kBehindF0;
  if (byte < 0xF4) return Utf8Place::kThreeMore;
  if (byte == 0xF4) return Utf8Place::kBehindF4;
  return Utf8Place::kNowhere;
}

std::size_t key_of(Grammar::Expr expr, std::size_t place) {
  return static_cast<std::size_t>(expr) * kUtf8Places + place;
}

// Where texts end after `min` to `max` rounds, of which `round` says what one
// does. Bytes that lead from between two characters into one do not do so from
// anywhere else: so rounds either come to rest or get lost.
template <class Round>
Utf8Places behind_rounds(std::int64_t min, std::int64_t max, Utf8Places from,
                         Round&& round) {
  for (std::int64_t i = 0; i < min && !from[kLost]; ++i) {
    const Utf8Places next = round(from);
    if (next == from) break;
    from = next;
  }
  for (std::int64_t i = min; i != max; ++i) {
    const Utf8Places next = from | round(from);
    if (next == from) break;
    from = next;
  }
  return from;
}

}  // namespace

Utf8Place utf8_step(Utf8Place from, unsigned char byte) {
  const auto next = [&](unsigned char low, unsigned char high, Utf8Place to) {
    return byte >= low && byte <= high ? to : Utf8Place::kNowhere;
  };
  switch (from) {
    case Utf8Place::kBetween:
      return behind_lead(byte);
    case Utf8Place::kOneMore:
      return next(0x80, 0xBF, Utf8Place::kBetween);
    case Utf8Place::kTwoMore:
      return next(0x80, 0xBF, Utf8Place::kOneMore);
    case Utf8Place::kThreeMore:
      return next(0x80, 0xBF, Utf8Place::kTwoMore);
    case Utf8Place::kBehindE0:
      return next(0xA0, 0xBF, Utf8Place::kOneMore);
    case Utf8Place::kBehindED:
      return next(0x80, 0x9F, Utf8Place::kOneMore);
    case Utf8Place::kBehindF0:
      return next(0x90, 0xBF, Utf8Place::kTwoMore);
    case Utf8Place::kBehindF4:
      return next(0x80, 0x8F, Utf8Place::kTwoMore);
    case Utf8Place::kNowhere:
      break;
  }
  return Utf8Place::kNowhere;
}

Utf8Bounds::Utf8Bounds(const Grammar& grammar) : grammar_(grammar) {
  const Key start = key_of(grammar.start(), kBetweenOnly);
  known_.try_emplace(start);
  open_.push_back(start);
  while (!open_.empty()) {
    const Key key = open_.back();
    open_.pop_back();
    const Utf8Places found = find_ends(key);
    Known& known = known_.at(key);
    if (known.ends == found) continue;
    known.ends = found;
    open_.insert(open_.end(), known.users.begin(), known.users.end());
  }
}

Utf8Places Utf8Bounds::ends(Grammar::Expr expr, Utf8Places from) const {
  Utf8Places found;
  for (std::size_t place = 0; place < kUtf8Places; ++place) {
    const auto known = known_.find(key_of(expr, place));
    if (from[place] && known != known_.end()) found |= known->second.ends;
  }
  return found;
}

Utf8Places Utf8Bounds::ends(Grammar::Expr expr, std::int64_t min,
                            std::int64_t max, Utf8Places from) const {
  return behind_rounds(min, max, from,
                       [&](Utf8Places places) { return ends(expr, places); });
}

bool Utf8Bounds::is_whole(Grammar::Expr expr) const {
  const Utf8Places from = Utf8Places().set(kBetweenOnly);
  return (ends(expr, from) & ~from).none();
}

Utf8Places Utf8Bounds::find_ends(Key key) {
  const std::size_t place = key % kUtf8Places;
  const Grammar::Node& node =
      grammar_.node(static_cast<Grammar::Expr>(key / kUtf8Places));
  const Utf8Places from = Utf8Places().set(place);
  Utf8Places found;
  switch (node.kind) {
    case Kind::kNothing:
      return {};
    case Kind::kEmpty:
      return from;
    case Kind::kBytes:
      for (std::size_t byte = 0; byte < node.bytes.size(); ++byte) {
        if (!node.bytes[byte]) continue;
        found.set(static_cast<std::size_t>(utf8_step(
            static_cast<Utf8Place>(place), static_cast<unsigned char>(byte))));
      }
      return found;
    case Kind::kToken:
      return place == kBetweenOnly ? from : found.set(kLost);
    case Kind::kSequence:
      found = from;
      for (const Grammar::Expr part : node.parts) found = ask(key, part, found);
      return found;
    case Kind::kChoice:
      for (const Grammar::Expr part : node.parts) found |= ask(key, part, from);
      return found;
    case Kind::kRepeat:
      return behind_rounds(node.min, node.max, from, [&](Utf8Places places) {
        return ask(key, node.parts[0], places);
      });
    case Kind::kCall:
      return ask(key, grammar_.body(node.rule), from);
  }
  return found;
}

Utf8Places Utf8Bounds::ask(Key user, Grammar::Expr expr, Utf8Places from) {
  Utf8Places found;
  for (std::size_t place = 0; place < kUtf8Places; ++place) {
    if (!from[place]) continue;
    const Key key = key_of(expr, place);
    const auto [known, is_new] = known_.try_emplace(key);
    if (is_new) open_.push_back(key);
    auto& users = known->second.users;
    if (users.empty() || users.back() != user) users.push_back(user);
    found |= known->second.ends;
  }
  return found;
}

}  // namespace pilotfish
