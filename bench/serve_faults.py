#!/usr/bin/env python3
"""The server under load, with clients and replicas that go away.

usage: bench/serve_faults.py PROGRAM [NAME...] [--json FILE]
           [--streams 1000] [--requests 10000] [--resumed 100]
           [--minutes 60] [--rate 4] [--plot FILE.svg] [--csv FILE]
           [--serve "FLAGS"]

NAME is what to do, in turn; by default all but `soak`:

  streams   many open streams, of which 16 run: memory, order, every text
  cancel    requests of random length, a third cancelled at random moments
  sigterm   SIGTERM under load: what was accepted comes to its end
  sigkill   SIGKILL of one of two replicas behind HAProxy, with texts that go on
  soak      mixed traffic for --minutes, --rate requests a second, with the
            memory over time

Every text is compared with the one that the idle server writes without
speculation. Without --serve, which takes flags of `pilotfish serve`, the pair
that comes with pilotfish writes them. Exits with 1 where anything was lost or
differed.
"""

import argparse
import asyncio
import functools
import json
import pathlib
import random
import signal
import sys
import threading
import time

import serve_soak
from serve_client import (HAPROXY, ROOT, Proxy, Server, ask, ask_and_leave,
                          until, wait_until)

sys.path.insert(0, str(ROOT / "examples"))
import resume  # noqa: E402

PROMPTS = (ROOT / "models/pilotfish-stories/prompts.txt").read_text()
PROMPTS = PROMPTS.splitlines()[:20]
LONGEST = 400  # tokens of the texts that others are compared with
SEEN = 2.5  # seconds in which HAProxy notices a replica that is back
MB = 1e6


def greedy(prompt, tokens, **more):
    return {"prompt": prompt, "max_tokens": tokens, "temperature": 0,
            "ignore_eos": True, **more}


def sampled(prompt, tokens, seed):
    return {"prompt": prompt, "max_tokens": tokens, "temperature": 1,
            "seed": seed, "reproducible": True, "ignore_eos": True}


async def written_alone(server, requests):
    """The texts that the idle server writes plainly, one after the other."""
    texts = []
    for request in requests:
        answer = await ask(server.port, {**request, "speculative": False,
                                         "cache_salt": "alone"})
        assert answer.complete and answer.status == 200
        texts.append(answer.text)
    return texts


def serve(options, *flags):
    return Server(*options.command, *flags)


@functools.cache
def greedy_texts(command):
    """What each prompt goes on with; shorter texts are how these begin."""
    server = Server(*command)
    texts = asyncio.run(written_alone(
        server, [greedy(prompt, LONGEST) for prompt in PROMPTS]))
    server.end()
    return dict(zip(PROMPTS, texts))


def is_right(answer, reference):
    # Half a character at the end is shown as U+FFFD.
    return (answer.complete and answer.status == 200 and answer.text != "" and
            reference.startswith(answer.text.rstrip("\ufffd")))


# Many open streams.


async def warm_up(server, count):
    """Until the caches and buffers have the size that they keep."""
    await asyncio.gather(*(ask(server.port, greedy(PROMPTS[i % len(PROMPTS)],
                                                   64, stream=True))
                           for i in range(count)))


async def open_streams(server, count, texts):
    """Opens `count` streams, measures, and reads them to their end."""
    await warm_up(server, 64)
    before, base = server.rss(), sum(server.texts())
    tasks = []
    for i in range(count):
        request = greedy(PROMPTS[i % len(PROMPTS)], 64, stream=True)
        tasks.append(asyncio.create_task(ask(server.port, request)))
    most, running, peak = 0, 0, before
    while not all(task.done() for task in tasks):
        now_running, waiting = await asyncio.to_thread(server.texts)
        most = max(most, now_running + waiting - base)
        running = max(running, now_running)
        peak = max(peak, server.rss())
        await asyncio.sleep(0.05)
    answers = [task.result() for task in tasks]
    # By how many places a stream began later than it came.
    order = sorted(range(count), key=lambda i: answers[i].first)
    late = max(place - i for place, i in enumerate(order))
    right = sum(is_right(answer, texts[PROMPTS[i % len(PROMPTS)]])
                for i, answer in enumerate(answers))
    return {"streams": count, "open at once": most, "running at once": running,
            "right": right, "places late at most": late,
            "MB before": before / MB, "MB at most": peak / MB,
            "KB a stream": (peak - before) / count / 1e3,
            "failed": right != count or running > 16}


