#include "cli/conversation.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// Removes the oldest user message and its answer, and returns the message. The
// newest message always stays; nullopt: only that is left.
std::optional<std::string> drop_oldest_turn(
    std::vector<ChatMessage>& messages) {
  const auto first =
      messages.begin() + (messages.front().role == "system" ? 1 : 0);
  if (messages.end() - first < 3) return std::nullopt;
  std::string text = std::move(first->content).value_or("");
  messages.erase(first, first + 2);
  return text;
}

}  // namespace

Conversation::Conversation(const Tokenizer& tokenizer, ChatTemplate chat,
                           const Options& options)
    : template_(std::move(chat)),
      options_(options),
      tokens_(tokenizer, options.parse_special) {}

void Conversation::reset(const std::optional<std::string>& system) {
  messages_.clear();
  if (system) messages_.push_back({"system", *system, ""});
}

NextTurn Conversation::ask(const std::string& message) const {
  NextTurn turn = {.messages = messages_};
  turn.messages.push_back({"user", message, ""});
  while (true) {
    turn.rendered = template_.render_chat(turn.messages);
    turn.prompt = tokens_.encode(turn.rendered);
    const std::int64_t size = std::ssize(turn.prompt);
    if (size + options_.reserve <= options_.n_positions) return turn;
    if (auto dropped = drop_oldest_turn(turn.messages)) {
      turn.dropped.push_back(std::move(*dropped));
      continue;
    }
    if (size < options_.n_positions) return turn;
    throw Error(fmt::format(
        "the message does not fit: with what the template adds it has {} "
        "tokens, and n_positions is {} (--n-positions); the conversation "
        "is as it was before it",
        size, options_.n_positions));
  }
}

void Conversation::answered(NextTurn turn, const Generation& answer) {
  tokens_.remember(turn.rendered, std::move(turn.prompt), answer);
  messages_ = std::move(turn.messages);
  messages_.push_back({"assistant", answer.text, ""});
}

}  // namespace pilotfish::cli
