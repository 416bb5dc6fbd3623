#!/usr/bin/env python3
"""Decoding with -k auto beside plain decoding and every fixed window.

Usage: bench/never_slower.py build/release/pilotfish [--runs N] [--threads N]
                             [--tokens N] [--prompts N] [--only NAME]

For each workload and prompt all settings run in turn, in an order that moves on
from run to run, each in a process of its own. A pass counts with the median
time of all passes of its kind, whatever the setting, so that a busy machine does
not decide: those that drafted as many tokens, and right after one that drafted
or not, since a draft model that was idle has text to catch up with. The first
pass of a text, which encodes the prompt, is left out. The table gives the time
a token in that of plain decoding, and how auto compares with plain decoding and
with the best fixed window.
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


def generate(options, window, flags, tokens):
    command = [options.program, "generate", "-m", str(TARGET), "-k", window,
               "--json", "--ignore-eos", "-n", str(tokens),
               "-t", str(options.threads), *flags]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def kinds_of(passes):
    """(kind, pass) of each pass of a text but the first."""
    idle = False  # the draft model; it encodes the prompt too
    for one in passes[1:]:
        drafts = one["drafted"] > 0
        yield (one["drafted"], drafts and idle), one
        idle = not drafts


def workloads(options, place):
    prompts = (TARGET / "prompts.txt").read_text().splitlines()
    prompts = prompts[:options.prompts]
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
            text = generate(options, "1", ["-p", prompt, "-d", "none"],
                            options.tokens)["text"]
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


def measure(options, runs):
    """{window: seconds a token}"""
    passes = {window: [] for window in WINDOWS}
    times = {}
    for round_ in range(options.runs):
        for i, flags in enumerate(runs):
            shift = (round_ + i) % len(WINDOWS)
            for window in WINDOWS[shift:] + WINDOWS[:shift]:
                result = generate(options, window, flags, options.tokens)
                for kind, one in kinds_of(result["iterations"]):
                    times.setdefault(kind, []).append(one["total_seconds"])
                    passes[window].append((kind, one["emitted"]))
    costs = {kind: statistics.median(all_) for kind, all_ in times.items()}
    return {window: sum(costs[kind] for kind, _ in all_)
            / sum(emitted for _, emitted in all_)
            for window, all_ in passes.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=240)
    parser.add_argument("--prompts", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| workload | " + " | ".join(f"k = {w}" for w in WINDOWS[1:])
          + " | plain / auto | best / auto |")
    print("|---" * (len(WINDOWS) + 2) + "|")
    with tempfile.TemporaryDirectory() as place:
        for name, runs in workloads(options, pathlib.Path(place)):
            if options.only not in name:
                continue
            seconds = measure(options, runs)
            cells = " | ".join(f"{seconds[w] / seconds['1']:.2f}"
                               for w in WINDOWS[1:])
            best = min(s for w, s in seconds.items() if w != "auto")
            print(f"| {name} | {cells} | {seconds['1'] / seconds['auto']:.2f} "
                  f"| {best / seconds['auto']:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