def streams(options):
    server = serve(options, "--parallel", 16,
                   "--max-waiting", options.streams)
    try:
        return asyncio.run(open_streams(server, options.streams,
                                        greedy_texts(options.command)))
    finally:
        server.end()


# Clients that go away.


class Canceller:
    """Clients that send requests of random length, and often leave."""

    CLIENTS = 24

    def __init__(self, server, texts, requests):
        self.server, self.texts, self.left = server, texts, requests
        self.random = random.Random(1)
        self.finished = self.cancelled = self.wrong = 0
        self.memory = []  # after each hundred requests

    def request(self):
        window = self.random.choice([1, 4, "auto"])
        return greedy(self.random.choice(PROMPTS), self.random.randint(1, 64),
                      stream=self.random.random() < 0.5,
                      speculative={"window": window})

    async def client(self):
        while self.left > 0:
            self.left -= 1
            request = self.request()
            # Some of these are too late, so that a third leaves.
            if self.random.random() < 0.42:
                seconds = self.random.random() ** 2  # waiting, or running
                gone = await ask_and_leave(self.server.port, request, seconds,
                                           self.random.random() < 0.5)
                self.cancelled += gone
                self.finished += not gone
            else:
                answer = await ask(self.server.port, request)
                self.finished += 1
                self.wrong += not is_right(answer,
                                           self.texts[request["prompt"]])
            if self.left % 100 == 0:
                self.memory.append(self.server.rss())

    async def run(self):
        await asyncio.gather(*(self.client() for _ in range(self.CLIENTS)))


def is_free(server):
    metrics = server.metrics()
    return (metrics["vllm:num_requests_running"] == 0 and
            metrics["vllm:num_requests_waiting"] == 0 and
            metrics["vllm:kv_cache_usage_perc"] == 0 and
            metrics["pilotfish_http_connections"] == 1)  # this one


