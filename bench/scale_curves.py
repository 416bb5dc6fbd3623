#!/usr/bin/env python3
"""Llama-2-70B with its 7B on 1 to 64 ranks, as four plots in one SVG.

Usage: bench/scale_curves.py build/release/pilotfish [-o scale.svg]

All of it is arithmetic, by `pilotfish plan --ranks 1..64`: a rank is one socket
of an EPYC 9755 (12 channels of DDR5-6400) at 0.8 of its bandwidth. Needs
Debian's python3-matplotlib.
"""

import argparse
import json
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402  (after its output's choice)

BANDWIDTH = 0.8 * 12 * 8 * 6.4  # GB/s
NETWORKS = {"10gbe": "10 GbE, TCP", "25gbe": "25 GbE, RoCE",
            "100gbe": "100 GbE, RoCE", "shared": "shared memory"}


def curve(program, dtype, network, *more):
    """The lines of the plan's table, one for each number of ranks."""
    out = subprocess.run(
        [program, "plan", "-m", "llama-2-70b", "-d", "llama-2-7b",
         "--dtype", dtype, "--bandwidth", f"{BANDWIDTH:.2f}",
         "--verify-cost", "5=1.1", "--ranks", "1..64", "--network", network,
         *more, "--json"], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)["curve"]


def milliseconds(rows, key):
    return {row["ranks"]: 1e3 * row[key] for row in rows}


def of_type(program, dtype):
    whole = curve(program, dtype, "100gbe", "--tp-draft", "1")
    split = curve(program, dtype, "100gbe", "--tp-draft", "all")
    rough = curve(program, dtype, "100gbe", "--jitter", "0.2")
    return {
        "plain, ranks up to 20 % slower at random":
            milliseconds(rough, "plain_tpot_seconds"),
        "plain": milliseconds(whole, "plain_tpot_seconds"),
        "speculative, draft on rank 0":
            milliseconds(whole, "speculative_tpot_seconds"),
        "speculative, draft split":
            milliseconds(split, "speculative_tpot_seconds"),
    }


def by_network(program, key, *more):
    return {label: milliseconds(curve(program, "q4_k_m", name, *more), key)
            for name, label in NETWORKS.items()}


def plot(axes, title, lines):
    for name, values in lines.items():
        axes.plot(values.keys(), values.values(), label=name)
    axes.set_title(title)
    axes.set_xlabel("ranks")
    axes.set_ylabel("ms a token")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("-o", "--output", default="scale.svg")
    options = parser.parse_args()

    program = options.program
    plots = [
        ("Q4_K_M, 100 GbE", of_type(program, "q4_k_m")),
        ("BF16, 100 GbE", of_type(program, "bf16")),
        ("Q4_K_M, plain", by_network(program, "plain_tpot_seconds")),
        ("Q4_K_M, speculative, draft split",
         by_network(program, "speculative_tpot_seconds",
                    "--tp-draft", "all")),
    ]
    matplotlib.rcParams["svg.hashsalt"] = "scale"  # the same file each time
    figure, grid = pyplot.subplots(2, 2, figsize=(11, 8))
    for axes, (title, lines) in zip(grid.flat, plots):
        plot(axes, title, lines)
        print(f"{title} (ms a token, by ranks)")
        for name, values in lines.items():
            print(f"  {name}: " + ", ".join(
                f"{n}: {values[n]:.3g}" for n in (1, 2, 4, 8, 16, 32, 64)))
    figure.tight_layout()
    figure.savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
