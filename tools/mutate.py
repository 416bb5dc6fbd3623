#!/usr/bin/env python3
"""Puts small mistakes into the sources, one at a time, and says which test
notices each.

  tools/mutate.py                  every mistake that no earlier run noticed
  tools/mutate.py engine text      those of some areas
  tools/mutate.py --only NAME...   those of some names
  tools/mutate.py --again          also those that an earlier run noticed
  tools/mutate.py --check          only checks that every mistake can be put in

An area is a file tools/mutations/AREA.toml. It begins with the tests that are
run for its mistakes, the cheapest first, each a test program and perhaps a
GoogleTest filter:

  tests = ["text_test:-Unicode*", "cli_test:Tokenize*"]

  [[mutation]]
  name = "a-short-name"
  file = "src/text/utf8.cc"
  wrong = "What a user would suffer from."
  text = "size < 4"     # occurs exactly once in the file
  with = "size <= 4"

The work is done in a copy of the tree (--scratch, by default build/mutants),
which is compiled file by file and without much optimisation. A test that fails
without any mistake stops the run, for it would notice everything. The exit
status is 0 if every mistake was noticed, and 1 otherwise.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Far more than the tests of an area take; a mistake may make one hang.
SECONDS = 600


class Failure(Exception):
    """What the run cannot go on after, in one line."""


def read_areas(folder):
    """{area: (tests, mutations)} of all files in the folder."""
    areas = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            content = tomllib.loads(path.read_text())
            for mutation in content["mutation"]:
                for key in ("name", "file", "wrong", "text", "with"):
                    if not isinstance(mutation[key], str):
                        raise TypeError(f"{key} is not a string")
                mutation["area"] = path.stem
            areas[path.stem] = (content["tests"], content["mutation"])
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise Failure(f"{path}: {error}") from error
    return areas


def mutated(root, mutation):
    """The text of the file with the mistake in it."""
    path = root / mutation["file"]
    where = f"{mutation['area']}: {mutation['name']}"
    if not path.is_file():
        raise Failure(f"{where}: there is no file {mutation['file']}")
    content = path.read_text()
    count = content.count(mutation["text"])
    if count != 1:
        raise Failure(f"{where}: its text occurs {count} times in "
                      f"{mutation['file']}; once is expected")
    if mutation["text"] == mutation["with"]:
        raise Failure(f"{where}: it changes nothing")
    return content.replace(mutation["text"], mutation["with"])


def check(root, mutations):
    """What is wrong with the mutations, a line each."""
    problems = []
    names = set()
    for mutation in mutations:
        if mutation["name"] in names:
            problems.append(f"{mutation['area']}: {mutation['name']} is there "
                            "twice")
        names.add(mutation["name"])
        try:
            mutated(root, mutation)
        except Failure as failure:
            problems.append(str(failure))
    return problems


def copy_tree(root, tree):
    """Brings `tree` up to date; files that are alike keep their times, so that
    nothing is compiled again. Returns a hash of all contents."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], check=True, capture_output=True, text=True)
    names = {name for name in listed.stdout.split("\0")
             if name and (root / name).is_file()}
    digest = hashlib.sha256()
    for name in sorted(names):
        source, copy = root / name, tree / name
        content = source.read_bytes()
        digest.update(name.encode() + b"\0" + content)
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)  # not its time: it is new here
    for copy in list(tree.rglob("*")):
        name = str(copy.relative_to(tree))
        if copy.is_file() and name not in names and name[:6] != "build/":
            copy.unlink()
    shared, link = root.parent / "shared", tree.parent / "shared"
    if shared.is_dir() and not link.exists():  # what some tests need
        link.symlink_to(shared)
    return digest.hexdigest()


