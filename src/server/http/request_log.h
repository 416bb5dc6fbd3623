#ifndef PILOTFISH_SERVER_HTTP_REQUEST_LOG_H_
#define PILOTFISH_SERVER_HTTP_REQUEST_LOG_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "server/finished_request.h"
#include "server/http/http_options.h"

namespace pilotfish::server {

enum class LogFormat { kText, kJson, kNone };
// "text", "json", "none". Throws UsageError.
LogFormat log_format_of(std::string_view name);

// A line for each request and each text, on standard error. Prompts and texts
// are never among them. Lines are written by a thread of the log's own, and the
// oldest are dropped where nobody reads them: a log holds up no request.
class RequestLog {
 public:
  explicit RequestLog(LogFormat format);
  // The same, to a function, which is called at once.
  RequestLog(LogFormat format, std::function<void(std::string_view)> write);
  ~RequestLog();  // once all lines are written

  void note(const ExchangeRecord& record);
  void note(const FinishedRequest& request);
  // What happens to the server itself.
  void note(std::string_view message);

 private:
  struct Sink;
  LogFormat format_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_REQUEST_LOG_H_
