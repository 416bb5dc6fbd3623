#!/usr/bin/env bash
# Builds the program, build/release/pilotfish. A build folder that is not there
# yet is made for the program alone, which needs fewer packages; `make test` adds
# the tests to it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e build/release/build.ninja ]; then
  cmake --preset release -DPILOTFISH_TESTS=OFF -DPILOTFISH_BENCH=OFF \
    -DPILOTFISH_EXAMPLES=OFF
fi
cmake --build --preset release --target pilotfish_cli
