#!/usr/bin/env bash
# `make bench`: builds the Google Benchmark suites and runs each; ARGS go to them
# (--benchmark_filter=...).
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
cmake --build --preset release
for suite in build/release/bench/*_bench; do
  "$suite" --benchmark_min_warmup_time=0.2 "$@"
done
