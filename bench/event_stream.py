"""A client of text generation servers that notes when tokens arrive.

Speaks HTTP/1.1 with what Python brings, for the scripts beside it.
"""

import asyncio
import dataclasses
import json
import time
import urllib.parse


@dataclasses.dataclass
class Answer:
    """What a server streamed for one request."""
    sent: float  # seconds, as time.perf_counter() counts them; all times here
    arrivals: list = dataclasses.field(default_factory=list)  # of text
    text: str = ""
    ids: list = dataclasses.field(default_factory=list)  # if asked for
    tokens: int = 0  # generated, as the server says
    cached: int = 0  # tokens of the prompt
    timings: dict = dataclasses.field(default_factory=dict)  # llama.cpp's keys

    @property
    def ttft(self):
        return self.arrivals[0] - self.sent

    def gaps(self):
        """Seconds between arrivals: inter-token latencies, where each token
        comes as it is made."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:])]

    def tokens_per_pass(self):
        """None where the server does not say how many drafts it accepted."""
        accepted = self.timings.get("draft_n_accepted")
        if accepted is None:
            return None
        return self.tokens / max(1, self.tokens - accepted)


async def stream(url, body):
    """The answer to a streamed POST of `body` to /v1/completions."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(
        place.hostname, place.port, limit=1 << 22)
    try:
        data = json.dumps({**body, "stream": True, "stream_options":
                           {"include_usage": True}}).encode()
        answer = Answer(time.perf_counter())
        writer.write(b"POST /v1/completions HTTP/1.1\r\n"
                     b"Host: localhost\r\nConnection: close\r\n"
                     b"Content-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if " 200 " not in head.split("\r\n")[0] + " ":
            raise RuntimeError(head + (await reader.read()).decode())
        await read_events(reader, answer)
        return answer
    finally:
        writer.close()


async def read_events(reader, answer):
    """Reads a chunked body of events to its end."""
    pending = b""
    while size := int(await reader.readline(), 16):
        pending += await reader.readexactly(size)
        await reader.readline()
        now = time.perf_counter()
        *events, pending = pending.split(b"\n\n")
        for event in events:
            if event.startswith(b"data: {"):
                note(json.loads(event[6:]), now, answer)


def note(event, now, answer):
    if "error" in event:
        raise RuntimeError(event["error"])
    text = "".join(choice.get("text") or "" for choice in event["choices"])
    for choice in event["choices"]:
        answer.ids += [token["id"] for token in choice.get("tokens") or []]
    if text:
        answer.text += text
        answer.arrivals.append(now)
    answer.timings = event.get("timings") or answer.timings
    usage = event.get("usage") or {}
    answer.tokens = usage.get("completion_tokens", answer.tokens)
    details = usage.get("prompt_tokens_details") or {}
    answer.cached = details.get("cached_tokens") or answer.cached
