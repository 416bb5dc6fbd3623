#include <algorithm>
#include <optional>
#include <utility>

#include "answers/answer_grammar.h"
#include "answers/arguments_reader.h"
#include "answers/free_text.h"
#include "answers/tagged_arguments.h"
#include "answers/tool_syntax.h"
#include "pilotfish/answers.h"

namespace pilotfish {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kIdLength = 9;

// What a text may begin with, and how far it does.
struct Match {
  enum class Kind { kNone, kMaybe, kWhole };
  Kind kind = Kind::kNone;
  std::size_t which = 0;  // of those that were asked for
  std::size_t length = 0;
};

Match match(std::string_view text, const std::vector<std::string>& words) {
  Match found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (text.starts_with(words[i])) {
      return {Match::Kind::kWhole, i, words[i].size()};
    }
    if (std::string_view(words[i]).starts_with(text)) {
      found.kind = Match::Kind::kMaybe;
    }
  }
  return found;
}

}  // namespace

struct ToolCallReader::Impl {
  enum class State {
    kBeginning,  // of the answer: a call, or what announces a text
    kText,
    kOpening,  // a trigger was read, of which `held` has the rest
    kName,
    kArguments,
    kBehind,  // the arguments
    kNext,    // another call, or what closes them all
    kDone,
  };

  Impl(const AnswerRules& rules, const ToolSyntax& tool_syntax);

  // Each takes what it can off `held`; false: more text is needed.
  bool step(Read& read);
  bool read_beginning();
  bool read_text(Read& read);
  bool read_opening(Read& read);
  bool read_name(const Match& name, std::size_t names);
  bool read_arguments(Read& read);
  bool read_behind();
  bool read_next();

  void begin_call(std::size_t tool);
  ToolCallDelta& delta(Read& read) const;
  std::string without_marks(std::string text) const;

  const ToolSyntax syntax;
  const ToolFormat& format;
  std::vector<std::string> tools;
  std::vector<std::map<std::string, bool>> members;  // [tool], of kTagged
  // Each is as it is read; those with names have one for each tool.
  std::vector<std::string> beginnings;  // [opening * tools + tool]
  std::vector<std::string> openings;    // the same, behind a text
  std::vector<std::string> names;       // [tool]
  std::vector<std::string> before_texts;
  std::string trigger, behind, again;
  bool anywhere = false;  // calls may come behind a text
  bool many = false;

  State state = State::kBeginning;
  std::string held;
  std::size_t calls = 0;
  std::optional<std::size_t> named;  // a tool whose name is not told yet
  JsonEnd json_end;
  std::optional<TaggedReader> tagged;
};

ToolCallReader::Impl::Impl(const AnswerRules& rules,
                           const ToolSyntax& tool_syntax)
    : syntax(tool_syntax), format(syntax.impl().format) {
  const ToolSyntax::Impl& spelling = syntax.impl();
  for (const std::string& words : spelling.before_texts()) {
    before_texts.push_back(spelling.read(words));
  }
  if (!rules.may_call()) return;
  trigger = spelling.read(format.trigger);
  behind = spelling.read(format.behind_arguments);
  many = rules.many_calls && !format.again.empty();
  if (many) again = spelling.read(format.again);
  anywhere = !rules.text && !trigger.empty();
  for (const Tool& tool : rules.tools) {
    tools.push_back(tool.name);
    names.push_back(tool.name + spelling.read(format.behind_name));
    if (format.arguments == ToolFormat::Arguments::kTagged) {
      members.push_back(tagged_members(arguments_schema(tool)));
    }
  }
  const auto with_names = [&](const std::vector<std::string_view>& before) {
    std::vector<std::string> all;
    for (const std::string_view opening : before) {
      for (const std::string& name : names) {
        all.push_back(spelling.read(opening) + name);
      }
    }
    return all;
  };
  beginnings = with_names(spelling.first_openings());
  openings = with_names(spelling.openings());
}

bool ToolCallReader::Impl::step(Read& read) {
  switch (state) {
    case State::kBeginning:
      return read_beginning();
    case State::kText:
      return read_text(read);
    case State::kOpening:
      return read_opening(read);
    case State::kName:
      return read_name(match(held, names), names.size());
    case State::kArguments:
      return read_arguments(read);
    case State::kBehind:
      return read_behind();
    case State::kNext:
      return read_next();
    case State::kDone:
      held.clear();
      return false;
  }
  return false;
}

bool ToolCallReader::Impl::read_beginning() {
  const Match call = match(held, beginnings);
  if (call.kind == Match::Kind::kWhole) return read_name(call, names.size());
  const Match text = match(held, before_texts);
  if (call.kind == Match::Kind::kMaybe || text.kind == Match::Kind::kMaybe) {
    // A trigger decides: what follows is a call, be it cut.
    const bool decides = anywhere && !syntax.announces_text();
    if (decides && held.starts_with(trigger)) state = State::kOpening;
    return false;
  }
  if (text.kind == Match::Kind::kWhole) held.erase(0, text.length);
  state = State::kText;
  return true;
}

