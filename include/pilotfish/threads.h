#ifndef PILOTFISH_THREADS_H_
#define PILOTFISH_THREADS_H_

#include <memory>

namespace pilotfish {

class ThreadTeam;

// The threads that models compute with. Target and draft should share one team.
// 0 means one per processor that this process may use. Throws UsageError below
// 0 or above 1024. Where the system allows no more threads (`ulimit -u`, a
// container's limit of processes) the team is smaller, and results are the same
// but take longer. On a machine of several NUMA nodes, and where memory can be
// placed (topology.h), each thread stays on a node; the calling one only while
// it computes.
std::shared_ptr<ThreadTeam> make_threads(int count = 0);

// How many threads a team has, the calling one included.
int thread_count(const ThreadTeam& threads);
// How many of the threads asked for could not be started.
int missing_threads(const ThreadTeam& threads);

}  // namespace pilotfish

#endif  // PILOTFISH_THREADS_H_
