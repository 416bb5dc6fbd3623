#ifndef PILOTFISH_SERVER_HTTP_LOOP_H_
#define PILOTFISH_SERVER_HTTP_LOOP_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <utility>

namespace pilotfish::server {

// The one thread's queue of work. Exchanges share it, as they may outlive their
// server.
class Loop {
 public:
  boost::asio::io_context& context() { return context_; }

  // Any thread may call it. Dropped once the loop is closed.
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (!closed_) boost::asio::post(context_, std::move(work));
  }

  // Takes no more work, and gets what there is out of the way. Requires: the
  // loop does not run.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    context_.restart();
    context_.poll();
  }

 private:
  boost::asio::io_context context_{1};
  std::mutex mutex_;
  bool closed_ = false;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_LOOP_H_