def cancel(options):
    server = serve(options)
    run = Canceller(server, greedy_texts(options.command), options.requests)
    try:
        asyncio.run(run.run())
        wait_until(lambda: is_free(server))
        metrics = server.metrics()
        warm = run.memory[len(run.memory) // 10]
        return {"requests": options.requests, "finished": run.finished,
                "cancelled": run.cancelled, "wrong": run.wrong,
                "MB after a tenth": warm / MB,
                "MB half way": run.memory[len(run.memory) // 2] / MB,
                "MB at the end": server.rss() / MB,
                "texts left": sum(server.texts()),
                "failed passes": metrics["pilotfish_failed_passes_total"],
                "failed": run.wrong > 0 or server.rss() > 1.05 * warm}
    finally:
        server.end()


# SIGTERM under load.


async def terminate_loaded(options, texts, count):
    """Ends a server on which `count` texts run or wait."""
    server = serve(options)
    asked = [(prompt, asyncio.create_task(ask(
        server.port, greedy(prompt, 64, stream=i % 2 == 0))))
        for i, prompt in enumerate((PROMPTS * count)[:count])]
    await until(lambda: sum(server.texts()) > count * 3 // 4)
    # What has been accepted when the signal comes, at the least.
    done = sum(task.done() for _, task in asked)
    accepted = done + sum(await asyncio.to_thread(server.texts))
    server.send_signal(signal.SIGTERM)
    late = await asyncio.gather(*(ask(server.port, greedy(PROMPTS[0], 8))
                                  for _ in range(8)))
    answers = [(texts[prompt], await task) for prompt, task in asked]
    right = sum(is_right(answer, text) for text, answer in answers)
    status = await asyncio.to_thread(server.wait)
    return {"accepted": accepted, "right": right, "asked": count,
            "late": sum(answer.status == 200 for answer in late),
            "broken": sum(answer.status == 200 and not is_right(answer, text)
                          for text, answer in answers), "status": status}


def sigterm(options):
    texts = greedy_texts(options.command)
    runs = [asyncio.run(terminate_loaded(options, texts, 64))
            for _ in range(10)]
    total = {name: sum(run[name] for run in runs)
             for name in ("asked", "accepted", "right", "broken")}
    return {"servers ended": len(runs), **total,
            "sent after SIGTERM": 8 * len(runs),
            "of these answered": sum(run["late"] for run in runs),
            "exit statuses": ", ".join(sorted({str(run["status"])
                                               for run in runs})),
            "failed": (total["right"] < total["accepted"] or
                       total["broken"] > 0 or
                       any(run["status"] for run in runs))}


# SIGKILL of a replica.


class Reader(threading.Thread):
    """Reads one text, whatever happens to the servers."""

    def __init__(self, url, request):
        super().__init__()
        self.breaks, self.read, self.fault = 0, "", None
        self.text = resume.Text([url], request, self.count)

    def count(self, why):
        self.breaks += 1

    def run(self):
        try:
            for piece in self.text:
                self.read += piece
        except (resume.Broken, resume.Refused) as fault:
            self.fault = str(fault)


def read_and_kill(proxy, victim, requests):
    """Reads all texts, with a replica killed when they have begun."""
    readers = [Reader(proxy.url, request) for request in requests]
    for reader in readers:
        reader.start()
    wait_until(lambda: all(len(reader.text.tokens) > 5 or
                           not reader.is_alive() for reader in readers))
    victim.end(signal.SIGKILL)
    for reader in readers:
        reader.join()
    return readers


class Kills:
    """Rounds of texts, in each of which a replica is killed."""

    READERS = 8

    def __init__(self, replicas, requests, expected):
        self.replicas, self.requests = replicas, requests
        self.expected = expected
        self.kills = self.read = self.resumed = self.equal = self.again = 0
        self.faults = []

    def round(self, proxy):
        first = self.kills * self.READERS
        chosen = [(first + i) % len(self.requests) for i in range(self.READERS)]
        victim = self.kills % 2
        readers = read_and_kill(proxy, self.replicas[victim],
                                [self.requests[i] for i in chosen])
        self.kills += 1
        self.replicas[victim] = self.replicas[victim].again()
        time.sleep(SEEN)
        for i, reader in zip(chosen, readers):
            self.count(i, reader)

    def count(self, i, reader):
        is_equal = reader.read == self.expected[i]
        if reader.fault or not is_equal:
            self.faults.append(reader.fault or f"text {i} differs")
        self.read += 1
        if reader.breaks > 0:
            self.resumed += 1
            self.again += reader.breaks - 1
            self.equal += is_equal


def sigkill(options):
    requests = [greedy(prompt, LONGEST) if i % 2 == 0 else
                sampled(prompt, LONGEST, i)
                for i, prompt in enumerate(PROMPTS)]
    replicas = [serve(options), serve(options)]
    expected = asyncio.run(written_alone(replicas[0], requests))
    proxy = Proxy(replicas)
    list(resume.Text([proxy.url], greedy("Once", 1)))  # it is there
    kills = Kills(replicas, requests, expected)
    while kills.resumed < options.resumed and kills.kills < options.resumed:
        kills.round(proxy)
    proxy.end()
    for replica in replicas:
        replica.end()
    return {"kills": kills.kills, "texts": kills.read,
            "broken off and resumed": kills.resumed,
            "of these equal": kills.equal, "further tries": kills.again,
            "faults": "; ".join(kills.faults[:5]) or "none",
            "failed": bool(kills.faults) or kills.resumed < options.resumed}


def soak(options):
    server = serve(options)
    try:
        return serve_soak.run(server, greedy_texts(options.command),
                              options.rate, 60 * options.minutes, options.csv,
                              options.plot)
    finally:
        server.end()


def show(name, figures):
    print(f"{name}: {'FAILED' if figures['failed'] else 'passed'}")
    for what, value in figures.items():
        if what != "failed":
            shown = f"{value:.1f}" if isinstance(value, float) else value
            print(f"  {what:24} {shown}")
    sys.stdout.flush()


def main():
    actions = {action.__name__: action
               for action in (streams, cancel, sigterm, sigkill, soak)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=", ".join(actions))
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--resumed", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--serve", default="", metavar="FLAGS")
    parser.add_argument("--rate", type=float, default=4)
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.command = (options.program, *options.serve.split())
    names = options.names or ["streams", "cancel", "sigterm", "sigkill"]
    if "sigkill" in names and HAPROXY is None:
        sys.exit("HAProxy is missing: apt-get install haproxy")
    results = {}
    for name in names:
        start = time.monotonic()
        results[name] = actions[name](options)
        results[name]["seconds"] = time.monotonic() - start
        show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return any(figures["failed"] for figures in results.values())


if __name__ == "__main__":
    sys.exit(main())
