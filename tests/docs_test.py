#!/usr/bin/env python3
"""Runs the commands that README, the guide and the models' cards show.

docs_test.py PROGRAM [--slow] [--update | --update-figures] [FILE...]

A fenced block whose first line begins with "$ " is a transcript: commands, each
followed by what it prints. The commands run in a scratch folder that looks like
the root of the project, and what they print is compared without figures that
differ between machines: times, rates, shares, other fractions, the instruction
set. `…` stands for anything, a line of it for any number of lines. A command that
is shown without output only has to succeed. Lines of prose may be wrapped.

Links between the project's pages are followed too, down to the heading.

What cannot run is marked by a comment above the block, which no reader sees:

    <!-- not run: REASON -->
    <!-- slow: REASON -->       runs with --slow only

--update rewrites the blocks that differ by what the program prints;
--update-figures rewrites all that run.
"""

import argparse
import dataclasses
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = ["README.md", "docs/guide.md", "models/pilotfish-stories/README.md",
         "models/pilotfish-stories-draft/README.md"]
MARK = re.compile(r"<!-- (not run|slow): (.*) -->")
WIDTH = 96  # where --update wraps prose
TIMEOUT = 300  # seconds for a command; a slow one has ten times as many

# A figure: a number with a fraction or an exponent, or one with a unit.
UNIT = r"\s?(?:%|(?:us|µs|ms|s|min|h|x|[KMGT]i?B|tokens/s|GB/s)\b)"
FIGURE = re.compile(rf"[-+]?\d+(?:\.\d+)?e[-+]?\d+(?:{UNIT})?"
                    rf"|[-+]?\d+\.\d+(?:{UNIT})?|[-+]?\d+{UNIT}")
# What belongs to a machine: its name, its threads, the window that is best there.
MACHINE = re.compile(
    r"^machine .*$|\b(?:scalar|avx2|avx512(?:_vnni|_bf16)?)\b"
    r"|\b\d+(?: and \d+)? threads?\b|(?<= )-k \d+\b", re.M)


@dataclasses.dataclass
class Step:
    """A command and the lines shown below it."""
    line: int  # of the command, from 1
    command: str
    shown: list
    first: int  # the lines of `shown`, in the file, from 0
    last: int


@dataclasses.dataclass
class Block:
    line: int
    lines: list
    mark: str = ""  # "", "not run" or "slow"
    reason: str = ""
    steps: list = dataclasses.field(default_factory=list)


def blocks_of(lines):
    """The fenced blocks that are transcripts or ought to say why they are not."""
    blocks = []
    start = None
    for i, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = i
            continue
        if lines[start][3:].strip() in ("", "sh", "console"):
            blocks.append(block_at(lines, start, i))
        start = None
    return blocks


def block_at(lines, start, end):
    block = Block(start + 1, lines[start + 1:end])
    mark = MARK.fullmatch(lines[start - 1].strip()) if start else None
    if mark:
        block.mark, block.reason = mark.groups()
    i = start + 1
    while i < end:
        if not lines[i].startswith("$ "):
            if not block.mark:
                raise SystemExit(f"line {i + 1}: not a command's output; begin "
                                 "the block with `$ ` or mark it")
            i += 1
            continue
        command_line = i
        command = lines[i][2:]
        while command.endswith("\\"):
            i += 1
            command = command[:-1] + lines[i].strip()
        i += 1
        first = i
        while i < end and not lines[i].startswith("$ "):
            i += 1
        block.steps.append(
            Step(command_line + 1, command, lines[first:i], first, i))
    return block


def essence(text):
    """The text without figures, and with every gap as one blank."""
    text = FIGURE.sub("#", MACHINE.sub("@", text))
    return " ".join(text.split())


def is_gap(line):
    return line.strip() in ("…", "...")


def agrees(shown, printed):
    text = "\n".join("…" if is_gap(line) else line for line in shown)
    parts = [re.escape(essence(part)) for part in text.split("…")]
    return re.fullmatch(r"\s*.*?\s*".join(parts), essence(printed),
                        re.DOTALL) is not None


def wrapped(printed):
    """The lines printed, prose among them wrapped; tables are left alone."""
    result = []
    for line in printed.rstrip("\n").split("\n"):
        prose = len(line) > WIDTH and "  " not in line
        result += textwrap.wrap(line, WIDTH, break_long_words=False,
                                break_on_hyphens=False) if prose else [line]
    return [line.rstrip() for line in result]


def most_alike(line, candidates):
    """The index of the candidate most like a line; None if none is."""
    best, best_ratio = None, 0.6
    for i, candidate in enumerate(candidates):
        ratio = difflib.SequenceMatcher(
            None, essence(line), essence(candidate), autojunk=False).ratio()
        if ratio > best_ratio:
            best, best_ratio = i, ratio
    return best


def renewed(shown, printed):
    """What to show of the lines printed: the parts that were shown before."""
    printed = wrapped(printed)
    parts, gaps = [[]], 0
    for line in shown:
        if is_gap(line):
            parts.append([])
            gaps += 1
        else:
            parts[-1].append(line)
    result, at = [], 0
    for i, part in enumerate(parts):
        if i > 0:
            result.append("…")
        if not part:
            continue
        start, end = at, len(printed)
        if i > 0:
            found = most_alike(part[0], printed[at:])
            if found is None:
                raise ValueError(f"nothing printed is like “{part[0]}”")
            start = at + found
        if i + 1 < len(parts):
            found = most_alike(part[-1], printed[start:])
            if found is None:
                raise ValueError(f"nothing printed is like “{part[-1]}”")
            end = start + found + 1
        result += printed[start:end]
        at = end
    return result


