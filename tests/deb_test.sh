#!/usr/bin/env bash
# Packs a build as `make package` does, and uses the package from another root.
# deb_test.sh CPACK BUILD_FOLDER
set -euo pipefail
cpack=$1 build=$2
if ! command -v dpkg-shlibdeps >/dev/null || ! command -v file >/dev/null; then
  echo "SKIPPED: dpkg-shlibdeps or file is missing (Debian's dpkg-dev, file)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "deb_test: $*" >&2
  exit 1
}

"$cpack" --config "$build/CPackConfig.cmake" -B "$work" >"$work/log" 2>&1 ||
  { cat "$work/log"; fail "cpack failed"; }
deb=$(echo "$work"/pilotfish_*_"$(dpkg --print-architecture)".deb)
root=$work/root
dpkg-deb -x "$deb" "$root"
dpkg-deb -e "$deb" "$work/control"

for path in bin/pilotfish lib/libpilotfish.a include/pilotfish/engine.h \
  lib/cmake/pilotfish/pilotfishConfig.cmake lib/pkgconfig/pilotfish.pc \
  lib/systemd/system/pilotfish.service share/man/man1/pilotfish.1 \
  share/man/man1/pilotfish-serve.1 share/doc/pilotfish/copyright \
  share/doc/pilotfish/examples/resume.py \
  share/bash-completion/completions/pilotfish \
  share/pilotfish/models/pilotfish-stories/model.safetensors; do
  [ -s "$root/usr/$path" ] || fail "$path is not in the package"
done
[ "$(find "$root" -mindepth 1 -maxdepth 1)" = "$root/usr" ] ||
  fail "it has files outside of /usr"
find "$root" -name __pycache__ | grep -q . && fail "it has Python's caches"

# What it depends on: every library that the program names, and nothing that
# only building needs.
depends=$(sed -n 's/^Depends: //p' "$work/control/control")
for library in libc6 libstdc++6 libssl3 libspdlog libprometheus-cpp-core; do
  [[ $depends == *$library* ]] ||
    fail "it does not depend on $library: $depends"
done
[[ $depends != *-dev* ]] || fail "it depends on what builds it: $depends"
for script in postinst prerm postrm; do
  sh -n "$work/control/$script"
  [ -x "$work/control/$script" ] || fail "$script cannot be run"
done

# It finds its models beside itself.
(cd / && "$root/usr/bin/pilotfish" generate -p "Once upon a time" -n 4 \
  2>"$work/log") | grep -q . || { cat "$work/log"; fail "it does not run"; }

# What the unit runs starts with the unit's own arguments.
unit=$root/usr/lib/systemd/system/pilotfish.service
line=$(sed -n 's|^ExecStart=/usr/bin/pilotfish ||p' "$unit")
line=${line//\$PILOTFISH_OPTIONS/--port 0}
line=${line//\$PILOTFISH_KEYS/}
# shellcheck disable=SC2086  # a list of arguments
"$root/usr/bin/pilotfish" $line >"$work/out" 2>"$work/err" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
# Until it says so, or has ended.
grep -qm 1 '"message":"ready"' \
  <(timeout 300 tail -n +1 -f --pid "$server" "$work/err") ||
  { cat "$work/err"; fail "the unit's command does not serve"; }
kill "$server"
wait "$server" || fail "the unit's command does not end with status 0"

if command -v systemd-analyze >/dev/null; then
  sed "s|=/usr/bin/pilotfish|=$root/usr/bin/pilotfish|" "$unit" \
    >"$work/pilotfish.service"
  systemd-analyze --man=no verify "$work/pilotfish.service" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "systemd refuses the unit"; }
fi
echo "$(basename "$deb"): $(stat -c %s "$deb") bytes, depends on $depends"
