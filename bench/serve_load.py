#!/usr/bin/env python3
"""Measures servers that speak OpenAI's /v1/completions, side by side.

Usage: bench/serve_load.py --setting NAME URL JSON [--setting ...] [options]

A setting is a server with the fields that each request adds, for example

    --setting "plain"       http://127.0.0.1:8080 '{"speculative": false}'
    --setting "speculative" http://127.0.0.1:8080 '{}'

For each number of streams, so many clients send one request after the other.
The settings take turns, in an order that moves on from round to round, so that
a busy machine is no setting's luck; a round's requests are alike for all, but no
setting finds the prompts of another in pilotfish's prefix cache (`cache_salt`). The
table gives the medians over the rounds of the tokens a second of all streams
together, of TTFT and ITL at p50 and p99, and of the tokens a pass. An ITL is the
time between arrivals of text: where a window brings several tokens at once, it is
that of the window. `--json FILE` writes what each round measured,
as soon as it is measured.

The prompts are token ids drawn at random, which suits models with random
weights; `--prompts FILE` takes the lines of a file instead.
"""

import argparse
import asyncio
import json
import math
import pathlib
import random
import statistics
import sys
import time

import event_stream


def quantile(values, q):
    """The smallest value that at least a share q of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * q) - 1)]


def prompts_for(options, generator, count):
    if options.prompts:
        lines = pathlib.Path(options.prompts).read_text().splitlines()
        return [generator.choice(lines) for _ in range(count)]
    # Ids that llama tokenizers have texts for, end tokens left out.
    return [[generator.randrange(300, 20000) for _ in range(options.prompt)]
            for _ in range(count)]


async def run_streams(setting, prompts, streams, options):
    """[Answer] of all prompts, `streams` at a time, and the seconds it took."""
    name, url, fields = setting
    waiting = list(prompts)
    answers = []

    async def client():
        while waiting:
            body = {"prompt": waiting.pop(), "max_tokens": options.tokens,
                    "temperature": options.temperature, "ignore_eos": True,
                    "cache_salt": name, **fields}
            answers.append(await event_stream.stream(url, body))

    begin = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(streams)))
    return answers, time.perf_counter() - begin


def figures_of(answers, seconds):
    gaps = [gap for answer in answers for gap in answer.gaps()]
    ttfts = [answer.ttft for answer in answers]
    tokens = sum(answer.tokens for answer in answers)
    a_pass = [answer.tokens_per_pass() for answer in answers]
    return {
        "tokens_per_second": tokens / seconds,
        "ttft_p50": quantile(ttfts, 0.5), "ttft_p99": quantile(ttfts, 0.99),
        "itl_p50": quantile(gaps, 0.5), "itl_p99": quantile(gaps, 0.99),
        "tokens_per_pass": None if None in a_pass else statistics.mean(a_pass),
    }


def measure(options):
    """{(streams, name): [figures of a round]}"""
    rounds = {}
    for round_ in range(options.rounds):
        for streams in options.streams:
            shift = round_ % len(options.setting)
            settings = options.setting[shift:] + options.setting[:shift]
            generator = random.Random(f"{options.seed} {round_} {streams}")
            count = streams * options.requests
            prompts = prompts_for(options, generator, count)
            for setting in settings:
                answers, seconds = asyncio.run(
                    run_streams(setting, prompts, streams, options))
                figures = figures_of(answers, seconds)
                rounds.setdefault((streams, setting[0]), []).append(figures)
                progress(options, round_, streams, setting[0], figures)
            write_json(options, rounds)
    return rounds


def write_json(options, rounds):
    if not options.json:
        return
    lines = [{"streams": streams, "setting": name, "rounds": all_}
             for (streams, name), all_ in rounds.items()]
    pathlib.Path(options.json).write_text(json.dumps(lines, indent=1))


def progress(options, round_, streams, name, figures):
    if sys.stderr.isatty():
        print(f"round {round_ + 1} of {options.rounds}, {streams} streams, "
              f"{name}: {figures['tokens_per_second']:.1f} tokens/s",
              file=sys.stderr)


def medians(all_):
    return {key: None if all_[0][key] is None
            else statistics.median(figures[key] for figures in all_)
            for key in all_[0]}


def table(rounds):
    yield ("| streams | setting | tokens/s | TTFT p50, p99 (ms) "
           "| ITL p50, p99 (ms) | tokens a pass |")
    yield "|---:|---|---:|---:|---:|---:|"
    for (streams, name), all_ in rounds.items():
        one = medians(all_)
        a_pass = one["tokens_per_pass"]
        yield (f"| {streams} | {name} | {one['tokens_per_second']:.1f} "
               f"| {1e3 * one['ttft_p50']:.0f}, {1e3 * one['ttft_p99']:.0f} "
               f"| {1e3 * one['itl_p50']:.1f}, {1e3 * one['itl_p99']:.1f} "
               f"| {'–' if a_pass is None else f'{a_pass:.2f}'} |")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--setting", nargs=3, action="append", required=True,
                        metavar=("NAME", "URL", "JSON"))
    parser.add_argument("--streams", default="1,4,8,16",
                        help="as many at once, one after the other")
    parser.add_argument("--requests", type=int, default=1,
                        help="of each stream in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=32, help="tokens")
    parser.add_argument("--prompts", metavar="FILE", help="one a line")
    parser.add_argument("--tokens", type=int, default=128,
                        help="that each request generates")
    parser.add_argument("--temperature", type=float, default=0)
    parser.add_argument("--seed", default="0", help="of the prompts")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    options.streams = [int(part) for part in options.streams.split(",")]
    options.setting = [(name, url, json.loads(fields))
                       for name, url, fields in options.setting]
    return options


def main():
    options = parse_arguments()
    print("\n".join(table(measure(options))))


if __name__ == "__main__":
    sys.exit(main())
