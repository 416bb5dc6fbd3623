#ifndef PILOTFISH_LAB_SERVER_CHECK_H_
#define PILOTFISH_LAB_SERVER_CHECK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/lab/selfcheck.h"
#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "pilotfish/tokenizer.h"

// The lossless check of selfcheck.h through a running server: what it answers
// is compared with what its target model says here.
namespace pilotfish {

// What a server is asked for: texts that follow one prompt.
struct ServedRequest {
  std::vector<Token> prompt;
  // All of it holds, whatever the server's defaults are; bad words are none.
  // Text i has the seed sampling.seed + i.
  SamplingParams sampling;
  std::vector<Token> stop_ids = {};
  bool ignore_eos = false;
  std::int64_t max_tokens = 1;
  std::int64_t texts = 1;
  // As Request's. nullopt: the server's own.
  std::optional<std::int64_t> window = std::nullopt;
  std::string acceptor = {};  // empty: the server's own
  std::string drafter = {};   // names; empty: all that the server has
  std::string prediction = {};
  std::string cache_salt = {};
};

struct ServedText {
  std::string text;
  std::vector<Token> tokens;  // the stop token included
  std::int64_t drafted = 0;   // tokens, for this text
  std::int64_t accepted = 0;
};

// A way to a server. Any number of threads use it at once. Its functions throw
// Error where the server cannot be reached, refuses, or gives no right answer.
class TextServer {
 public:
  virtual ~TextServer() = default;

  // What decides where a request names no acceptor.
  virtual std::string acceptor() const = 0;
  // What drafts where a request names no drafters.
  virtual std::vector<std::string> drafters() const = 0;
  // [request.texts]
  virtual std::vector<ServedText> generate(const ServedRequest& request) = 0;
  // Has the texts streamed, and goes away once so many bytes have come, or the
  // end.
  virtual void abandon(const ServedRequest& request, std::int64_t bytes) = 0;
};

// Greedy and reproducible texts must be those of plain decoding here, byte for
// byte: plain and speculative, one and several at once, with prefixes that the
// server's cache has and has not, beside clients that go away in mid-stream.
// Sampled texts must have the distribution that `model.target` has. Requests
// for something else go through the same tests, which must notice.
//
// `model.draft` and the options' acceptors and windows are not used.
// `tokenizer` may be null: tokens alone are compared. Throws UsageError for
// options out of range, and what the server throws.
Selfcheck check_server(TextServer& server, const SelfcheckPair& model,
                       std::shared_ptr<const Tokenizer> tokenizer,
                       const SelfcheckOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SERVER_CHECK_H_