class Scratch:
    """A folder that looks like the project's root, with the program in PATH."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        for name in ("models", "examples", "include"):
            (self.path / name).symlink_to(ROOT / name)
        (self.path / "bin").mkdir()
        (self.path / "bin" / "pilotfish").symlink_to(program)

    def run(self, command, timeout):
        """The exit status, and what a terminal would show.

        The statistics come after the text. Unless told otherwise the commands
        run on AVX2, where every machine gives the same texts.
        """
        environment = {
            "PATH": f"{self.path}/bin:{os.environ['PATH']}",
            "HOME": str(self.path),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "PILOTFISH_ISA": os.environ.get("PILOTFISH_ISA", "avx2"),
        }
        result = subprocess.run(
            ["bash", "-c", command], cwd=self.path, env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=timeout, check=False)
        printed = result.stdout
        if printed and not printed.endswith("\n"):
            printed += "\n"
        printed += result.stderr
        for folder in (ROOT, self.path):
            printed = printed.replace(f"{folder}/", "")
        return result.returncode, printed


def anchors_of(path):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading))
            .lower().replace(" ", "-") for heading in headings}


def all_pages():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("docs", "models", "training"):
        pages += sorted((ROOT / folder).rglob("*.md"))
    return pages


def broken_commands():
    """"PAGE: SCRIPT" for each script that is shown as a command and cannot be
    run as one."""
    command = re.compile(r"^(?: {4})?(?:\$ )?((?:bench|tests|tools|training)"
                         r"/[\w/]+\.(?:py|sh))\b", re.M)
    return [f"{page.relative_to(ROOT)}: {script}" for page in all_pages()
            for script in command.findall(page.read_text(encoding="utf-8"))
            if not os.access(ROOT / script, os.X_OK)]


def broken_links():
    """"PAGE: LINK" for each link to a page or heading that is not there."""
    broken = []
    for page in all_pages():
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link:
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists() or (
                    anchor and anchor not in anchors_of(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    return broken


class Check:

    def __init__(self, options):
        self.options = options
        self.ran = 0
        self.not_run = []
        self.failures = 0
        self.slowest = (0.0, "")

    def fail(self, place, message):
        self.failures += 1
        print(f"{place}: {message}\n", flush=True)

    def check_file(self, name):
        path = ROOT / name
        lines = path.read_text(encoding="utf-8").split("\n")
        scratch = Scratch(self.options.program)
        changes = []  # (first, last, lines), in order
        for block in blocks_of(lines):
            if block.mark == "not run" or (block.mark == "slow" and
                                           not self.options.slow):
                self.not_run.append(f"{name}:{block.line}: {block.reason}")
                continue
            for step in block.steps:
                changes += self.check_step(name, block, step, scratch)
        if not changes:
            return
        for first, last, new in reversed(changes):
            lines[first:last] = new
        path.write_text("\n".join(lines), encoding="utf-8")
        print(f"{name}: {len(changes)} outputs rewritten")

    def check_step(self, name, block, step, scratch):
        """Compares, and returns what to change in the file."""
        place = f"{name}:{step.line}: {step.command}"
        began = time.monotonic()
        try:
            status, printed = scratch.run(
                step.command, TIMEOUT * (10 if block.mark == "slow" else 1))
        except subprocess.TimeoutExpired:
            self.fail(place, "takes too long")
            return []
        self.ran += 1
        self.slowest = max(self.slowest, (time.monotonic() - began, place))
        if status != 0 and "pilotfish: " not in "\n".join(step.shown):
            self.fail(place, f"status {status}\n{printed}")
            return []
        if not step.shown:
            return []
        same = agrees(step.shown, printed)
        if self.options.update_figures or (self.options.update and not same):
            try:
                return [(step.first, step.last, renewed(step.shown, printed))]
            except ValueError as error:
                self.fail(place, f"rewrite it by hand: {error}\n{printed}")
                return []
        if not same:
            difference = "\n".join(difflib.unified_diff(
                step.shown, wrapped(printed), "shown", "printed", lineterm=""))
            self.fail(place, f"prints something else\n{difference}")
        return []

    def report(self):
        print(f"{self.ran} commands ran, the slowest for "
              f"{self.slowest[0]:.1f} s: {self.slowest[1]}")
        print(f"{len(self.not_run)} blocks did not:")
        for line in self.not_run:
            print(f"  {line}")
        if self.failures:
            print(f"{self.failures} failures; tests/docs_test.py PROGRAM "
                  "--update rewrites outputs")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("files", nargs="*", default=FILES)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--update-figures", action="store_true")
    check = Check(parser.parse_args())
    for link in broken_links():
        check.fail(link, "leads nowhere")
    for command in broken_commands():
        check.fail(command, "is shown as a command, but is none")
    for name in check.options.files:
        check.check_file(name)
    check.report()
    if check.ran == 0:
        print("no command ran")
    sys.exit(1 if check.failures or check.ran == 0 else 0)


if __name__ == "__main__":
    main()
