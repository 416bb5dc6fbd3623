#ifndef PILOTFISH_SERVER_WORK_THREAD_H_
#define PILOTFISH_SERVER_WORK_THREAD_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace pilotfish::server {

// A thread that does one piece of work after the other, in the order in which
// they come.
class WorkThread {
 public:
  WorkThread();
  // Waits for the work that has begun; drops the rest.
  ~WorkThread();
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  // Any thread may call it. `work` must not throw.
  void post(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_WORK_THREAD_H_
