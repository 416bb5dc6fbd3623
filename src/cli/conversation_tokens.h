#ifndef PILOTFISH_CLI_CONVERSATION_TOKENS_H_
#define PILOTFISH_CLI_CONVERSATION_TOKENS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "pilotfish/chat_template.h"
#include "pilotfish/engine.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// The tokens of a conversation so far. A template renders all of it anew for
// each turn; what has been said keeps the tokens that it really had, as far as
// the text is the same, so that the engine finds them in its cache. Encoding an
// answer's text again can give other tokens than those that were sampled.
class ConversationTokens {
 public:
  // `tokenizer` must outlive this. `parse_special`: special tokens are read in
  // people's text too.
  ConversationTokens(const Tokenizer& tokenizer, bool parse_special)
      : tokenizer_(tokenizer), parse_special_(parse_special) {}

  // The prompt for a conversation as it is rendered. Where the text departs
  // from what is known (a template that leaves out what a model thought, a turn
  // that was dropped), tokens are encoded anew from the last place in common.
  std::vector<Token> encode(const RenderedChat& chat) const;

  // The conversation is now this prompt, of these tokens, and its answer.
  void remember(const RenderedChat& chat, std::vector<Token> prompt,
                const Generation& answer);

 private:
  // A place where text and tokens can be cut.
  struct Cut {
    size_t text = 0;
    size_t tokens = 0;
  };

  bool agrees(const Cut& cut, const RenderedChat& chat) const;
  std::vector<Token> encode_to(const RenderedChat& chat, size_t end) const;

  const Tokenizer& tokenizer_;
  bool parse_special_;
  std::string text_;
  std::vector<Token> tokens_;
  std::vector<Cut> cuts_;  // the ends of prompts and answers, ascending
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_CONVERSATION_TOKENS_H_
