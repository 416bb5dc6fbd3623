#!/usr/bin/env python3
"""What int8 and bf16 activations cost: perplexity by instruction set.

Usage: bench/perplexity.py build/release/pilotfish --text FILE MODEL...

Pieces of the text are scored on their own. The scalar kernels multiply the
dequantised weights in float32; the table gives what the others add to the
perplexity that comes out.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess

SETS = ["avx2", "avx512", "avx512_vnni", "avx512_bf16"]


def score(options, model, piece, name):
    command = [options.program, "score", "-m", model, "--text", piece, "--json"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "PILOTFISH_ISA": name})
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["log_probabilities"]


def nats(options, model, pieces, name):
    """A token, and how many tokens there were."""
    values = [value for piece in pieces
              for value in score(options, model, piece, name)]
    return -sum(values) / len(values), len(values)


def available(options):
    found = []
    for name in SETS:
        done = subprocess.run([options.program, "score", "-m", options.models[0],
                               "--text", "a"], capture_output=True,
                              env={**os.environ, "PILOTFISH_ISA": name})
        if done.returncode == 0:
            found.append(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--length", type=int, default=1300,
                        help="of a piece, in characters")
    parser.add_argument("--step", type=int, default=40000,
                        help="from one to the next")
    options = parser.parse_args()
    text = options.text.read_text("utf-8")
    starts = [i * options.step for i in range(options.pieces)]
    if starts[-1] + options.length > len(text):
        parser.error(f"{options.text}: too short for {options.pieces} pieces")
    pieces = [text[i:i + options.length] for i in starts]
    names = available(options)
    print("| model | tokens | perplexity, float |",
          " | ".join(f"{name}, %" for name in names), "|")
    print("|---|---:|---:|" + "---:|" * len(names))
    for model in options.models:
        exact, tokens = nats(options, model, pieces, "scalar")
        more = [100 * math.expm1(nats(options, model, pieces, name)[0] - exact)
                for name in names]
        print(f"| {pathlib.Path(model).name} | {tokens} | {math.exp(exact):.4f} |",
              " | ".join(f"{value:+.4f}" for value in more), "|", flush=True)


if __name__ == "__main__":
    main()
