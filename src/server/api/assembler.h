#ifndef PILOTFISH_SERVER_API_ASSEMBLER_H_
#define PILOTFISH_SERVER_API_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/answers.h"
#include "pilotfish/engine.h"
#include "pilotfish/service.h"
#include "pilotfish/tokenizer.h"
#include "server/api/reasoning.h"

namespace pilotfish::server {

// What tells calls of tools from the text around them.
struct AnswerFormat {
  AnswerRules rules;
  ToolSyntax syntax;
};

// A token of a text, with its log-probabilities.
struct ScoredToken {
  Token token = -1;
  TokenLogprobs logprobs;
  std::int64_t offset = 0;  // of its first character in the text
};

// A token as it was generated.
struct SaidToken {
  Token token = -1;
  std::string text;  // that became certain with it
  Origin origin = Origin::kBonus;
  // How probable it was to the target and to the draft, where it was drafted.
  std::optional<double> target_probability = std::nullopt;
  std::optional<double> draft_probability = std::nullopt;
};

// An iteration that brought tokens.
struct SaidPass {
  std::int64_t drafted = 0;
  std::int64_t places = 0;
  std::int64_t accepted = 0;
  std::int64_t emitted = 0;
  double draft_seconds = 0;
  double verify_seconds = 0;
};

// What has come of a text since the last time.
struct Delta {
  std::string reasoning;
  std::string content;
  std::vector<ToolCallDelta> calls;
  std::vector<ScoredToken> scored;  // where log-probabilities are asked for
  // The prompt's, from its second token on; they come once.
  std::vector<TokenLogprobs> prompt_scores;
  std::vector<SaidToken> said;   // where tokens are asked for
  std::vector<SaidPass> passes;  // that brought them

  bool empty() const {
    return reasoning.empty() && content.empty() && calls.empty() &&
           scored.empty() && prompt_scores.empty() && said.empty();
  }
};

// Makes the pieces of a text, however they come, into what clients are told.
// Log-probabilities go with their text: what a stop string has cut off has
// none, and neither has the token that ended the text, unless those of the
// prompt are asked for too: then there is one for each token.
class Assembler {
 public:
  struct Options {
    bool splits_reasoning = false;
    bool opens_reasoning = false;  // see ReasoningSplitter
    bool wants_tokens = false;
    std::shared_ptr<const AnswerFormat> format = nullptr;  // null: all is text
  };

  // `tokenizer` must outlive it.
  Assembler(const Tokenizer& tokenizer, const Request& request,
            const Options& options);

  void add(const TextPiece& piece);
  // Brings what the pieces have not, all of it where there were none. Requires:
  // there were pieces, if tokens are wanted.
  void finish(const Generation& generation);

  // What has become certain. Tokens come a pass at a time.
  Delta take();

  // Tokens up to the end of what was thought.
  std::int64_t reasoning_tokens(const Generation& generation) const;

 private:
  void add_mark(Token token);
  void add_text(std::string_view text);
  void tell(const Spoken& spoken);
  void tell(ToolCallReader::Read read);
  void skip_resumed(const Request& request);
  void add_prompt_scores(const std::vector<TokenLogprobs>& scores);
  void add_scored(Token token, const TokenLogprobs& logprobs);
  void release_scored(std::size_t kept);
  void release_said(const IterationStats& iteration);

  const Tokenizer& tokenizer_;
  const Options options_;
  const std::vector<Token> context_;  // the prompt, and what was resumed
  const bool scores_end_;
  ReasoningSplitter splitter_;
  std::optional<ToolCallReader> calls_;
  std::size_t told_ = 0;    // bytes of what was resumed
  std::size_t length_ = 0;  // bytes of the text so far
  std::int64_t tokens_ = 0;
  bool has_prompt_scores_ = false;
  Delta ready_;

  // A token whose text has not come yet, or not all of it.
  struct Waiting {
    ScoredToken scored;
    std::size_t begin;  // of its text, in bytes
    std::size_t end;
  };
  std::optional<TextStream> stream_;  // of tokens, whatever stop strings hold
  std::deque<Waiting> waiting_;
  std::size_t stream_length_ = 0;
  std::int64_t stream_characters_ = 0;

  // Special tokens that are parts of calls stand in no text, but belong into
  // what is read. Their places wait here until the text in front has come.
  struct Mark {
    std::string_view text;
    std::size_t place;  // in bytes of the text
  };
  std::optional<TextStream> marked_;  // the text that they stand in
  std::size_t marked_length_ = 0;
  std::deque<Mark> marks_;

  std::vector<SaidToken> pass_;  // its tokens until it is complete
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_ASSEMBLER_H_
