#include "pilotfish/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "answers/answer_grammar.h"
#include "answers/tool_syntax.h"
#include "constraint/automaton.h"
#include "constraint/effort.h"

namespace pilotfish {
namespace {

constexpr std::size_t kMostKept = 32;

// Texts whose lengths stand in front of them, so that different rules give
// different keys.
class KeyWriter {
 public:
  void add(std::string_view text) {
    key_ += fmt::format("{}:{}", text.size(), text);
  }
  void add(int number) { key_ += fmt::format("{},", number); }
  void add(const JsonSchemaOptions& json) {
    add(static_cast<int>(json.whitespace));
    add(json.keep_order ? 1 : 0);
    add(json.lenient ? 1 : 0);
  }
  std::string key() && { return std::move(key_); }

 private:
  std::string key_;
};

std::string key_of(const AnswerRules& rules, const ToolSyntax& syntax) {
  KeyWriter key;
  key.add(syntax.name());
  key.add(rules.text ? static_cast<int>(rules.text->kind) : -1);
  if (rules.text) {
    key.add(static_cast<int>(rules.text->sources.size()));
    for (const std::string& source : rules.text->sources) key.add(source);
    key.add(rules.text->json);
  }
  key.add(static_cast<int>(rules.thinking));
  key.add(static_cast<int>(rules.calls));
  key.add(rules.many_calls ? 1 : 0);
  for (const Tool& tool : rules.tools) {
    key.add(tool.name);
    key.add(tool.parameters);
    key.add(tool.lenient ? 1 : 0);
  }
  return std::move(key).key();
}

}  // namespace

std::shared_ptr<const Constraint> answer_constraint(const AnswerRules& rules,
                                                    const ToolSyntax& syntax) {
  const Effort effort;
  const Grammar grammar = answer_grammar(rules, syntax.impl());
  try {
    return std::make_shared<const Constraint>(Automaton::compile(grammar));
  } catch (const UsageError& error) {
    throw BadRule(rules.text ? rules.text->where : rules.tools.front().where,
                  error.what());
  }
}

struct AnswerConstraints::Impl {
  struct Kept {
    std::string key;
    std::shared_ptr<const Constraint> constraint;
  };

  // The latest used last.
  std::shared_ptr<const Constraint> find(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(kept, key, &Kept::key);
    if (found == kept.end()) return nullptr;
    std::rotate(found, found + 1, kept.end());
    return kept.back().constraint;
  }

  std::mutex mutex;
  std::deque<Kept> kept;
};

AnswerConstraints::AnswerConstraints() : impl_(std::make_unique<Impl>()) {}
AnswerConstraints::~AnswerConstraints() = default;

std::shared_ptr<const Constraint> AnswerConstraints::get(
    const AnswerRules& rules, const ToolSyntax& syntax) {
  std::string key = key_of(rules, syntax);
  if (auto found = impl_->find(key)) return found;
  auto constraint = answer_constraint(rules, syntax);
  const std::lock_guard lock(impl_->mutex);
  impl_->kept.push_back({std::move(key), constraint});
  if (impl_->kept.size() > kMostKept) impl_->kept.pop_front();
  return constraint;
}

}  // namespace pilotfish
