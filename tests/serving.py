"""Runs `pilotfish serve` for tests, and talks to it."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

TIMEOUT = 300  # seconds, for any one thing
# What starts the server: nothing, or "mpirun -n 2".
LAUNCHER = os.environ.get("PILOTFISH_TEST_LAUNCHER", "").split()


def first_rank(launcher):
    """The process id of the first rank that mpirun has started."""
    children = pathlib.Path(f"/proc/{launcher}/task/{launcher}/children")
    for child in children.read_text().split():
        values = pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if b"OMPI_COMM_WORLD_RANK=0" in values:
            return int(child)
    raise SystemExit("mpirun has started no first rank")


class Server:
    """A server on a port that the system has picked."""

    def __init__(self, program, *flags):
        self.process = subprocess.Popen(
            [*LAUNCHER, program, "serve", "--port", "0", "-t", "1", "--log-format",
             "none", *flags], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if found is None:
            raise SystemExit(f"serve {flags} does not listen: {line}")
        self.port = int(found.group(1))
        self.local = threading.local()

    def __enter__(self):
        try:
            while self.get("/health")[0] != 200:
                time.sleep(0.01)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.process.kill()
        self.terminate()
        status = self.process.wait(TIMEOUT)
        if kind is None and status != 0:
            raise SystemExit(f"serve ended with {status}")

    def terminate(self):
        """mpirun itself would leave the server a second to end."""
        if LAUNCHER:
            os.kill(first_rank(self.process.pid), signal.SIGTERM)
        else:
            self.process.send_signal(signal.SIGTERM)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=TIMEOUT)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metric(self, name):
        values = re.findall(rf"^{name}\{{[^}}]*\}} (\S+)$", self.get("/metrics")[1],
                            re.M)
        return sum(float(value) for value in values)

    def complete(self, body):
        """On a connection that each thread keeps."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=TIMEOUT)
        self.local.connection.request("POST", "/v1/completions",
                                      json.dumps(body))
        answer = self.local.connection.getresponse()
        answer = answer.status, json.loads(answer.read())
        if answer[0] != 200:
            raise SystemExit(f"{body}: {answer}")
        return answer[1]["choices"][0]["text"]

    def abandon(self, body, size):
        """Has a text streamed, and goes away after so many bytes."""
        data = json.dumps({**body, "stream": True}).encode()
        with socket.create_connection(("127.0.0.1", self.port),
                                      timeout=TIMEOUT) as client:
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"
                           b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            while size > 0:
                size -= len(client.recv(min(size, 512))) or size
