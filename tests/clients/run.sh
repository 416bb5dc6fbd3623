#!/bin/sh
# What clients say of the server, where this machine has them; else 77, which
# ctest counts as skipped.
program=$(realpath "$1") || exit 2
cd "$(dirname "$0")" || exit 1
skip() {
  echo "skipped: $1; .ci/run installs what is needed"
  exit 77
}
command -v node >/dev/null || skip "node is missing"
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] ||
  skip "node is older than 20"
[ -d node_modules/openai ] || skip "node_modules is missing"
exec node run.js "$program"
