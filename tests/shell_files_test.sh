#!/usr/bin/env bash
# The manual pages and the completions that the program prints: that the readers
# of their formats accept them, and that bash completes.
# shell_files_test.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failures=0
check() {  # WHAT FOUND WANTED
  [ "$2" = "$3" ] && return
  echo "$1: found \"$2\", wanted \"$3\""
  failures=$((failures + 1))
}

# Pages: one for the program and one for each command that its help lists.
mkdir "$work/man1"
"$program" man -o "$work/man1"
commands=$("$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -gt 10 ]
for command in $commands; do
  page=$work/man1/pilotfish-$command.1
  grep -q "^.SH OPTIONS" "$page"
  # Each flag of the help is in the page. Other programs' names end the help.
  for flag in $("$program" "$command" --help | sed "/^llama.cpp's names/,\$d" |
                sed -n 's/^  \(-[-a-zA-Z,]*\).*/\1/p' | tr , ' '); do
    grep -qF -- "\\fB${flag//-/\\-}\\fR" "$page" ||
      check "$command" "no $flag in its page" "every flag of the help"
  done
done
for page in "$work"/man1/*.1; do
  if command -v man >/dev/null; then
    check "man --warnings $page" \
      "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)" ""
  fi
  if command -v mandoc >/dev/null; then
    check "mandoc $page" "$(mandoc -T lint -W warning "$page" || true)" ""
  fi
done
check "man of no command" "$("$program" man nothing 2>&1)" \
  "pilotfish: man: nothing is not a command"

# bash, as it would ask for the last word.
"$program" completion bash >"$work/bash"
# shellcheck disable=SC1091
source "$work/bash"
complete_words() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _pilotfish
  echo "${COMPREPLY[*]}"
}
cd "$work"
touch "a model.gguf"
check "a command" "$(complete_words pilotfish gen)" "generate"
check "a flag" "$(complete_words pilotfish generate --max-)" "--max-tokens"
check "another command's flag" "$(complete_words pilotfish tokenize --max-)" ""
check "a file" "$(complete_words pilotfish generate -m "a mo")" "a model.gguf"
check "a text" "$(complete_words pilotfish generate -p "a mo")" ""
check "a choice" "$(complete_words pilotfish generate --kv-dtype q8)" "q8_0"
check "a choice after =" "$(complete_words pilotfish score --dtype = q8)" "q8_0"
check "nothing after =" "$(complete_words pilotfish score --dtype =)" \
  "bf16 f16 f32 q8_0 q4_0"
check "an acceptor" "$(complete_words pilotfish generate --acceptor cou)" \
  "coupled"
check "a shape" "$(complete_words pilotfish synth --shape tiny)" \
  "tinyllama-1.1b"
check "a place" "$(complete_words pilotfish inspect "a mo")" "a model.gguf"

# The other shells, where they are here.
"$program" completion zsh >"$work/zsh"
"$program" completion fish >"$work/fish"
grep -q "'--show-draft\[" "$work/zsh" || grep -q -- "--show-draft'*\[" "$work/zsh"
grep -q -- "from generate' -l show-draft -d" "$work/fish"
if command -v zsh >/dev/null; then
  check "zsh -n" "$(zsh -n "$work/zsh" 2>&1)" ""
fi
if command -v fish >/dev/null; then
  check "fish" "$(fish -c "source $work/fish; complete -C'pilotfish gen'" 2>&1 |
                  cut -f1)" "generate"
fi
exit $((failures > 0))
