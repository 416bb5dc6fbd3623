#include "constraint/utf8_bounds.h"

#include <utility>

namespace pilotfish {
namespace {

using Kind = Grammar::Kind;

constexpr auto kBetweenOnly = static_cast<std::size_t>(Utf8Place::kBetween);
// So deep inside expressions no body is looked at before another one is done.
constexpr int kMostDepthAtOnce = 300;
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

// Of an expression, or a rule, at a place.
std::size_t key_of(std::int64_t id, std::size_t place) {
  return static_cast<std::size_t>(id) * kUtf8Places + place;
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
  const Body start = key_of(grammar.rules(), kBetweenOnly);
  bodies_.try_emplace(start);
  open_.push_back(start);
  while (!open_.empty()) {
    const Body body = open_.front();
    open_.pop_front();
    look_at(body);
  }
  time_ = ++last_time_;  // from now on nothing changes
  settled_ = true;
}

Utf8Places Utf8Bounds::ends(Grammar::Expr expr, Utf8Places from) {
  Utf8Places found;
  for (std::size_t place = 0; place < kUtf8Places; ++place) {
    if (from[place]) found |= find_ends(expr, place);
  }
  return found;
}

Utf8Places Utf8Bounds::ends(Grammar::Expr expr, std::int64_t min,
                            std::int64_t max, Utf8Places from) {
  return behind_rounds(min, max, from,
                       [&](Utf8Places places) { return ends(expr, places); });
}

bool Utf8Bounds::is_whole(Grammar::Expr expr) {
  const Utf8Places from = Utf8Places().set(kBetweenOnly);
  return (ends(expr, from) & ~from).none();
}

void Utf8Bounds::look_at(Body body) {
  BodyEnds& its = bodies_.at(body);
  its.is_open = false;
  const Body before = std::exchange(current_, body);
  const std::int64_t time_before = std::exchange(time_, ++last_time_);
  const auto rule = static_cast<std::int64_t>(body / kUtf8Places);
  const Utf8Places found =
      find_ends(rule == grammar_.rules()
                    ? grammar_.start()
                    : grammar_.body(static_cast<Grammar::Rule>(rule)),
                body % kUtf8Places);
  current_ = before;
  time_ = time_before;
  if (found == its.ends) return;
  its.ends = found;
  for (const Body user : its.users) {
    BodyEnds& users = bodies_.at(user);
    if (!users.is_open) open_.push_back(user);
    users.is_open = true;
  }
}

Utf8Places Utf8Bounds::find_ends(Grammar::Expr expr, std::size_t place) {
  const Grammar::Node& node = grammar_.node(expr);
  if (node.parts.empty()) return ends_of_node(node, place);
  const std::size_t key = key_of(expr, place);
  const ExprEnds& known = exprs_[key];
  if (known.time == time_) return known.ends;
  ++depth_;
  const Utf8Places found = ends_of_node(node, place);
  --depth_;
  return (exprs_[key] = {found, time_}).ends;
}

Utf8Places Utf8Bounds::ends_of_node(const Grammar::Node& node,
                                    std::size_t place) {
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
      for (const Grammar::Expr part : node.parts) found = ends(part, found);
      return found;
    case Kind::kChoice:
      for (const Grammar::Expr part : node.parts) found |= ends(part, from);
      return found;
    case Kind::kRepeat:
      return ends(node.parts[0], node.min, node.max, from);
    case Kind::kCall:
      return ends_of_call(node.rule, place);
    case Kind::kTable:
      break;  // grammars that are written have none
  }
  return found;
}

// A body that was not asked for before is looked at at once, unless that goes
// too deep. Where something was missing, the bodies that it changes are looked
// at again.
Utf8Places Utf8Bounds::ends_of_call(Grammar::Rule rule, std::size_t place) {
  const Body body = key_of(rule, place);
  if (settled_) {
    const auto known = bodies_.find(body);
    return known == bodies_.end() ? Utf8Places() : known->second.ends;
  }
  const auto [known, is_new] = bodies_.try_emplace(body);
  BodyEnds& its = known->second;
  if (is_new && depth_ < kMostDepthAtOnce) {
    look_at(body);
  } else if (is_new) {
    open_.push_back(body);
  }
  its.users.insert(current_);
  return its.ends;
}

}  // namespace pilotfish
