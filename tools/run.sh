#!/usr/bin/env bash
# `make run`: builds, then generates text speculatively. Arguments go to
# `pilotfish generate`, which without -m takes the pair under models/.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -t 2 ] && [ ! -x build/release/pilotfish ]; then
  echo "run: building, some minutes this first time" >&2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! tools/build.sh >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "run: the build failed (its last lines stand above)" >&2
  exit 1
fi

# Stories are livelier off the most probable path.
[ $# -eq 0 ] && set -- -p "Once upon a time" --temperature 0.7
case " $* " in
  *" -p "* | *" --prompt"* | *" -f "* | *" --file"* | *" --tokens"*) ;;
  *) set -- "$@" -p "Once upon a time" ;;
esac
exec build/release/pilotfish generate "$@"
