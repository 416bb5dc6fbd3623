"""The files of deploy/, with the programs that read them.

Needs HAProxy and systemd-analyze, and says which tests are skipped where they
are missing.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
# Debian has HAProxy where users other than root do not look.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
HAPROXY = shutil.which("haproxy", path=PATH)
SYSTEMD_ANALYZE = shutil.which("systemd-analyze", path=PATH)
PATIENCE = 5  # seconds that a condition may take, on a machine that is busy


class Listener(ThreadingHTTPServer):

  def handle_error(self, request, client_address):
    pass  # HAProxy hangs up on health checks whose answer it has seen


class Replica:
  """Answers with its name; its health is what a test makes it."""

  def __init__(self, name):
    replica = self
    self.is_ready = True
    self.may_end = threading.Event()  # of streams

    class Handler(BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"

      def do_GET(self):
        self.answer(200 if replica.is_ready else 503)

      def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/stream":
          self.stream()
        else:
          self.answer(200)

      def answer(self, status):
        body = name.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

      def stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(f"data: {name}\n\n".encode())
        self.wfile.flush()
        replica.may_end.wait(PATIENCE)
        self.wfile.write(b"data: [DONE]\n\n")

      def log_message(self, *unused):
        pass

    self.server = Listener(("127.0.0.1", 0), Handler)
    self.port = self.server.server_address[1]
    threading.Thread(target=self.server.serve_forever, daemon=True).start()

  def stop(self):
    self.may_end.set()
    self.server.shutdown()
    self.server.server_close()


def chat(*texts, **more):
  roles = ["system", "user", "assistant"]
  return dict(more, messages=[
      {"role": roles[0 if i == 0 else 2 - i % 2], "content": text}
      for i, text in enumerate(texts)])


@unittest.skipUnless(HAPROXY, "HAProxy is missing: apt-get install haproxy")
class HaproxyTest(unittest.TestCase):

  def setUp(self):
    self.replicas = {name: Replica(name) for name in ("replica1", "replica2")}
    for replica in self.replicas.values():
      self.addCleanup(replica.stop)
    self.socket = socket.create_server(("127.0.0.1", 0))
    self.addCleanup(self.socket.close)
    fd = self.socket.fileno()
    config = (DEPLOY / "haproxy.cfg").read_text()
    for old, new in [("bind :8080", f"bind fd@{fd}"), ("inter 1s", "inter 50ms"),
                     *((f"{name} 127.0.0.1:808{name[-1]}",
                        f"{name} 127.0.0.1:{replica.port}")
                       for name, replica in self.replicas.items())]:
      self.assertEqual(config.count(old), 1, old)
      config = config.replace(old, new)
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    path = pathlib.Path(folder.name) / "haproxy.cfg"
    path.write_text(config)
    self.proxy = subprocess.Popen(
        [HAPROXY, "-db", "-f", str(path)], pass_fds=[fd],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    self.addCleanup(self.proxy.wait)
    self.addCleanup(self.proxy.kill)

  def open(self, body, path="/v1/chat/completions", **headers):
    request = urllib.request.Request(
        f"http://127.0.0.1:{self.socket.getsockname()[1]}{path}",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"content-type": "application/json",
                 **{name.replace("_", "-"): value
                    for name, value in headers.items()}})
    return urllib.request.urlopen(request, timeout=PATIENCE)

  def ask(self, *args, **more):
    with self.open(*args, **more) as response:
      return response.read().decode()

  def until(self, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
      self.assertLess(time.monotonic(), end, "waited in vain")

  def test_turns_of_a_conversation_stay_together(self):
    used = set()
    for user in range(24):
      said = ["Be brief.", f"I am user {user}."]
      replica = self.ask(chat(*said))
      used.add(replica)
      for turn in range(3):
        said += [f"answer {turn}", f"and {turn}?"]
        # Neither the order of fields nor sampling matters.
        self.assertEqual(self.ask(chat(*said, temperature=turn, seed=user)),
                         replica)
    self.assertEqual(used, set(self.replicas))

  def test_prompts_that_begin_alike_stay_together(self):
    for field in ("prompt", "input"):
      used = set()
      for i in range(24):
        begin = f"text {i} " * 100
        found = {self.ask({"seed": end, field: begin + str(end)},
                          "/v1/completions") for end in range(3)}
        self.assertEqual(len(found), 1)
        used |= found
      self.assertEqual(used, set(self.replicas))

  def test_a_session_is_where_its_header_says(self):
    used = set()
    for session in range(24):
      found = {self.ask(chat(f"system {i}", f"user {i}"),
                        x_session_id=f"session {session}") for i in range(3)}
      self.assertEqual(len(found), 1)
      used |= found
    self.assertEqual(used, set(self.replicas))

  def test_bodies_of_all_kinds_arrive(self):
    for body in (b"", b"not JSON", b"{", b"\xff" * 100, b"{\"messages\": 1}",
                 json.dumps({"prompt": [1, 2]}).encode(),
                 json.dumps(chat("x" * 2_000_000, "y")).encode()):
      self.assertIn(self.ask(body), self.replicas, body[:20])

  def test_metrics_are_asked_of_each_replica(self):
    with self.assertRaises(urllib.error.HTTPError) as caught:
      self.ask(None, "/metrics")
    self.assertEqual(caught.exception.code, 404)
    caught.exception.close()

  def test_a_replica_that_drains_ends_its_streams_and_gets_no_more(self):
    said = chat("system", "user")
    with self.open(said, "/stream") as stream:
      name = stream.readline().decode().removeprefix("data: ").strip()
      self.assertEqual(self.ask(said), name)
      self.replicas[name].is_ready = False
      self.until(lambda: self.ask(said) != name)
      other = self.ask(said)
      for i in range(24):
        self.assertEqual(self.ask(chat("system", f"user {i}")), other)
      self.replicas[name].may_end.set()
      self.assertIn(b"[DONE]", stream.read())
    # It is back: so is what it knows.
    self.replicas[name].is_ready = True
    self.until(lambda: self.ask(said) == name)

  def test_a_replica_that_dies_costs_no_request(self):
    said = chat("system", "user")
    name = self.ask(said)
    self.replicas[name].stop()
    for _ in range(24):
      self.assertNotEqual(self.ask(said), name)


@unittest.skipUnless(SYSTEMD_ANALYZE, "systemd-analyze is missing")
class UnitTest(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.unit = pathlib.Path(folder.name) / "pilotfish.service"
    text = (DEPLOY / "pilotfish.service").read_text()
    self.assertIn("ExecStart=/usr/bin/pilotfish serve", text)
    # Neither the program nor its manual need be installed here.
    text = text.replace("/usr/bin/pilotfish", "/bin/true")
    self.unit.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))

  def analyze(self, *args):
    return subprocess.run([SYSTEMD_ANALYZE, *args, str(self.unit)],
                          capture_output=True, text=True, check=False)

  def test_systemd_understands_it(self):
    result = self.analyze("verify")
    self.assertEqual((result.returncode, result.stdout + result.stderr),
                     (0, ""))

  def test_it_is_hardened(self):
    result = self.analyze("security", "--offline=yes", "--threshold=15")
    self.assertEqual(result.returncode, 0, result.stdout)


class GrafanaTest(unittest.TestCase):

  def setUp(self):
    self.dashboard = json.loads((DEPLOY / "grafana.json").read_text())

  def test_panels_do_not_overlap(self):
    taken = set()
    for panel in self.dashboard["panels"]:
      box = panel["gridPos"]
      for x in range(box["x"], box["x"] + box["w"]):
        for y in range(box["y"], box["y"] + box["h"]):
          self.assertNotIn((x, y), taken, panel["title"])
          self.assertLess(x, 24)
          taken.add((x, y))

  def test_its_metrics_are_those_that_the_server_has(self):
    source = ROOT / "src/server/http/metrics.cc"
    if not source.exists():
      self.skipTest("there is no server here")
    text = source.read_text()
    used = {name
            for panel in self.dashboard["panels"]
            for target in panel["targets"]
            for name in re.findall(r"(?:vllm:|pilotfish_)(\w+)\{",
                                   target["expr"])}
    self.assertGreater(len(used), 12)
    for name in used:
      self.assertIn(f'"{name.removesuffix("_bucket")}"', text)


if __name__ == "__main__":
  unittest.main()
