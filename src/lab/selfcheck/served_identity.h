#ifndef PILOTFISH_LAB_SELFCHECK_SERVED_IDENTITY_H_
#define PILOTFISH_LAB_SELFCHECK_SERVED_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/lab/server_check.h"

namespace pilotfish {

// Compares a server's texts with those of plain decoding here, one by one.
class ServedIdentity {
 public:
  // All must outlive this. `likely`: tokens for parameters that name some.
  ServedIdentity(TextServer& server, const SelfcheckPair& model,
                 std::shared_ptr<const Tokenizer> tokenizer,
                 const SelfcheckOptions& options, std::vector<Token> likely);

  // How many texts `compare` asks for.
  std::int64_t texts() const;
  // What they differ in, and how many clients went away meanwhile.
  std::vector<std::string> description() const;
  // `acceptor`: named in the requests; empty: the server's own.
  IdentityResult compare(const std::string& acceptor, double temperature,
                         std::int64_t window);

 private:
  struct Texts {
    std::string acceptor;
    double temperature = 0;
    std::vector<Request> requests;
    std::vector<Generation> expected;
  };
  struct Run {
    std::int64_t together;
    bool cached;
  };

  // Keeps the latest: ask for one acceptor and temperature after another.
  const Texts& texts_of(const std::string& acceptor, double temperature);
  std::vector<ServedRequest> asked(const Texts& texts,
                                   std::int64_t window) const;
  void run(const Run& run, const Texts& texts,
           const std::vector<ServedRequest>& requests, IdentityResult& result);

  TextServer& server_;
  const SelfcheckPair& model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const SelfcheckOptions& options_;
  std::vector<Token> likely_;
  Texts texts_;
  std::int64_t runs_ = 0;
  std::int64_t neighbours_ = 0;
};

// "plain", "k auto", "k 6"
std::string served_window_text(std::int64_t window);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_SERVED_IDENTITY_H_
