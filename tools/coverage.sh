#!/usr/bin/env bash
# `make coverage`: line coverage of src/ by the tests, a line a file and the sum
# last. The instruction sets this processor lacks run emulated or not at all.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh clang llvm

cmake --preset coverage >/dev/null
cmake --build --preset coverage
rm -rf build/coverage/profiles
LLVM_PROFILE_FILE=$PWD/build/coverage/profiles/%m.profraw \
  ctest --preset coverage

llvm-profdata merge -sparse build/coverage/profiles/*.profraw \
  -o build/coverage/all.profdata
objects=()
while IFS= read -r program; do
  objects+=(-object "$program")
done < <(find build/coverage -type f -perm -u+x -name '*_test')
llvm-cov report build/coverage/pilotfish "${objects[@]}" \
  -instr-profile build/coverage/all.profdata \
  -ignore-filename-regex '(_test\.cc|/tests/.*|/usr/.*|/testing/.*)$' \
  -show-region-summary=false -show-branch-summary=false
