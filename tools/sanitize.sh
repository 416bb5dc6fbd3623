#!/usr/bin/env bash
# `make sanitize`: the tests under AddressSanitizer and
# UndefinedBehaviorSanitizer, then those that run threads under
# ThreadSanitizer. The first report fails it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh clang llvm

export UBSAN_OPTIONS=print_stacktrace=1
echo "sanitize: asan"
cmake --preset asan >/dev/null
cmake --build --preset asan
# The tests of 200,000 trials do what others do, for hours under a sanitizer.
trials=(Lossless Statistics StatisticalControl StatisticsControl)
GTEST_FILTER=-$(printf '*%s*.*:' "${trials[@]}") ctest --preset asan

echo "sanitize: tsan"
cmake --preset tsan >/dev/null
cmake --build --preset tsan --target \
  base_test kernels_test model_test backends_test constraint_test \
  speculative_loop_test engine_test server_test
suites=(ThreadTeam Kernels Linear Model Forward KvCache Matcher Decoder Judge
  Engine Service Http TextRun Completions Routes)
GTEST_FILTER=$(printf '*%s*:' "${suites[@]}") ctest --preset tsan -R \
  '^(base|kernels|model|backends|constraint|speculative_loop|engine|server)_test'
