#ifndef PILOTFISH_SERVER_API_ANSWER_H_
#define PILOTFISH_SERVER_API_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/answers.h"
#include "pilotfish/engine.h"
#include "pilotfish/service.h"
#include "server/api/assembler.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/json_text.h"

namespace pilotfish::server {

// A text that a request asks for.
struct WantedText {
  Request request;
  std::size_t prompt = 0;  // which of the request's prompts
  std::string echo = {};   // stands in front of the text
  bool opens_reasoning = false;
  // How calls are told from text; null: all is text.
  std::shared_ptr<const AnswerFormat> format = nullptr;
};

// A call of a tool, as far as it has come.
struct SaidCall {
  std::size_t index = 0;  // in its answer
  std::string name;
  std::string arguments;
};

// A text that has come to its end.
struct SaidText {
  Generation generation;
  std::string reasoning;
  std::string content;
  std::vector<SaidCall> calls;
  std::vector<ScoredToken> scored;
  // Of the prompt's tokens from the second on, where they are asked for.
  std::vector<TokenLogprobs> prompt_scores;
  std::vector<SaidToken> said;
  std::vector<SaidPass> passes;
  std::int64_t reasoning_tokens = 0;
  std::string stop_string;  // that ended it; empty: none did
};

// Counts over all texts of an answer. A prompt counts once, however many texts
// there are for it.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  // Tokens that were drafted from the prediction of a request, not by others.
  std::int64_t predicted = 0;
  std::int64_t accepted_predicted = 0;
};

// An answer: what was asked for, and what has come of it.
struct Answer {
  const ServerContext* context;
  std::string id;  // of the exchange
  std::int64_t created = 0;
  std::string fingerprint;
  std::vector<WantedText> wanted;
  std::vector<SaidText> said = {};  // [wanted]; complete at the end

  const Tokenizer& tokenizer() const { return *context->tokenizer; }
  const std::string& model() const { return context->model.id; }
  Usage usage() const;
};

// How a route writes an answer: as a whole, or as a stream of events, of which
// each function returns the bytes. One object writes one answer.
class AnswerShape {
 public:
  virtual ~AnswerShape() = default;

  virtual OutJson whole(const Answer& answer) = 0;

  virtual std::string begin(const Answer& answer) = 0;
  virtual std::string delta(const Answer& answer, std::size_t text,
                            const Delta& delta) = 0;
  // `answer.said[text]` is complete.
  virtual std::string finish(const Answer& answer, std::size_t text) = 0;
  // Behind the last text's end.
  virtual std::string end(const Answer& answer) = 0;
  // Instead of what would have followed.
  virtual std::string broke_off(const ApiError& error) = 0;
  virtual std::string ping() { return ": ping\n\n"; }

  // Instead of an answer.
  virtual HttpResponse refusal(const ApiError& error) {
    return error_response(error);
  }
};

// "stop" or "length".
std::string_view finish_word(FinishReason reason);
// The answer came to its own end, which was that of its calls.
bool ends_with_calls(const SaidText& said);
// The id of a call, always the same, and such as the model's template takes.
std::string call_id(const Answer& answer, std::size_t text, std::size_t index);

// llama.cpp's figures of one text.
OutJson timings_json(const SaidText& said);
// OpenAI's, of an answer of its completions.
OutJson usage_json(const Usage& usage);

// OpenAI's array of log-probabilities, in the shape of chat.
OutJson logprobs_json(const Tokenizer& tokenizer,
                      const std::vector<ScoredToken>& scored);
// What return_tokens asks for: "tokens", [{"id", "text", "origin", "p", "q"}],
// and the "passes" that brought them, [{"drafted", "accepted", ...}], of which
// a chunk of a stream has one at most, "pass".
void add_said(OutJson& choice, const std::vector<SaidToken>& said,
              const std::vector<SaidPass>& passes, bool streams);

// What a log-probability of -infinity is told as: JSON has none.
double finite_logprob(double logprob);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_ANSWER_H_
