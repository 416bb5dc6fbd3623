#!/usr/bin/env python3
"""examples/resume.py with servers that die in the middle of a text.

usage: resume_test.py PROGRAM
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))
import resume  # noqa: E402
from serving import LAUNCHER, first_rank  # noqa: E402

PROGRAM = sys.argv.pop(1)
MODEL = ROOT / "models/pilotfish-stories-draft"
PROMPTS = ["Once upon a time", "Tim and his mom went to the park."]


class Server:
    """`pilotfish serve` with a small model."""

    def __init__(self, port=0):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*LAUNCHER, PROGRAM, "serve", "-m", str(MODEL), "-t", "1", "--port", str(port),
             "--log-format", "none"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line)[1])
        self.url = f"http://127.0.0.1:{self.port}"
        while not self.is_ready():
            time.sleep(0.01)

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server has ended")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=60):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False  # the model is being loaded

    def end(self, number):
        if self.process.poll() is None:
            process = self.process.pid
            os.kill(first_rank(process) if LAUNCHER else process, number)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Cutter:
    """A server in front of another, which hangs up after so many bytes."""

    def __init__(self, port):
        self.after = None  # bytes; None: at the end
        self.target = ("127.0.0.1", port)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            with client, socket.create_connection(self.target) as server:
                server.sendall(self.request_of(client))
                self.copy(server, client)

    @staticmethod
    def request_of(client):
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(65536)
        length = int(re.search(rb"(?i)content-length: (\d+)", data)[1])
        size = data.index(b"\r\n\r\n") + 4 + length
        while len(data) < size:
            data += client.recv(65536)
        return data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    def copy(self, server, client):
        left = self.after
        self.after = None  # once
        while data := server.recv(65536):
            client.sendall(data if left is None else data[:left])
            if left is None:
                continue
            left -= len(data)
            if left <= 0:
                return

    def stop(self):
        self.socket.close()


def request(prompt, temperature, **more):
    return {"prompt": prompt, "temperature": temperature, "seed": 7,
            "max_tokens": 480, "ignore_eos": True, **more}


class ResumeTest(unittest.TestCase):

    def setUp(self):
        resume.LONGEST_WAIT = 0
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            server.end(signal.SIGKILL)

    def serve(self, port=0):
        self.servers.append(Server(port))
        return self.servers[-1]

    def whole(self, server, asked):
        text = resume.Text([server.url], asked)
        return "".join(text), text

    def read_and_kill(self, urls, asked, victim, on_break=lambda why: None):
        """A text that had to go on. (A server may be faster than a signal.)"""
        for _ in range(50):
            if victim.process.poll() is not None:
                victim = self.serve(victim.port)
            breaks = []

            def note(why):
                breaks.append(why)
                on_break(why)

            text = resume.Text(urls, asked, note)
            read = ""
            for piece in text:
                read += piece
                if len(text.tokens) > 10:
                    victim.end(signal.SIGKILL)
            if breaks:
                return read, text
        self.fail("it never broke off")

    def test_a_replica_that_is_killed_costs_nothing(self):
        victim, other = self.serve(), self.serve()
        for temperature, prompt in zip((0, 1), PROMPTS):
            asked = request(prompt, temperature)
            expected, whole = self.whole(other, asked)
            read, text = self.read_and_kill([victim.url, other.url], asked,
                                            victim)
            self.assertEqual(read, expected)
            self.assertEqual(text.tokens, whole.tokens)
            self.assertEqual(text.finish_reason, whole.finish_reason)

    def test_the_only_one_may_come_back(self):
        server = self.serve()
        asked = request(PROMPTS[0], 0)
        expected, _ = self.whole(server, asked)
        tries = []

        def on_break(why):
            tries.append(why)
            if len(tries) == 3:
                self.serve(server.port)

        read, _ = self.read_and_kill([server.url], asked, server, on_break)
        self.assertEqual(read, expected)
        self.assertGreaterEqual(len(tries), 3)

    def test_wherever_it_breaks_off_it_goes_on(self):
        server = self.serve()
        cutter = Cutter(server.port)
        self.addCleanup(cutter.stop)
        # What may be the beginning of a stop string is held back to the end.
        free, _ = self.whole(server, request(PROMPTS[0], 0, max_tokens=12))
        asked = request(PROMPTS[0], 0, max_tokens=12, stop=[free[-1] + "~"])
        expected, whole = self.whole(server, asked)
        self.assertEqual(expected, free)
        size = self.bytes_of_answer(cutter, asked)
        self.assertGreater(size, 1000)
        # Every place near the end, where tokens, text and reason come apart.
        for after in [*range(0, size - 900, 97), *range(size - 900, size, 11)]:
            cutter.after = after
            breaks = []
            text = resume.Text([cutter.url], asked, breaks.append)
            self.assertEqual("".join(text), expected, after)
            self.assertEqual(text.tokens, whole.tokens)
            self.assertEqual(text.finish_reason, "length")

    @staticmethod
    def bytes_of_answer(cutter, asked):
        body = json.dumps({**asked, "reproducible": True, "stream": True,
                           "return_tokens": True})
        port = int(cutter.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b"POST /v1/completions HTTP/1.1\r\nHost: h\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode()))
            size = 0
            while data := client.recv(65536):
                size += len(data)
            return size

    def test_what_another_try_cannot_change_is_said(self):
        server = self.serve()
        text = resume.Text([server.url], request(PROMPTS[0], -1))
        with self.assertRaisesRegex(resume.Refused, "temperature"):
            list(text)

    def test_it_gives_up_where_nobody_is(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        text = resume.Text([f"http://127.0.0.1:{port}"], request("x", 0))
        with self.assertRaises(resume.Broken):
            list(text)

    def test_the_program_writes_the_text(self):
        server = self.serve()
        expected, _ = self.whole(server, request(PROMPTS[1], 0, max_tokens=30))
        out = subprocess.run(
            [sys.executable, str(ROOT / "examples/resume.py"), PROMPTS[1],
             server.url, "-n", "30", "--temperature", "0"],
            capture_output=True, check=True)
        self.assertEqual(out.stdout.decode(), expected + "\n")


if __name__ == "__main__":
    unittest.main()
