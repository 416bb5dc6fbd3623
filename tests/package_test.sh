#!/usr/bin/env bash
# Installs a build, then builds and runs a project that finds the package there.
# package_test.sh CMAKE BUILD_FOLDER COMPILER FLAGS
set -euo pipefail
cmake=$1 build=$2 compiler=$3 flags=$4
source=$(cd "$(dirname "$0")/package" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log"
"$work/prefix/bin/pilotfish" --version
"$cmake" -S "$source" -B "$work/build" -G Ninja \
  -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="$flags" >>"$work/log" || { cat "$work/log"; exit 1; }
"$cmake" --build "$work/build" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/build/consumer" | grep -q no-such-model
