"""Mixed traffic for a while, and the server's memory meanwhile, as a table and
a plot: part of bench/serve_faults.py.
"""

import asyncio
import math
import random
import time

from serve_client import ask, ask_and_leave, get

SAMPLE = 5  # seconds between two looks at the memory
MB = 1e6


class Traffic:
    """Requests of every kind, each with what its answer must be."""

    def __init__(self, server, texts, rate):
        self.server, self.texts, self.rate = server, texts, rate
        self.random = random.Random(2)
        self.sent = self.faults = self.cancelled = 0
        self.tasks = set()  # requests at the moment
        self.kinds = [self.stream, self.whole, self.sampled, self.long_prompt,
                      self.native, self.leave, self.tokenize, self.bad,
                      self.look]

    def greedy(self, **more):
        prompt = self.random.choice(list(self.texts))
        return {"prompt": prompt, "max_tokens": self.random.randint(1, 200),
                "temperature": 0, "ignore_eos": True, **more}

    async def stream(self):
        request = self.greedy(stream=True, return_tokens=True)
        answer = await ask(self.server.port, request)
        return self.is_right(request, answer)

    async def whole(self):
        request = self.greedy()
        answer = await ask(self.server.port, request)
        return self.is_right(request, answer)

    def is_right(self, request, answer):
        return answer.complete and self.texts[request["prompt"]].startswith(
            answer.text.rstrip("\ufffd"))

    async def sampled(self):
        request = self.greedy(temperature=1, n=2, logprobs=3, top_p=0.9)
        return (await ask(self.server.port, request)).status == 200

    async def long_prompt(self):
        # A text of its own each time, which the prefix cache does not know.
        words = [self.random.choice(["the", "cat", "sat", "on", "a", "mat"])
                 for _ in range(300)]
        request = self.greedy(prompt=" ".join(words), max_tokens=20)
        return (await ask(self.server.port, request)).status == 200

    async def native(self):
        request = {**self.greedy(), "n_predict": 30}
        answer = await ask(self.server.port, request, "/completion")
        return answer.status == 200

    async def leave(self):
        self.cancelled += await ask_and_leave(
            self.server.port, self.greedy(stream=True),
            self.random.random() / 4, self.random.random() < 0.5)
        return True

    async def tokenize(self):
        request = {"content": "Once upon a time", "with_pieces": True}
        answer = await ask(self.server.port, request, "/tokenize")
        return answer.status == 200

    async def bad(self):
        request = self.greedy(top_p=self.random.choice([2, "x", -1]))
        return (await ask(self.server.port, request)).status == 400

    async def look(self):
        path = self.random.choice(["/", "/metrics", "/v1/models", "/slots"])
        return await asyncio.to_thread(get, self.server, path) == 200

    async def one(self):
        self.sent += 1
        self.faults += not await self.random.choice(self.kinds)()

    async def burst(self):
        """Long prompts at once: the memory of the largest pass is taken now,
        and not when chance first brings two of them together."""
        self.sent += 16
        right = await asyncio.gather(*(self.long_prompt() for _ in range(16)))
        self.faults += right.count(False)

    async def run(self, seconds):
        await self.burst()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            task = asyncio.create_task(self.one())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            await asyncio.sleep(self.random.expovariate(self.rate))
        await asyncio.gather(*self.tasks)


async def watch(traffic, samples):
    start = time.monotonic()
    while True:
        samples.append((time.monotonic() - start, traffic.server.rss(),
                        len(traffic.tasks)))
        await asyncio.sleep(SAMPLE)


async def send_and_watch(traffic, seconds):
    samples = []
    watcher = asyncio.create_task(watch(traffic, samples))
    await traffic.run(seconds)
    watcher.cancel()
    return samples


def median(values):
    return sorted(values)[len(values) // 2]


def write_csv(path, samples):
    lines = [f"{seconds:.0f},{rss},{open_}" for seconds, rss, open_ in samples]
    path.write_text("\n".join(["seconds,rss_bytes,open_requests", *lines])
                    + "\n")


def ticks(most):
    """From zero to the first that is not below `most`: round numbers."""
    power = 10 ** math.floor(math.log10(most))
    step = next(power * step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10)
                if power * step * 8 >= most)
    return [step * i for i in range(math.ceil(most / step) + 1)]


def line_plot(points, x_label, y_label):
    """An SVG of one line, from zero on both axes."""
    width, height, left, top, bottom = 720, 300, 50, 24, 44
    xs = ticks(max(x for x, _ in points))
    ys = ticks(1.1 * max(y for _, y in points))

    def at_x(x):
        return f"{left + x / xs[-1] * (width - left - 20):.1f}"

    def at_y(y):
        return f"{height - bottom - y / ys[-1] * (height - top - bottom):.1f}"

    def word(x, y, text, anchor):
        return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
             f'{height}" font-family="sans-serif" font-size="12" fill="#444">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for y in ys:
        parts.append(f'<path d="M{left} {at_y(y)}H{width - 20}" '
                     'stroke="#ddd"/>')
        parts.append(word(left - 6, float(at_y(y)) + 4, f"{y:g}", "end"))
    for x in xs:
        parts.append(word(at_x(x), height - bottom + 16, f"{x:g}", "middle"))
    line = " ".join(f"{at_x(x)},{at_y(y)}" for x, y in points)
    parts += [f'<polyline points="{line}" fill="none" stroke="#1f6feb" '
              'stroke-width="1.5"/>',
              word(width / 2, height - 8, x_label, "middle"),
              word(10, 14, y_label, "start"), "</svg>\n"]
    return "\n".join(parts)


def run(server, texts, rate, seconds, csv, plot):
    traffic = Traffic(server, texts, rate)
    samples = asyncio.run(send_and_watch(traffic, seconds))
    if csv:
        write_csv(csv, samples)
    if plot:
        plot.write_text(line_plot([(seconds / 60, rss / MB)
                                   for seconds, rss, _ in samples],
                                  "minutes", "RSS, MB"))
    # The first tenth fills caches.
    memory = [rss for _, rss, _ in samples[len(samples) // 10:]]
    fifth = max(1, len(memory) // 5)
    early, late = median(memory[:fifth]), median(memory[-fifth:])
    return {"minutes": seconds / 60, "requests": traffic.sent,
            "cancelled": traffic.cancelled, "faults": traffic.faults,
            "MB early": early / MB, "MB late": late / MB,
            "MB at most": max(memory) / MB,
            "open requests at most": max(open_ for _, _, open_ in samples),
            "failed": traffic.faults > 0 or late > 1.05 * early}
