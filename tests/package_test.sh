#!/usr/bin/env bash
# Installs a build and uses it as strangers would: through CMake, through
# pkg-config, from another folder, and with an acceptor of their own.
# package_test.sh CMAKE BUILD_FOLDER COMPILER FLAGS
set -euo pipefail
cmake=$1 build=$2 compiler=$3 flags=$4
source=$(cd "$(dirname "$0")/package" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "package_test: $*" >&2
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "$* failed"; }; }

quietly "$cmake" --install "$build" --prefix "$work/first"
mv "$work/first" "$work/prefix"  # nothing may know where it was installed
prefix=$work/prefix
"$prefix/bin/pilotfish" --version

for path in doc/pilotfish/LICENSE doc/pilotfish/examples/generate.cc \
  man/man1/pilotfish.1 man/man1/pilotfish-generate.1 \
  bash-completion/completions/pilotfish zsh/site-functions/_pilotfish \
  fish/vendor_completions.d/pilotfish.fish; do
  [ -s "$prefix/share/$path" ] || fail "$path is not installed"
done

# The only package that a public header includes is nlohmann_json, so that is all
# that find_package may ask for.
foreign=$(grep -rhoE '#include <[^>]*/[^>]*>' "$prefix/include" | sort -u)
[ "$foreign" = "#include <nlohmann/json_fwd.hpp>" ] ||
  fail "public headers include $foreign: adapt cmake/pilotfishConfig.cmake.in"
build_project() {  # SOURCE
  quietly "$cmake" -S "$1" -B "$work/build" -G Ninja --fresh \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
  quietly "$cmake" --build "$work/build"
}
build_project "$source"
"$work/build/consumer" | grep -q no-such-model
build_project "$prefix/share/doc/pilotfish/examples"
models=$prefix/share/pilotfish/models
"$work/build/generate_example" "$models/pilotfish-stories" \
  "$models/pilotfish-stories-draft" "Once upon a time" >/dev/null

# pkg-config, without CMake.
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name pilotfish.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086  # these are lists of arguments
quietly "$compiler" -std=c++20 $flags "$source/consumer.cc" \
  $(pkg-config --cflags --libs pilotfish) -o "$work/consumer"
"$work/consumer" | grep -q no-such-model

# The line that the example gives for an acceptor.
cd "$prefix/share/doc/pilotfish"
line=$(sed -n 's|^//   g++ ||p' examples/custom_acceptor.cc)
[ -n "$line" ] || fail "custom_acceptor.cc does not say how to compile it"
line=${line/-Iinclude/$(pkg-config --cflags pilotfish)}
# shellcheck disable=SC2086
quietly "$compiler" $flags ${line/my.so/$work/my.so}
"$prefix/bin/pilotfish" generate --acceptor "$work/my.so" -p "One day" -n 8 \
  -k 4 2>&1 >/dev/null | grep -q "likely-enough (lossy)"
