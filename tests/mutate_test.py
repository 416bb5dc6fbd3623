#!/usr/bin/env python3
"""tools/mutate.py, run on a tree written here whose only test is a script;
stand-ins for cmake and ninja copy it to where it would be built."""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).parent.parent / "tools" / "mutate.py"

# Fails where the two numbers are not the right ones; nothing looks at the third.
TEST = """#!/bin/sh
first=1
second=2
third=3
echo "[ RUN      ] Toy.First"
if [ $first != 1 ]; then echo "[  FAILED  ] Toy.First (0 ms)"; exit 1; fi
echo "[ RUN      ] Toy.Second"
if [ $second != 2 ]; then kill $$; fi
"""

CMAKE = """#!/bin/sh
mkdir -p "$4" && touch "$4/build.ninja"
"""

NINJA = """#!/bin/sh
cd "$2" && sh -n ../../src/toy.sh 2> /dev/null || exit 1
mkdir -p src && cp ../../src/toy.sh src/toy_test && chmod +x src/toy_test
"""

AREA = 'tests = ["toy_test"]\n'


def mutation(name, text, replacement):
    return (f'[[mutation]]\nname = "{name}"\nfile = "src/toy.sh"\n'
            f'wrong = "It is."\ntext = "{text}"\nwith = "{replacement}"\n')


class MutateTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tree = self.folder / "tree"
        self.write("tree/src/toy.sh", TEST)
        for name, text in (("cmake", CMAKE), ("ninja", NINJA)):
            self.write(f"bin/{name}", text).chmod(stat.S_IRWXU)
        subprocess.run(["git", "init", "--quiet", self.tree], check=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_area(self, *mutations):
        self.write("tree/tools/mutations/toy.toml", AREA + "".join(mutations))

    def run_program(self, *arguments):
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, PROGRAM, "--root", self.tree, "--scratch",
             self.folder / "scratch", *arguments],
            capture_output=True, text=True, env={**os.environ, "PATH": path})

    def outcomes(self, *arguments):
        """{mutation: outcome}, and the line that sums them up."""
        lines = self.run_program(*arguments).stdout.splitlines()
        return ({line.split()[1]: line.split(maxsplit=2)[2]
                 for line in lines[:-1]}, lines[-1])

    def test_it_says_who_noticed_each(self):
        self.write_area(mutation("fails", "first=1", "first=0"),
                        mutation("dies", "second=2", "second=0"),
                        mutation("lives", "third=3", "third=0"),
                        mutation("breaks", "third=3", "third=$("))
        outcomes, sum_of_them = self.outcomes()
        self.assertEqual(outcomes, {"fails": "toy_test Toy.First",
                                    "dies": "toy_test Toy.Second dies",
                                    "lives": "NOT NOTICED",
                                    "breaks": "did not build"})
        self.assertEqual(sum_of_them, "2 of 4 noticed")
        # The sources are as they were, here and there.
        for tree in (self.tree, self.folder / "scratch" / "tree"):
            self.assertEqual((tree / "src" / "toy.sh").read_text(), TEST)
        # What was noticed is not tried again unless asked for.
        outcomes, _ = self.outcomes("--only", "fails", "lives")
        self.assertEqual(outcomes, {"fails": "toy_test Toy.First (before)",
                                    "lives": "NOT NOTICED"})
        outcomes, _ = self.outcomes("--only", "fails", "--again")
        self.assertEqual(outcomes, {"fails": "toy_test Toy.First"})

    def test_a_change_of_the_tree_reaches_the_copy(self):
        self.write_area(mutation("third", "third=3", "third=0"))
        self.assertEqual(self.run_program("toy").returncode, 1)
        self.write("tree/src/toy.sh",
                   TEST + "if [ $third != 3 ]; then exit 1; fi\n")
        self.assertEqual(self.run_program("toy").returncode, 0)

    def test_texts_that_do_not_occur_once_are_refused(self):
        self.write_area(mutation("gone", "fourth=4", "fourth=0"),
                        mutation("many", "echo", "true"),
                        mutation("same", "first=1", "first=1"),
                        mutation("same", "first=1", "first=2"))
        result = self.run_program("--check")
        self.assertEqual(result.returncode, 1)
        self.assertIn("toy: gone: its text occurs 0 times", result.stderr)
        self.assertIn("toy: many: its text occurs 3 times", result.stderr)
        self.assertIn("toy: same: it changes nothing", result.stderr)
        self.assertIn("toy: same is there twice", result.stderr)
        self.write_area(mutation("first", "first=1", "first=2"))
        result = self.run_program("--check")
        self.assertEqual(result.stdout, "1 mutation can be put in\n")

    def test_a_test_that_fails_anyway_stops_the_run(self):
        self.write_area(mutation("first", "first=1", "first=2"))
        self.write("tree/src/toy.sh", TEST.replace("second=2", "second=3"))
        result = self.run_program()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "mutate: toy_test Toy.Second dies: "
                         "fails without any mistake\n")

    def test_unknown_names_are_refused(self):
        self.write_area(mutation("first", "first=1", "first=2"))
        self.assertEqual(self.run_program("tools").stderr,
                         "mutate: tools: there is no such area\n")
        self.assertEqual(self.run_program("--only", "last").stderr,
                         "mutate: last: there is no such mutation\n")


if __name__ == "__main__":
    unittest.main()
