#!/usr/bin/env bash
# `make run`: builds, then generates text speculatively. Arguments go to
# `pilotfish generate`; without -m among them the pair shipped under models/ is
# used, or, where that is absent, a small model of the tests' data.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -t 2 ] && [ ! -x build/release/pilotfish ]; then
  echo "run: building, a few minutes this first time" >&2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset release &&
       cmake --build --preset release --target pilotfish_cli; } >"$log" 2>&1
then
  tail -n 40 "$log" >&2
  echo "run: the build failed (its last lines stand above)" >&2
  exit 1
fi

arguments=("$@")
has() {
  local flag
  for flag in "${arguments[@]}"; do
    case " $* " in *" ${flag%%=*} "*) return 0 ;; esac
  done
  return 1
}

if ! has -m --model && [ ! -e models/pilotfish-stories ]; then
  stories=${PILOTFISH_TEST_DATA:-../shared/data}/models/stories260K
  if [ ! -e "$stories" ]; then
    echo "run: no model here; give one: make run ARGS=\"-m FOLDER|FILE.gguf -p 'Once upon a time'\"" >&2
    exit 1
  fi
  # The draft is the same model in bfloat16: it shows how speculation works, not
  # how fast it can be.
  arguments+=(-m "$stories")
  has -d --draft || arguments+=(-d "$stories" --draft-dtype bf16)
fi
has -p --prompt -f --file --tokens ||
  arguments+=(-p "Once upon a time")
exec build/release/pilotfish generate "${arguments[@]}"
