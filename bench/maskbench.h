#ifndef PILOTFISH_BENCH_MASKBENCH_H_
#define PILOTFISH_BENCH_MASKBENCH_H_

#include <string>

#include "pilotfish/tokenizer.h"

namespace pilotfish {

// Compiles every `every`-th schema of a file of MaskBench's (a JSON object for
// each line) and reads its instances token by token, in one process as a server
// does. Prints what each step took, and how many verdicts were wrong.
void measure_maskbench(const Tokenizer& tokenizer, const std::string& file,
                       int every);

// The thread's own time in microseconds, which other programs do not add to.
double now_us();

}  // namespace pilotfish

#endif  // PILOTFISH_BENCH_MASKBENCH_H_
