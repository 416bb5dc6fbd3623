#!/usr/bin/env python3
"""tools/build_times.py, run on logs written here."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).parent.parent / "tools" / "build_times.py"


class BuildTimesTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def log(self, name, steps):
        """Steps are (milliseconds, output); the path of a log of them."""
        path = pathlib.Path(self.folder.name) / name
        lines = ["# ninja log v5"]
        for i, (taken, output) in enumerate(steps):
            lines.append(f"1000\t{1000 + taken}\t0\t{output}\t{i:x}")
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def run_program(self, *arguments):
        return subprocess.run([sys.executable, PROGRAM, *arguments],
                              capture_output=True, text=True)

    def test_a_target_is_the_sum_of_its_newest_steps(self):
        log = self.log("log", [(90000, "src/CMakeFiles/text.dir/a.cc.o"),
                               (4000, "src/CMakeFiles/text.dir/b.cc.o"),
                               (2500, "src/CMakeFiles/text.dir/a.cc.o")])
        result = self.run_program(log)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("6.5 s     2 text\n", result.stdout)

    def test_a_step_with_two_outputs_counts_once(self):
        path = pathlib.Path(self.log("log", [(5000, "x.dir/a.o")]))
        path.write_text(path.read_text() + "1000\t6000\t0\tx.dir/a.d\t0\n")
        self.assertIn("5.0 s     1 steps", self.run_program(str(path)).stdout)

    def test_what_became_slower_is_named(self):
        old = self.log("old", [(10000, "x.dir/a.o"), (10000, "y.dir/a.o"),
                               (10000, "z.dir/a.o")])
        new = self.log("new", [(10000, "x.dir/a.o"), (10000, "y.dir/a.o"),
                               (15000, "z.dir/a.o")])
        result = self.run_program(new, "--against", old)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "build_times: slower than before: z\n")

    def test_a_slower_machine_is_no_regression(self):
        old = self.log("old", [(10000, "x.dir/a.o"), (20000, "y.dir/a.o")])
        new = self.log("new", [(30000, "x.dir/a.o"), (60000, "y.dir/a.o")])
        result = self.run_program(new, "--against", old)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("median ratio 3.00", result.stdout)

    def test_a_record_stands_for_its_log(self):
        old = self.log("old", [(10000, "x.dir/a.o"), (20000, "y.dir/a.o")])
        record = str(pathlib.Path(self.folder.name) / "record")
        self.run_program(old, "--write", record)
        result = self.run_program(old, "--against", record)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("30.0 s ->      30.0 s  together", result.stdout)

    def test_a_missing_log_is_said_in_a_line(self):
        result = self.run_program("/no/such/log")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr,
                         "build_times: /no/such/log: No such file or "
                         "directory\n")


if __name__ == "__main__":
    unittest.main()