class Workshop:
    """A copy of the tree, its build and what is known from earlier runs."""

    def __init__(self, root, scratch, jobs):
        self.tree = scratch / "tree"
        self.build_folder = self.tree / "build" / "mutants"
        self.state_file = scratch / "state.json"
        self.jobs = jobs
        self.tree.mkdir(parents=True, exist_ok=True)
        self.hash = copy_tree(root, self.tree)
        self.state = {"passed": {}, "noticed": {}}
        if self.state_file.is_file():
            self.state = json.loads(self.state_file.read_text())
        if not (self.build_folder / "build.ninja").is_file():
            self.configure()

    def configure(self):
        command = ["cmake", "-S", self.tree, "-B", self.build_folder, "-G",
                   "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                   "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",
                   "-DCMAKE_UNITY_BUILD=OFF", "-DPILOTFISH_BENCH=OFF"]
        if "CMAKE_CXX_COMPILER_LAUNCHER" not in os.environ and shutil.which(
                "ccache"):  # each file is compiled again without its mistake
            command.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def remember(self, kind, key, value):
        self.state[kind][key] = value
        self.state_file.write_text(json.dumps(self.state, indent=1))

    def build(self, program):
        """Whether the program could be built."""
        return subprocess.run(
            ["ninja", "-C", self.build_folder, f"-j{self.jobs}", program],
            stdout=subprocess.DEVNULL).returncode == 0

    def program(self, name):
        for folder in ("src", "tests", "src/cli", "src/web"):
            path = self.build_folder / folder / name
            if path.is_file():
                return path
        raise Failure(f"{name}: no such test program was built")

    def run(self, test):
        """The first test that fails, or None."""
        name, _, tests = test.partition(":")
        command = [self.program(name), "--gtest_fail_fast"]
        if tests:
            command.append(f"--gtest_filter={tests}")
        try:
            result = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, timeout=SECONDS, cwd=self.tree)
            output, ends = result.stdout, ""
            if result.returncode == 0:
                return None
        except subprocess.TimeoutExpired as expired:
            output, ends = expired.stdout or b"", " hangs"
        output = output.decode(errors="replace")
        failed = re.search(r"^\[  FAILED  \] ([\w./]+)", output, re.M)
        started = re.findall(r"^\[ RUN      \] ([\w./]+)", output, re.M)
        if failed:
            return f"{name} {failed[1]}"
        return f"{name} {started[-1] if started else ''}{ends or ' dies'}"

    def require_passing(self, test):
        """Builds the test's program, and stops if it fails as it is."""
        if not self.build(test.partition(":")[0]):
            raise Failure(f"{test}: does not build, without any mistake")
        if self.state["passed"].get(test) == self.hash:
            return
        failed = self.run(test)
        if failed:
            raise Failure(f"{failed}: fails without any mistake")
        self.remember("passed", test, self.hash)

    def outcome(self, mutation, tests):
        """Puts the mistake in, and takes it out again."""
        path = self.tree / mutation["file"]
        right = path.read_text()
        path.write_text(mutated(self.tree, mutation))
        try:
            for test in tests:
                if not self.build(test.partition(":")[0]):
                    return "did not build"
                if noticed := self.run(test):
                    return noticed
            return "NOT NOTICED"
        finally:
            path.write_text(right)


def key_of(mutation):
    return hashlib.sha256(json.dumps(mutation, sort_keys=True).encode()
                          ).hexdigest()


def report(outcome, mutation):
    print(f"{mutation['area']:<12} {mutation['name']:<40} {outcome}",
          flush=True)


def run(workshop, areas, wanted, again):
    """Returns how many of the wanted mutations were noticed."""
    count = 0
    for tests, mutations in areas.values():
        todo = []
        for mutation in (m for m in mutations if wanted(m)):
            known = workshop.state["noticed"].get(key_of(mutation))
            if known and not again:
                report(f"{known} (before)", mutation)
                count += 1
            else:
                todo.append(mutation)
        if todo:
            for test in tests:
                workshop.require_passing(test)
        for mutation in todo:
            outcome = workshop.outcome(mutation, tests)
            report(outcome, mutation)
            if outcome not in ("NOT NOTICED", "did not build"):
                workshop.remember("noticed", key_of(mutation), outcome)
                count += 1
    return count


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="AREA")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--root", type=pathlib.Path, default=ROOT,
                        help="the tree to work on (default: this one)")
    parser.add_argument("--scratch", type=pathlib.Path)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    areas = read_areas(root / "tools" / "mutations")
    mutations = [m for _, of_area in areas.values() for m in of_area]

    for kind, given, known in (
            ("area", arguments.areas, areas),
            ("mutation", arguments.only, {m["name"] for m in mutations})):
        for name in given:
            if name not in known:
                raise Failure(f"{name}: there is no such {kind}")
    if problems := check(root, mutations):
        raise Failure("\n".join(problems))
    if arguments.check:
        count = len(mutations)
        print(f"{count} mutation{'s' * (count != 1)} can be put in")
        return 0

    def wanted(mutation):
        return ((not arguments.areas or mutation["area"] in arguments.areas)
                and (not arguments.only or mutation["name"] in arguments.only))

    scratch = (arguments.scratch or root / "build" / "mutants").resolve()
    workshop = Workshop(root, scratch, arguments.jobs)
    noticed = run(workshop, areas, wanted, arguments.again)
    total = sum(map(wanted, mutations))
    print(f"{noticed} of {total} noticed")
    return 0 if noticed == total else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"mutate: {failure}")
