#!/bin/sh
# The page tests, where this machine has what they need; else 77, which ctest
# counts as skipped.
program=$(realpath "$1")
cd "$(dirname "$0")" || exit 1
skip() {
  echo "skipped: $1 is missing; .ci/run installs it"
  exit 77
}
command -v node >/dev/null || skip node
command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null ||
  skip chromium
[ -d node_modules/playwright-core ] || skip playwright-core
exec node run.js "$program"
