#!/usr/bin/env bash
# `make sanitize`: the unit tests under AddressSanitizer and
# UndefinedBehaviorSanitizer, then everything that runs threads under
# ThreadSanitizer. The first report fails it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh clang llvm

export UBSAN_OPTIONS=print_stacktrace=1
for preset in asan tsan; do
  echo "sanitize: $preset"
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
done
ctest --preset asan
ctest --preset tsan -R 'ThreadTeam|Kernels|Linear|Model|Forward|KvCache|Decoder|Engine'
