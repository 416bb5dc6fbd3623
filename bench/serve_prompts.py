#!/usr/bin/env python3
"""Measures what prompts cost a server that speaks OpenAI's /v1/completions.

Usage: bench/serve_prompts.py URL [options]

Two tables:
- the second turn of a conversation: TTFT of a prompt of --prompt tokens, and of
  that prompt, its answer and 64 tokens more;
- a long prompt beside running streams: their ITL (time between arrivals of text)
  without it and from its arrival to its first token.

`--fields JSON` is added to each request, for example '{"speculative": false}'.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys

import event_stream
from serve_load import quantile


def random_ids(generator, count):
    return [generator.randrange(300, 20000) for _ in range(count)]


def request(prompt, tokens, options):
    return {"prompt": prompt, "max_tokens": tokens, "temperature": 0,
            "ignore_eos": True, "return_tokens": True, **options.fields}


async def two_turns(generator, options):
    """TTFT in seconds of the first turn and of the second one, and how many
    tokens of its prompt the server had."""
    first = random_ids(generator, options.prompt)
    one = await event_stream.stream(options.url, request(first, 64, options))
    second = first + one.ids + random_ids(generator, 64)
    two = await event_stream.stream(options.url, request(second, 8, options))
    return one.ttft, two.ttft, two.cached


async def long_prompt(generator, options):
    """Gaps between arrivals without and while a long prompt is encoded, and its
    TTFT."""
    ends = asyncio.Event()

    async def keep_running():
        answers = []
        while not ends.is_set():
            body = request(random_ids(generator, 32), 256, options)
            answers.append(await event_stream.stream(options.url, body))
        return answers

    running = [asyncio.create_task(keep_running())
               for _ in range(options.streams)]
    await asyncio.sleep(options.seconds)
    prompt = random_ids(generator, options.long)
    long_ = await event_stream.stream(options.url, request(prompt, 1, options))
    ends.set()
    begin, end = long_.sent, long_.arrivals[0]
    without, beside = [], []
    for answers in await asyncio.gather(*running):
        for answer in answers:
            for arrival, gap in zip(answer.arrivals[1:], answer.gaps()):
                if arrival < begin:
                    without.append(gap)
                elif arrival < end:
                    beside.append(gap)
    return without, beside, long_.ttft


def show_turns(options):
    generator = random.Random(options.seed)
    results = [asyncio.run(two_turns(generator, options))
               for _ in range(options.rounds)]
    first, second, cached = map(statistics.median, zip(*results))
    print("| prompt, tokens | TTFT of the first turn (ms) "
          "| of the second (ms) | ratio | tokens from the cache |")
    print("|---:|---:|---:|---:|---:|")
    print(f"| {options.prompt} | {1e3 * first:.0f} | {1e3 * second:.0f} "
          f"| {second / first:.3f} | {cached:.0f} |\n")


def show_long_prompt(options):
    generator = random.Random(options.seed)
    print("| streams | ITL p50, p99 without (ms) | beside (ms) "
          "| ratio of p99 | TTFT of the prompt (s) |")
    print("|---:|---:|---:|---:|---:|")
    rows = []
    for _ in range(options.rounds):
        without, beside, ttft = asyncio.run(long_prompt(generator, options))
        rows.append([quantile(without, .5), quantile(without, .99),
                     quantile(beside, .5), quantile(beside, .99), ttft])
    a, b, c, d, ttft = map(statistics.median, zip(*rows))
    print(f"| {options.streams} | {1e3 * a:.1f}, {1e3 * b:.1f} "
          f"| {1e3 * c:.1f}, {1e3 * d:.1f} | {d / b:.2f} | {ttft:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--fields", type=json.loads, default={})
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=2000)
    parser.add_argument("--long", type=int, default=4000)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10,
                        help="of the streams before the long prompt")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    show_turns(options)
    show_long_prompt(options)


if __name__ == "__main__":
    sys.exit(main())
