#!/usr/bin/env bash
# `make coverage`: line coverage of src/ by the tests, a line a file and the sum
# last. The instruction sets this processor lacks run emulated or not at all.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh gcovr

cmake --preset coverage >/dev/null
cmake --build --preset coverage
find build/coverage -name '*.gcda' -delete
ctest --preset coverage
gcovr --root . --filter 'src/' --filter 'include/' --exclude '.*_test\.cc' \
  --gcov-ignore-parse-errors build/coverage
