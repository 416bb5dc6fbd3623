#!/usr/bin/env python3
"""How time and memory grow, as four plots in one SVG.

Usage: bench/growth.py build/release/pilotfish MODEL [-o growth.svg]
                       [--longest 8192] [--repetitions 3]

A pass over one row against the tokens in the cache, for 1 and 2 threads and
for f16 and q8_0 caches; prefill against its length; memory against positions
and sequences. Needs Debian's python3-matplotlib. The model must have as many
positions as the longest context.
"""

import argparse
import json
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (after the choice of its output)


def doubling(first, last):
    return [first * 2**i for i in range(64) if first * 2**i <= last]


def run(options, *arguments):
    out = subprocess.run([options.program, *map(str, arguments), "--json"],
                         check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def decoding(options, threads, kv_dtype):
    """{tokens in the cache: milliseconds of a pass over one row}"""
    lengths = doubling(64, options.longest)
    result = run(options, "bench", "-m", options.model, "-t", threads,
                 "-p", 0, "-n", 0, "--rows", 2, "-r", options.repetitions,
                 "--contexts", ",".join(map(str, lengths)),
                 "--kv-dtype", kv_dtype)
    return {one["context"]: 1e3 * one["seconds"]["median"]
            for one in result["runs"][0]["contexts"]}


def prefill(options, threads):
    """{tokens: tokens a second}"""
    speeds = {}
    for tokens in doubling(16, min(2048, options.longest)):
        result = run(options, "bench", "-m", options.model, "-t", threads,
                     "-p", tokens, "-n", 0, "--rows", 2,
                     "-r", options.repetitions)
        speeds[tokens] = (
            result["runs"][0]["prefill_tokens_per_second"]["median"])
    return speeds


def label(threads):
    return "1 thread" if threads == 1 else f"{threads} threads"


def memory(options, positions, sequences, kv_dtype):
    needed = run(options, "inspect", options.model, "--n-positions", positions,
                 "--sequences", sequences, "--kv-dtype", kv_dtype)["memory"]
    return needed["total"] / 2**30


def plot(axes, title, x, y, lines):
    for name, values in lines.items():
        axes.plot(values.keys(), values.values(), marker=".", label=name)
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("-o", "--output", default="growth.svg")
    parser.add_argument("--longest", type=int, default=8192)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()

    lengths = doubling(64, options.longest)
    plots = [
        ("A pass over one row", "tokens in the cache", "ms",
         {f"{label(threads)}, {kv}": decoding(options, threads, kv)
          for threads in (1, 2) for kv in ("f16", "q8_0")}),
        ("Prefill", "tokens", "tokens/s",
         {label(threads): prefill(options, threads)
          for threads in (1, 2)}),
        ("Memory, one sequence", "positions", "GiB",
         {kv: {n: memory(options, n, 1, kv) for n in lengths}
          for kv in ("f16", "q8_0")}),
        (f"Memory, {options.longest} positions each", "sequences", "GiB",
         {kv: {n: memory(options, options.longest, n, kv)
               for n in doubling(1, 32)}
          for kv in ("f16", "q8_0")}),
    ]
    figure, grid = pyplot.subplots(2, 2, figsize=(11, 8))
    for axes, (title, x, y, lines) in zip(grid.flat, plots):
        plot(axes, title, x, y, lines)
        print(f"{title} ({y}, by {x})")
        for name, values in lines.items():
            print(f"  {name}: " + ", ".join(
                f"{n}: {value:.4g}" for n, value in values.items()))
    figure.tight_layout()
    figure.savefig(options.output)


if __name__ == "__main__":
    sys.exit(main())
