#!/bin/sh
# usage: instruction_set_symbols.sh OBJECT...
#
# Code compiled for an instruction set must not define a symbol that the linker
# could choose for other code (an inline function of a shared header, say): a
# processor without the instructions would run it. Each object under
# kernels/cpu/SET, except the scalar set's, may define names of namespace
# pilotfish::SET and no others (what clang notes for coverage is data).
set -eu
checked=0
failed=0
for object in "$@"; do
  case $object in
    */kernels/cpu/scalar/*) continue ;;
    */kernels/cpu/*/*) ;;
    *) continue ;;
  esac
  checked=$((checked + 1))
  set_name=$(basename "$(dirname "$object")")
  strangers=$(nm --extern-only --defined-only "$object" | awk -v set="$set_name" '
    BEGIN { own = "^_ZN9pilotfish" length(set) set }
    $3 ~ /^__(covrec|llvm|prof)/ { next }
    { if ($2 ~ /[VWvwu]/ || $3 !~ own) print $2, $3 }')
  if [ -n "$strangers" ]; then
    echo "$object defines names outside pilotfish::$set_name:"
    echo "$strangers" | c++filt
    failed=1
  fi
done
if [ "$checked" -eq 0 ]; then
  echo "no objects of instruction sets among the arguments"
  exit 1
fi
exit $failed
