#ifndef PILOTFISH_TEXT_JINJA_VALUE_H_
#define PILOTFISH_TEXT_JINJA_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/marks.h"

namespace pilotfish::jinja {

class Dict;
class Scope;
struct BigInteger;
struct Builtin;
struct Cycler;
struct For;
struct Generator;
struct Joiner;
struct Loop;
struct Macro;
struct Method;
struct Namespace;
struct Sequence;

// What a name or a member that is not there gives: it prints as nothing, and
// most other uses fail with `why`.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

struct None {};

struct String {
  std::string text;
  bool markup = false;   // came from |safe or |escape: + escapes what it meets
  Marks marks = {};      // the bytes of `text` that the conversation gave
  bool is_json = false;  // the arguments of a call, as its sender wrote them

  // Adds text of the template, or text whose marks come along.
  void append(std::string_view own) { text += own; }
  void append(const String& other) { append(other, other.text); }
  // Requires: `part` is a view of `whole.text`.
  void append(const String& whole, std::string_view part) {
    if (!whole.marks.empty()) add_marks(whole, part);
    text += part;
  }
  void add_marks(const String& whole, std::string_view part);
};

// A text that the conversation gave.
String content_string(std::string text);
// A part of `whole`, of which it is a view.
String part_of(const String& whole, std::string_view part);
// Text made from `source` by a change that does not keep track of single bytes:
// marked as a whole if anything in `source` is marked.
String made_from(const String& source, std::string text);

// A Python value. Strings, sequences and dictionaries never change once made
// (the sandbox forbids it), so sharing them cannot form a cycle. What does
// change (namespaces, loops, macros) belongs to the render's Runtime and is
// only pointed at.
class Value {
 public:
  using Storage = std::variant<
      None, Undefined, bool, int64_t, double, std::shared_ptr<const BigInteger>,
      std::shared_ptr<const String>, std::shared_ptr<const Sequence>,
      std::shared_ptr<const Dict>, std::shared_ptr<Generator>,
      std::shared_ptr<const Method>, const Builtin*, Namespace*, Loop*, Cycler*,
      Joiner*, const Macro*>;

  Value() = default;
  explicit Value(bool value) : storage_(value) {}
  explicit Value(int64_t value) : storage_(value) {}
  explicit Value(double value) : storage_(value) {}
  explicit Value(std::shared_ptr<const BigInteger> value)
      : storage_(std::move(value)) {}
  explicit Value(Undefined value) : storage_(std::move(value)) {}
  explicit Value(std::string text, bool markup = false);
  explicit Value(String value);
  explicit Value(std::shared_ptr<const Sequence> value)
      : storage_(std::move(value)) {}
  explicit Value(std::shared_ptr<const Dict> value)
      : storage_(std::move(value)) {}
  explicit Value(std::shared_ptr<Generator> value)
      : storage_(std::move(value)) {}
  explicit Value(std::shared_ptr<const Method> value)
      : storage_(std::move(value)) {}
  explicit Value(const Builtin* value) : storage_(value) {}
  explicit Value(Namespace* value) : storage_(value) {}
  explicit Value(Loop* value) : storage_(value) {}
  explicit Value(Cycler* value) : storage_(value) {}
  explicit Value(Joiner* value) : storage_(value) {}
  explicit Value(const Macro* value) : storage_(value) {}
  // A literal would otherwise become a bool.
  explicit Value(const char*) = delete;

  const Storage& storage() const { return storage_; }
  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(storage_);
  }
  template <typename T>
  const T* get() const {
    return std::get_if<T>(&storage_);
  }

  bool is_none() const { return is<None>(); }
  bool is_undefined() const { return is<Undefined>(); }
  // Null where the value is of another kind.
  const String* string() const { return shared<const String>(); }
  const Sequence* sequence() const { return shared<const Sequence>(); }
  const Dict* dict() const { return shared<const Dict>(); }
  // Python's bool is an int too. Null for one beyond 64 bits.
  const int64_t* integer() const;
  bool is_number() const {
    return is<bool>() || is<int64_t>() || is<double>() ||
           is<std::shared_ptr<const BigInteger>>();
  }
  // Requires: is_number().
  double number() const;

 private:
  template <typename T>
  T* shared() const {
    const auto* pointer = get<std::shared_ptr<T>>();
    return pointer == nullptr ? nullptr : pointer->get();
  }

  Storage storage_;
};

using Values = std::vector<Value>;

// The ordered containers of Python that a template meets.
enum class SequenceKind { kList, kTuple, kRange, kKeys, kValues, kItems };

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  Values items;
  size_t nesting = 1;     // levels of containers, this one included
  bool is_group = false;  // a tuple of groupby: its items have names too
};

// A Python iterator: what is taken from it is gone. Its values are computed
// beforehand, which no template can tell.
struct Generator {
  Values items;
  size_t next = 0;
  size_t nesting = 1;
};

// A dictionary in insertion order. Keys are strings, numbers, booleans or none,
// compared as Python does (1, 1.0 and true are one key).
class Dict {
 public:
  using Entries = std::vector<std::pair<Value, Value>>;

  static bool is_key(const Value& key);

  // Adds or replaces. Requires: is_key(key).
  void set(Value key, Value value);
  void set(std::string_view key, Value value);
  // Null where there is none, or where `key` can be no key.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  const Entries& entries() const { return entries_; }
  size_t nesting() const { return nesting_; }

 private:
  const size_t* find_index(const Value& key) const;

  struct Hash {
    size_t operator()(const Value& key) const;
  };
  struct Equal {
    bool operator()(const Value& a, const Value& b) const;
  };

  Entries entries_;
  std::unordered_map<Value, size_t, Hash, Equal> index_;  // into entries_
  size_t nesting_ = 1;
};

// A function bound to the value it works on: `message.items`.
struct Method {
  const Builtin* function = nullptr;
  Value receiver;
};

struct Namespace {
  Dict attributes;
};

// What `loop` is inside a for block.
struct Loop {
  std::shared_ptr<const Values> items;
  size_t index = 0;  // of the current item, from zero
  size_t depth = 0;  // of recursive loops around this one
  // Of a recursive loop: what is rendered again, and where. Else null.
  const For* body = nullptr;
  std::shared_ptr<Scope> scope;
  Values last_changed;
  bool changed_before = false;
};

// cycler(...): gives its items in turn.
struct Cycler {
  Values items;
  size_t position = 0;
};

// joiner(...): gives nothing when first called, then the separator.
struct Joiner {
  Value separator;
  bool used = false;
};

// The levels of containers in `value`; 0 for what contains nothing.
size_t nesting_of(const Value& value);
size_t nesting_of(const Values& values);

// Python's name of the type, for messages.
std::string_view type_name(const Value& value);

bool is_true(const Value& value);

std::shared_ptr<const Sequence> make_sequence(SequenceKind kind, Values items);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_VALUE_H_
