#!/usr/bin/env bash
# Installs the Debian packages of packages.txt that are missing (and any named
# as arguments); with --program first, only those that the program needs. Quiet
# and quick when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

only=()
if [ "${1:-}" = --program ]; then
  only=(-e '/^# Tests and benchmarks need/,$d')
  shift
fi
mapfile -t wanted < <(
  sed "${only[@]}" -e 's/#.*//' -e '/^[[:space:]]*$/d' packages.txt)
wanted+=("$@")
missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

give_up() {
  echo "setup: $1; install these packages and try again: ${missing[*]}" >&2
  exit 1
}
command -v apt-get >/dev/null || give_up "this is not a Debian system (no apt-get)"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || give_up "not root, and sudo is not installed"
  as_root=(sudo)
fi

echo "setup: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update -q &&
       "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1
then
  tail -n 15 "$log" >&2
  give_up "apt-get failed (its last lines stand above)"
fi
