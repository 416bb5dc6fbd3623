#!/usr/bin/env python3
"""Decoding with -k auto beside plain decoding and every fixed window.

Usage: bench/never_slower.py build/release/pilotfish [--runs N] [--only NAME]

For each workload and prompt all settings run in turn, in an order that moves on
from run to run; a table gives medians over the runs of the time a token, in
that of plain decoding (each run against the plain one of the same round), and
how auto compares with plain decoding and with the best fixed window.
"""

import argparse
import json
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "models" / "pilotfish-stories"
DRAFT = ROOT / "models" / "pilotfish-stories-draft"
WINDOWS = ["1", "2", "3", "4", "5", "6", "8", "auto"]


def random_model(folder):
    """The draft with random weights: it guesses nothing."""
    folder.mkdir()
    for file in DRAFT.iterdir():
        if file.name != "model.safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    data = (DRAFT / "model.safetensors").read_bytes()
    (header,) = struct.unpack("<Q", data[:8])
    generator = random.Random(1)
    values = [
        struct.unpack("<I", struct.pack("<f", generator.gauss(0, 0.05)))[0] >> 16
        for _ in range(65536)
    ]
    count = (len(data) - 8 - header) // 2  # of bfloat16
    noise = struct.pack(f"<{count}H", *generator.choices(values, k=count))
    (folder / "model.safetensors").write_bytes(data[: 8 + header] + noise)


def generate(program, window, flags, tokens):
    command = [program, "generate", "-m", str(TARGET), "-k", window, "--json",
               "--ignore-eos", "-n", str(tokens), *flags]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def seconds_per_token(result):
    """Of all passes but the first, which encodes the prompt."""
    passes = result["iterations"][1:]
    return (sum(p["total_seconds"] for p in passes)
            / sum(p["emitted"] for p in passes))


def workloads(program, place):
    prompts = (TARGET / "prompts.txt").read_text().splitlines()[:3]
    hostile = place / "random-draft"
    random_model(hostile)
    model = ["-d", str(DRAFT)]
    for name, flags in [
        ("good draft", model),
        ("good draft, temperature 1", model + ["--temperature", "1"]),
        ("random draft", ["-d", str(hostile)]),
        ("random draft, temperature 1",
         ["-d", str(hostile), "--temperature", "1"]),
        ("n-grams, little repeats", ["--drafter", "ngram"]),
        ("first layer (skip)", ["--drafter", "skip", "--draft-layers", "1"]),
    ]:
        yield name, [flags + ["-p", prompt] for prompt in prompts]
    # A prediction that is right in one half of the text and noise in the other.
    for name, good_first in [("right, then wrong", True),
                             ("wrong, then right", False)]:
        runs = []
        for i, prompt in enumerate(prompts):
            text = generate(program, "1", ["-p", prompt, "-d", "none"],
                            240)["text"]
            half = len(text) // 2
            words = text.split()
            random.Random(i).shuffle(words)
            noise = " ".join(words)[:half]
            file = place / f"{good_first}{i}.txt"
            file.write_text(text[:half] + noise if good_first
                            else noise + text[half:])
            runs.append(["-p", prompt, "-d", "none", "--drafter",
                         "prediction", "--prediction", str(file)])
        yield name, runs


def measure(program, runs, tokens, rounds):
    """{window: [time a token over plain's, a run]}"""
    ratios = {window: [] for window in WINDOWS}
    for round_ in range(rounds):
        for i, flags in enumerate(runs):
            shift = (round_ + i) % len(WINDOWS)
            times = {}
            for window in WINDOWS[shift:] + WINDOWS[:shift]:
                times[window] = seconds_per_token(
                    generate(program, window, flags, tokens))
            for window, time in times.items():
                ratios[window].append(time / times["1"])
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=240)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| workload | " + " | ".join(f"k = {w}" for w in WINDOWS[1:])
          + " | plain / auto | best / auto |")
    print("|---" * (len(WINDOWS) + 2) + "|")
    with tempfile.TemporaryDirectory() as place:
        for name, runs in workloads(options.program, pathlib.Path(place)):
            if options.only not in name:
                continue
            ratios = measure(options.program, runs, options.tokens,
                             options.runs)
            times = {w: statistics.median(r) for w, r in ratios.items()}
            best = min(t for w, t in times.items() if w != "auto")
            cells = " | ".join(f"{times[w]:.2f}" for w in WINDOWS[1:])
            print(f"| {name} | {cells} | {1 / times['auto']:.2f} "
                  f"| {best / times['auto']:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
