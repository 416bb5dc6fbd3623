#ifndef PILOTFISH_SERVER_API_TEXT_RUN_H_
#define PILOTFISH_SERVER_API_TEXT_RUN_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pilotfish/service.h"
#include "server/api/answer.h"
#include "server/context.h"
#include "server/exchange.h"

namespace pilotfish::server {

class TextRun;

// Keeps the runs that are not at their end. Whoever destroys it cancels them.
class ActiveRuns {
 public:
  void add(std::shared_ptr<TextRun> run) { runs_.insert(std::move(run)); }
  void remove(const std::shared_ptr<TextRun>& run) { runs_.erase(run); }
  std::size_t size() const { return runs_.size(); }

 private:
  std::set<std::shared_ptr<TextRun>> runs_;
};

// Generates the texts of one answer and writes them in a route's shape. Nothing
// waits: the service's thread posts to the loop when there is something to
// take. All of it runs on the loop's thread.
class TextRun : public std::enable_shared_from_this<TextRun> {
 public:
  struct Options {
    bool streams = false;
    bool wants_tokens = false;
    bool splits_reasoning = false;
  };

  // Submits all of `wanted` and answers when they come. What cannot be
  // submitted is refused in the route's shape. May be called on another thread
  // with a LaterExchange: then all of that happens on the loop's, soon.
  static void start(ServerContext& context, ActiveRuns& runs,
                    std::shared_ptr<Exchange> exchange,
                    std::vector<WantedText> wanted,
                    std::unique_ptr<AnswerShape> shape, const Options& options);

  ~TextRun();
  TextRun(const TextRun&) = delete;
  TextRun& operator=(const TextRun&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  // The way from the service's thread to the loop, open as long as the run.
  struct Link {
    std::mutex mutex;
    Exchange* exchange = nullptr;  // null: closed
  };
  // A text on its way.
  struct Running {
    std::optional<Ticket> ticket;  // nullopt: at its end
    std::unique_ptr<Assembler> assembler;
  };

  TextRun(ServerContext& context, ActiveRuns& runs,
          std::shared_ptr<Exchange> exchange, std::vector<WantedText> wanted,
          std::unique_ptr<AnswerShape> shape, const Options& options);

  void submit_all();
  void watch();
  void pump();
  void take_all();
  void take_from(std::size_t text);
  void finish_text(std::size_t text, TicketEnd end);
  void report(std::size_t text, TicketEnd end, const std::string& failure);
  bool at_end() const;
  void end();

  void tell(std::size_t text, Delta delta);
  // The shape's bytes, behind its beginning.
  void write(const std::function<std::string()>& bytes);
  // The answer is an error from here on; what still runs is cancelled.
  void fail(const ApiError& error);
  void cancel_all();
  void retry_later();
  void ping_later();

  ServerContext& context_;
  ActiveRuns& runs_;
  const std::shared_ptr<Exchange> exchange_;
  const std::unique_ptr<AnswerShape> shape_;
  const Options options_;
  const Clock::time_point submitted_ = Clock::now();
  const std::shared_ptr<Link> link_ = std::make_shared<Link>();

  Answer answer_;
  std::vector<Running> running_;  // [answer_.wanted]
  bool began_ = false;            // the stream's first bytes are written
  bool answered_ = false;  // nothing more is written: an error, or nobody reads
  bool retries_ = false;
  bool silent_ = true;  // nothing was written since the last ping
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_TEXT_RUN_H_
