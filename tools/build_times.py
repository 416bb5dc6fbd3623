#!/usr/bin/env python3
"""Where the time of a build goes, read from ninja's log.

  tools/build_times.py [LOG]                 per target, and the slowest steps
  tools/build_times.py [LOG] --against OLD   beside an earlier log or a record
  tools/build_times.py [LOG] --write RECORD  keeps the seconds per target

LOG is a .ninja_log or the folder it lies in (default: build/release). Ninja
logs the wall-clock time of each step, so figures are those of a clean build,
with one job per processor (ninja -j$(nproc)), on a machine that does nothing
else, without ccache.

With --against the exit status is 1 where a target takes more than --tolerance
(default 0.25) longer than before. Machines differ in speed: what counts is how
a target's ratio stands to the median of all ratios.
"""

import argparse
import collections
import pathlib
import re
import signal
import statistics
import sys

SMALL = 3.0  # seconds; below them a target's ratio is noise


def read_log(path):
    """{output: seconds}, one entry per step, the newest run of each."""
    newest = {}
    for line in path.read_text().splitlines()[1:]:
        start, end, _, output, command = line.split("\t")
        newest[output] = (int(start), int(end), command)
    steps = {}
    for output, step in newest.items():
        # A step with several outputs has a line for each.
        steps.setdefault(step, output)
    return {output: (end - start) / 1000
            for (start, end, _), output in steps.items()}


def target_of(output):
    """The CMake target that an output belongs to."""
    match = re.search(r"([^/]+)\.dir/", output)
    return match[1] if match else "archives, programs and the rest"


def by_target(steps):
    seconds, count = collections.Counter(), collections.Counter()
    for output, taken in steps.items():
        seconds[target_of(output)] += taken
        count[target_of(output)] += 1
    return seconds, count


def read(path):
    """Seconds per target, of a log or of what --write wrote."""
    path = pathlib.Path(path)
    if path.is_dir():
        path = path / ".ninja_log"
    if path.read_text().startswith("# ninja log"):
        return by_target(read_log(path))[0]
    words = [line.split("\t") for line in path.read_text().splitlines()
             if line and not line.startswith("#")]
    return collections.Counter({name: float(taken) for name, taken in words})


def show(steps, top):
    seconds, count = by_target(steps)
    print(f"{sum(seconds.values()):9.1f} s {len(steps):5} steps\n")
    for name, taken in seconds.most_common():
        print(f"{taken:9.1f} s {count[name]:5} {name}")
    print(f"\nThe {top} slowest:")
    for output, taken in sorted(steps.items(), key=lambda step: -step[1])[:top]:
        name = re.sub(r"CMakeFiles/([^/]+)\.dir/", r"\1: ", output)
        print(f"{taken:9.1f} s       {name}")


def compare(now, before, tolerance):
    """Prints both; the targets that have become slower."""
    common = [name for name in now
              if now[name] >= SMALL and before.get(name, 0) >= SMALL]
    speed = statistics.median([now[name] / before[name] for name in common]
                              or [1.0])
    print(f"median ratio {speed:.2f} (how fast this machine is beside the "
          "other one)\n")
    slower = []
    for name in sorted(set(now) | set(before), key=lambda n: -now.get(n, 0)):
        old, new = before.get(name, 0.0), now.get(name, 0.0)
        # What is new, or was small, is held against the smallest that counts.
        expected = max(old, SMALL) * speed
        mark = ""
        if new > SMALL and new > expected * (1 + tolerance):
            slower.append(name)
            mark = f"  {new / expected:.2f} times what was to be expected"
        print(f"{old:9.1f} s -> {new:9.1f} s  {name}{mark}")
    print(f"{sum(before.values()):9.1f} s -> {sum(now.values()):9.1f} s  "
          "together")
    return slower


def main():
    # A reader that went away (`| head`) ends the program without a word.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", default="build/release")
    parser.add_argument("--top", type=int, default=20, metavar="N")
    parser.add_argument("--against", metavar="OLD")
    parser.add_argument("--tolerance", type=float, default=0.25)
    parser.add_argument("--write", metavar="RECORD")
    options = parser.parse_args()
    try:
        if options.against:
            slower = compare(read(options.log), read(options.against),
                             options.tolerance)
            if slower:
                sys.exit("build_times: slower than before: " +
                         ", ".join(slower))
            return
        log = pathlib.Path(options.log)
        steps = read_log(log / ".ninja_log" if log.is_dir() else log)
        show(steps, options.top)
        if options.write:
            with open(options.write, "w") as record:
                record.write("# Seconds per target: tools/build_times.py\n")
                for name, taken in by_target(steps)[0].most_common():
                    record.write(f"{name}\t{taken:.1f}\n")
    except OSError as error:
        sys.exit(f"build_times: {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
