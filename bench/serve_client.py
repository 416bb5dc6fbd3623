"""`pilotfish serve` and HAProxy as processes, and clients for many streams at
once: what bench/serve_faults.py works with. The standard library is enough.
"""

import asyncio
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")


class Server:
    """A server on a port of the system's choice, or on this one."""

    def __init__(self, program, *flags, port=0):
        self.flags = (program, *flags)
        self.process = subprocess.Popen(
            [program, "serve", "--port", str(port), "--log-format", "none",
             *map(str, flags)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line)[1])
        self.url = f"http://127.0.0.1:{self.port}"
        wait_until(self.is_ready)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10):
                return True
        except OSError:
            return False

    def metrics(self):
        """{name: value}, added up over labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as page:
            text = page.read().decode()
        values = {}
        for name, value in re.findall(r"^([\w:]+)(?:\{.*\})? (\S+)$", text,
                                      re.M):
            values[name] = values.get(name, 0) + float(value)
        return values

    def texts(self):
        """How many texts run, and how many wait."""
        metrics = self.metrics()
        return (int(metrics["vllm:num_requests_running"]),
                int(metrics["vllm:num_requests_waiting"]))

    def rss(self):
        """Bytes of memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.send_signal(number)
        self.wait()

    def wait(self):
        """Its exit status."""
        self.process.wait()
        self.process.stdout.close()
        return self.process.returncode

    def again(self):
        """One like it, on its port."""
        return Server(*self.flags, port=self.port)


class Proxy:
    """HAProxy with deploy/haproxy.cfg, in front of two replicas."""

    def __init__(self, replicas):
        self.folder = tempfile.TemporaryDirectory()
        config = (ROOT / "deploy/haproxy.cfg").read_text()
        self.port = free_port()
        config = config.replace("bind :8080", f"bind 127.0.0.1:{self.port}")
        for i, replica in enumerate(replicas, 1):
            config = config.replace(f"replica{i} 127.0.0.1:808{i}",
                                    f"replica{i} 127.0.0.1:{replica.port}")
        path = pathlib.Path(self.folder.name) / "haproxy.cfg"
        path.write_text(config)
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", str(path)],
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"

    def end(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


@dataclasses.dataclass
class Answer:
    """What came of one request."""
    status: int = 0  # 0: no answer came
    text: str = ""
    complete: bool = False  # with its end, not broken off
    first: float = 0  # when the first piece came, by time.monotonic()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def get(server, path):
    """The status of a page."""
    with urllib.request.urlopen(server.url + path, timeout=60) as page:
        page.read()
        return page.status


def wait_until(holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {holds}")
        time.sleep(0.02)


async def until(holds, seconds=300):
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {holds}")
        await asyncio.sleep(0.02)


async def send(port, body, path="/v1/completions"):
    """A connection on which the request has been sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode()
    # With HTTP/1.0 a stream ends with its connection.
    writer.write(f"POST {path} HTTP/1.0\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\n"
                 f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
    return reader, writer


async def receive(reader, answer):
    """Reads the answer, streamed or not, into `answer`."""
    head = await reader.readuntil(b"\r\n\r\n")
    answer.status = int(head.split()[1])
    if b"text/event-stream" not in head:
        body = json.loads(await reader.read())
        if answer.status == 200 and "choices" in body:
            answer.text = body["choices"][0]["text"]
        answer.complete = True
        return
    async for line in reader:
        if line == b"data: [DONE]\n":
            answer.complete = True
        elif line.startswith(b"data: "):
            chunk = json.loads(line.removeprefix(b"data: "))
            if not answer.first:
                answer.first = time.monotonic()
            for choice in chunk.get("choices", []):
                answer.text += choice["text"]


async def ask(port, body, path="/v1/completions"):
    """What the server answers; of a connection that breaks, what came."""
    answer = Answer()
    try:
        reader, writer = await send(port, body, path)
        try:
            await receive(reader, answer)
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError, ValueError):
        pass
    return answer


async def ask_and_leave(port, body, seconds, abruptly):
    """Goes away after that time, whatever has come."""
    reader, writer = await send(port, body)
    try:
        await asyncio.wait_for(receive(reader, Answer()), seconds)
        return False  # it was faster
    except asyncio.TimeoutError:
        return True
    finally:
        if abruptly:
            writer.transport.abort()
        else:
            writer.close()
