#ifndef PILOTFISH_CLI_CONVERSATION_H_
#define PILOTFISH_CLI_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/conversation_tokens.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/engine.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// A user's message on its way to the model: nothing of the conversation has
// changed yet.
struct NextTurn {
  std::vector<ChatMessage> messages;  // the conversation with it
  RenderedChat rendered = {};
  std::vector<Token> prompt = {};
  // Messages of users, with their answers, that no longer fit: the oldest.
  std::vector<std::string> dropped = {};
};

// The messages that a model sees, and their answers.
class Conversation {
 public:
  struct Options {
    std::int64_t n_positions = 0;
    // What a prompt leaves free for its answer where older turns can go.
    std::int64_t reserve = 1;
    bool parse_special = false;  // in messages too
  };

  // `tokenizer` must outlive this.
  Conversation(const Tokenizer& tokenizer, ChatTemplate chat,
               const Options& options);

  // Begins anew, with a system message where there is one.
  void reset(const std::optional<std::string>& system);

  // The conversation with one more message, without its oldest turns where they
  // no longer fit. Throws Error where the message alone does not fit, or the
  // template refuses it; the conversation is as it was in any case.
  NextTurn ask(const std::string& message) const;
  // Makes the turn and its answer a part of the conversation.
  void answered(NextTurn turn, const Generation& answer);

 private:
  ChatTemplate template_;
  Options options_;
  std::vector<ChatMessage> messages_;
  ConversationTokens tokens_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_CONVERSATION_H_
