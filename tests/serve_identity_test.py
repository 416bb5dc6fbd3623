#!/usr/bin/env python3
"""Compares texts of `pilotfish serve` with those of `pilotfish generate`.

serve_identity_test.py PROGRAM [--all] [--seed N] [--tokens N] [--memory KIND]

Greedy and reproducible texts must be the same bytes, for every window, alone
and eight at a time, with prompts that the server's cache has and has not, with
enough memory for keys and values and with so little that texts are put back
and computed again, while other clients go away in mid-stream. One byte that
differs is a failure. --all takes 200 prompts instead of a few, and minutes.
"""

import argparse
import concurrent.futures
import itertools
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading

from serving import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/pilotfish-stories"
WINDOWS = [1, "auto", 6]
STREAMS = [1, 8]
NEIGHBOURS = 2
# For keys and values. What is short is more than one text can take, and less
# than eight do.
MEMORY = {"ample": [], "short": ["--kv-memory", "1500K"]}
TEMPERATURE = 0.8


def prompts(count):
    """So many different beginnings of stories: lines, then parts of them."""
    lines = (MODEL / "prompts.txt").read_text().splitlines()
    found = []
    for words in itertools.chain([1000], range(4, 40)):
        for line in lines:
            prompt = " ".join(line.split()[:words])
            if prompt and prompt not in found:
                found.append(prompt)
            if len(found) == count:
                return found
    raise SystemExit(f"there are no {count} prompts")


def generated(program, asked, tokens, flags):
    """What generate says: of text i, the seed is i."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(asked) + "\n")
        file.flush()
        lines = subprocess.run(
            [program, "generate", "--prompts", file.name, "-n", str(tokens),
             "-k", "1", "-t", "1", "--json", "--seed", "0", *flags],
            check=True, capture_output=True, text=True).stdout.splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) == len(asked)
    return texts


class Test:
    def __init__(self, program, count, tokens, seed):
        self.program = program
        self.tokens = tokens
        self.random = random.Random(seed)
        self.prompts = prompts(count)
        self.expected = {
            "greedy": generated(program, self.prompts, tokens, []),
            "reproducible": generated(
                program, self.prompts, tokens,
                ["--reproducible", "--temperature", str(TEMPERATURE)]),
        }
        self.texts = 0
        self.neighbours = 0
        self.faults = []

    def body(self, index, mode, window, salt):
        body = {"prompt": self.prompts[index], "max_tokens": self.tokens,
                "speculative": {"window": window}, "cache_salt": salt}
        if mode == "greedy":
            return {**body, "temperature": 0}
        return {**body, "temperature": TEMPERATURE, "seed": index,
                "reproducible": True}

    def neighbour(self, server, seed, salt, ended):
        choose = random.Random(seed)
        while not ended.is_set():
            body = self.body(choose.randrange(len(self.prompts)),
                             choose.choice(list(self.expected)),
                             choose.choice(WINDOWS), salt)
            # It stays in the text with what it asks for.
            server.abandon({**body, "max_tokens": 150, "ignore_eos": True},
                           choose.randrange(4000))
            self.neighbours += 1

    def compare(self, server, setting, window, streams, salt):
        """All prompts, greedy and reproducible, in a new order."""
        jobs = [(i, mode) for i in range(len(self.prompts))
                for mode in self.expected]
        self.random.shuffle(jobs)
        ended = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(streams + NEIGHBOURS) as pool:
            others = [pool.submit(self.neighbour, server,
                                  self.random.random(), salt, ended)
                      for _ in range(NEIGHBOURS)]
            try:
                texts = [pool.submit(server.complete,
                                     self.body(i, mode, window, salt))
                         for i, mode in jobs]
                texts = [text.result() for text in texts]
            finally:
                ended.set()
            for other in others:
                other.result()
        different = 0
        for (i, mode), text in zip(jobs, texts):
            self.texts += 1
            wanted = self.expected[mode][i]
            if text == wanted:
                continue
            different += 1
            at = next((at for at, (a, b) in enumerate(zip(text, wanted))
                       if a != b), min(len(text), len(wanted)))
            self.faults.append(
                f"{setting}, {mode}, prompt {self.prompts[i]!r}: differs at "
                f"character {at}:\n  {text!r}\n  instead of\n  {wanted!r}")
        print(f"{setting}: {len(texts)} texts, {different} differ", flush=True)

    def run(self, memory, flags):
        with Server(self.program, "-c", "256", *flags) as server:
            self.run_on(server, memory)

    def run_on(self, server, memory):
        for window, streams in itertools.product(WINDOWS, STREAMS):
            salt = f"{window} {streams}"  # nothing in the cache has it
            for cache in ["cold", "warm"]:
                self.compare(server, f"{memory} memory, k {window}, {streams} at "
                             f"once, {cache} cache", window, streams, salt)
        # Or it was no test of that.
        preemptions = server.metric("vllm:num_preemptions_total")
        hits = server.metric("vllm:prefix_cache_hits_total")
        aborted = sum(
            float(value) for value in re.findall(
                r'request_success_total\{[^}]*"abort"[^}]*\} (\S+)',
                server.get("/metrics")[1]))
        print(f"{memory} memory: {preemptions:.0f} preemptions, {hits:.0f} tokens "
              f"of prompts from the cache, {aborted:.0f} texts cancelled")
        if (preemptions > 0) != (memory == "short"):
            self.faults.append(f"{memory} memory: {preemptions} preemptions")
        if hits == 0 or aborted == 0:
            self.faults.append(f"{memory} memory: nothing cached or cancelled")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=24, help="of each text")
    parser.add_argument("--memory", choices=list(MEMORY), help="only this one")
    args = parser.parse_args()
    test = Test(args.program, 200 if args.all else 4, args.tokens, args.seed)
    for memory in [args.memory] if args.memory else MEMORY:
        test.run(memory, MEMORY[memory])
    print("\n".join(test.faults[:10]))
    print(f"{test.texts} texts compared while {test.neighbours} clients went "
          f"away, {len(test.faults)} faults")
    return 1 if test.faults else 0


if __name__ == "__main__":
    sys.exit(main())
