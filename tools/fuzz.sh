#!/usr/bin/env bash
# `make fuzz`: runs every fuzzer, of parsers and of generation, for ARGS seconds
# each (default 600).
# What one finds lands in build/fuzz/found/; a case that is fixed belongs into
# fuzz/corpus/NAME/, which the unit tests replay.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh clang llvm
seconds=${1:-600}

cmake --preset fuzz -DPILOTFISH_TESTS=OFF -DPILOTFISH_EXAMPLES=OFF >/dev/null
cmake --build --preset fuzz
mkdir -p build/fuzz/found
for source in fuzz/*_fuzz.cc; do
  target=$(basename "$source" .cc)
  name=${target%_fuzz}
  grown=build/fuzz/corpus/$name
  mkdir -p "$grown"
  echo "fuzz: $name for $seconds s"
  "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/found/$name-" "$grown" "fuzz/corpus/$name"
done
