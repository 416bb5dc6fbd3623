#ifndef PILOTFISH_THREADS_H_
#define PILOTFISH_THREADS_H_

#include <memory>

namespace pilotfish {

class ThreadTeam;

// The threads that models compute with. Target and draft should share one team.
// 0 means one a processor this process may run on. Throws UsageError below 0 or
// above 1024.
std::shared_ptr<ThreadTeam> make_threads(int count = 0);

// How many threads a team has, the calling one included.
int thread_count(const ThreadTeam& threads);

}  // namespace pilotfish

#endif  // PILOTFISH_THREADS_H_