bool ToolCallReader::Impl::read_text(Read& read) {
  std::size_t certain = held.size();
  bool calls_now = false;
  if (anywhere) {
    const std::size_t found = held.find(trigger);
    calls_now = found != std::string::npos;
    certain = calls_now ? found : certain - tail_that_begins(held, trigger);
    // White space in front of a call is no part of the text.
    while (certain > 0 && kSpace.find(held[certain - 1]) != kSpace.npos) {
      --certain;
    }
    if (calls_now) {
      read.text += held.substr(0, certain);
      held.erase(0, found);
      state = State::kOpening;
      return true;
    }
  }
  read.text += held.substr(0, certain);
  held.erase(0, certain);
  return false;
}

bool ToolCallReader::Impl::read_opening(Read& read) {
  const Match call = match(held, openings);
  if (call.kind != Match::Kind::kNone) return read_name(call, names.size());
  // Only without the constraint that these rules make.
  read.text += held.substr(0, trigger.size());
  held.erase(0, trigger.size());
  state = State::kText;
  return true;
}

bool ToolCallReader::Impl::read_name(const Match& name, std::size_t count) {
  if (name.kind == Match::Kind::kNone) {
    state = State::kDone;
    return true;
  }
  if (name.kind == Match::Kind::kMaybe) return false;
  held.erase(0, name.length);
  begin_call(name.which % count);
  return true;
}

void ToolCallReader::Impl::begin_call(std::size_t tool) {
  ++calls;
  named = tool;
  json_end = {};
  tagged.reset();
  if (!members.empty()) tagged.emplace(members[tool]);
  state = State::kArguments;
}

// Of the call that is read now.
ToolCallDelta& ToolCallReader::Impl::delta(Read& read) const {
  if (read.calls.empty() || read.calls.back().index != calls - 1) {
    read.calls.push_back({.index = calls - 1});
  }
  return read.calls.back();
}

bool ToolCallReader::Impl::read_arguments(Read& read) {
  ToolCallDelta& told = delta(read);
  if (named) told.name = tools[*std::exchange(named, std::nullopt)];
  bool at_end = false;
  if (tagged) {
    tagged->read(held, told.arguments);
    at_end = tagged->is_at_end();
  } else {
    const std::size_t length = json_end.push(held);
    told.arguments += held.substr(0, length);
    held.erase(0, length);
    at_end = json_end.is_found();
  }
  if (!at_end) return false;
  state = State::kBehind;
  return true;
}

bool ToolCallReader::Impl::read_behind() {
  if (format.has_short_ids && !behind.empty()) {
    const Match id = match(held, {std::string(kIdBegins)});
    const std::size_t length = kIdBegins.size() + kIdLength + 1;
    if (id.kind == Match::Kind::kMaybe) return false;
    if (id.kind == Match::Kind::kWhole) {
      if (held.size() < length) return false;
      held.erase(0, length);
    }
  }
  const Match end = match(held, {behind});
  if (end.kind == Match::Kind::kMaybe) return false;
  held.erase(0, end.length);
  state = end.kind == Match::Kind::kWhole ? State::kNext : State::kDone;
  return true;
}

bool ToolCallReader::Impl::read_next() {
  const Match next = match(held, {again});
  if (many && next.kind == Match::Kind::kMaybe) return false;
  if (many && next.kind == Match::Kind::kWhole) {
    held.erase(0, next.length);
    state = State::kName;
    return true;
  }
  state = State::kDone;  // what closes the calls is told to nobody
  return true;
}

std::string ToolCallReader::Impl::without_marks(std::string text) const {
  std::erase_if(text,
                [](char c) { return static_cast<unsigned char>(c) >= 0xF8; });
  return text;
}

ToolCallReader::ToolCallReader(const AnswerRules& rules,
                               const ToolSyntax& syntax)
    : impl_(std::make_unique<Impl>(rules, syntax)) {}
ToolCallReader::~ToolCallReader() = default;
ToolCallReader::ToolCallReader(ToolCallReader&&) noexcept = default;

ToolCallReader::Read ToolCallReader::push(std::string_view answer) {
  Read read;
  impl_->held += answer;
  while (!impl_->held.empty() && impl_->step(read)) {
  }
  read.text = impl_->without_marks(std::move(read.text));
  return read;
}

ToolCallReader::Read ToolCallReader::finish() {
  Read read;
  const Impl::State state = impl_->state;
  if (state == Impl::State::kBeginning || state == Impl::State::kText) {
    read.text = impl_->without_marks(std::move(impl_->held));
  }
  impl_->held.clear();
  return read;
}

}  // namespace pilotfish
