#!/usr/bin/env python3
"""Streams a text, and goes on with it where a server is lost in the middle.

usage: resume.py PROMPT URL [URL...] [-n TOKENS] [--temperature T] [--seed S]

    resume.py "Once upon a time" http://127.0.0.1:8080
    resume.py "Once upon a time" http://10.0.0.1:8080 http://10.0.0.2:8080

With each piece of the text come the ids of its tokens. When a stream breaks
off, the same request goes to the next URL (or again to the only one, which may
be a proxy) with the ids that have come; the answer is the rest of the text.
Nothing is lost and nothing comes twice: greedy texts and those with
`reproducible` are the same bytes as without the interruption, if the servers
have the same `system_fingerprint`.

A key, where the servers ask for one, is taken from PILOTFISH_API_KEY.
"""

import argparse
import http.client
import json
import os
import random
import sys
import time
import urllib.parse

PATIENCE = 30  # seconds of silence; a server says something every five
ATTEMPTS = 20  # in a row that bring nothing
LONGEST_WAIT = 1  # seconds between two of them


class Broken(Exception):
    """A stream that ended too early, or did not begin: worth another try."""


class Refused(Exception):
    """What no other try will change."""


def connect(url):
    parts = urllib.parse.urlsplit(url)
    kind = (http.client.HTTPSConnection if parts.scheme == "https"
            else http.client.HTTPConnection)
    return kind(parts.hostname, parts.port, timeout=PATIENCE)


def headers():
    key = os.environ.get("PILOTFISH_API_KEY")
    return {"Content-Type": "application/json",
            **({"Authorization": f"Bearer {key}"} if key else {})}


def check(status, message):
    """Raises for an answer that is an error."""
    if status in (429, 502, 503, 504):
        raise Broken(message)
    if status != 200:
        raise Refused(message)


def chunks_of(response):
    """The chunks of a stream, each as soon as the whole of it has come."""
    for line in response:
        if not line.endswith(b"\n"):
            break  # half a line
        if not line.startswith(b"data: "):
            continue  # between events, or a ping
        if line == b"data: [DONE]\n":
            return
        chunk = json.loads(line.removeprefix(b"data: "))
        if "error" in chunk:
            draining = chunk["error"].get("code") == "draining"
            check(503 if draining else 500, chunk["error"]["message"])
        yield chunk
    raise Broken("the stream ended before the text did")


def stream_once(url, request):
    """The chunks of one answer. Raises Broken or Refused."""
    connection = connect(url)
    try:
        connection.request("POST", "/v1/completions", json.dumps(request),
                           headers())
        with connection.getresponse() as response:
            if response.status != 200:
                check(response.status, response.read().decode(errors="replace"))
            yield from chunks_of(response)
    except (OSError, http.client.HTTPException) as error:
        raise Broken(str(error) or type(error).__name__) from error
    finally:
        connection.close()


class Text:
    """A completion that outlives its servers; iterating gives its pieces."""

    def __init__(self, urls, request, on_break=lambda why: None):
        self.urls = urls
        # Without a seed of ours, each server would choose another one.
        self.request = {"seed": random.getrandbits(32), "reproducible": True,
                        **request, "stream": True, "return_tokens": True}
        self.on_break = on_break
        self.tokens = []
        self.finish_reason = None
        self.fingerprint = None

    def __iter__(self):
        url, failures = 0, 0
        while True:
            before = len(self.tokens)
            try:
                yield from self.rest(self.urls[url % len(self.urls)])
                return
            except Broken as why:
                if self.finish_reason:
                    return  # all that was lost is the farewell
                url += 1
                failures = 1 if len(self.tokens) > before else failures + 1
                if failures > ATTEMPTS:
                    raise
                self.on_break(why)
                time.sleep(min(0.05 * 2 ** failures, LONGEST_WAIT))

    def rest(self, url):
        request = dict(self.request)
        if self.tokens:
            request["resume"] = {"tokens": self.tokens}
        held = ""
        for chunk in stream_once(url, request):
            if self.fingerprint is None:
                self.fingerprint = chunk["system_fingerprint"]
            if chunk["system_fingerprint"] != self.fingerprint:
                raise Refused(f"{url} does not compute as the others do")
            for choice in chunk["choices"]:
                held += choice["text"]
                tokens = [one["id"] for one in choice.get("tokens", [])]
                self.finish_reason = choice["finish_reason"]
                # Text counts with its tokens. What comes without was held back,
                # and would come again unless the end has come too.
                if tokens or self.finish_reason:
                    self.tokens += tokens
                    yield held
                    held = ""


def main():
    parser = argparse.ArgumentParser(
        description="Streams a text, and goes on with it where a server is "
                    "lost in the middle.")
    parser.add_argument("prompt")
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("-n", "--max-tokens", type=int, default=256)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    request = {"prompt": options.prompt, "max_tokens": options.max_tokens,
               "temperature": options.temperature}
    if options.seed is not None:
        request["seed"] = options.seed
    text = Text(options.urls, request,
                lambda why: print(f"[broken off: {why}]", file=sys.stderr))
    try:
        for piece in text:
            print(piece, end="", flush=True)
    except (Broken, Refused) as error:
        sys.exit(f"\nresume.py: {error}")
    print()


if __name__ == "__main__":
    main()
