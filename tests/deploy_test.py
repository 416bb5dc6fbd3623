"""The files of deploy/, with the programs that read them.

usage: deploy_test.py PROGRAM

Needs HAProxy, systemd-analyze and Python's yaml, and says which tests are
skipped where they are missing.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
  import yaml
except ImportError:
  yaml = None

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
# Debian has HAProxy where users other than root do not look.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
HAPROXY = shutil.which("haproxy", path=PATH)
SYSTEMD_ANALYZE = shutil.which("systemd-analyze", path=PATH)
PROGRAM = pathlib.Path(sys.argv.pop(1))
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


class Haproxy(unittest.TestCase):
  """HAProxy in front of two replicas."""

  CHECKS = "50ms"  # between two of a replica's health

  def setUp(self):
    self.replicas = {name: Replica(name) for name in ("replica1", "replica2")}
    for replica in self.replicas.values():
      self.addCleanup(replica.stop)
    self.socket = socket.create_server(("127.0.0.1", 0))
    self.addCleanup(self.socket.close)
    fd = self.socket.fileno()
    config = (DEPLOY / "haproxy.cfg").read_text()
    for old, new in [("bind :8080", f"bind fd@{fd}"),
                     ("inter 1s", f"inter {self.CHECKS}"),
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


@unittest.skipUnless(HAPROXY, "HAProxy is missing: apt-get install haproxy")
class HaproxyTest(Haproxy):

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


@unittest.skipUnless(HAPROXY, "HAProxy is missing: apt-get install haproxy")
class HaproxyBetweenChecksTest(Haproxy):

  CHECKS = "1h"

  def test_when_the_first_dies_the_second_answers(self):
    self.kill("replica1", "replica2")

  def test_when_the_second_dies_the_first_answers(self):
    self.kill("replica2", "replica1")

  def kill(self, dead, alive):
    # Both have streams. Once those of the dead one are gone, the other has more
    # than its share, and would be passed over as busy.
    streams = [self.open(chat("system"), "/stream", x_session_id=f"{i}")
               for i in range(8)]
    for stream in streams:
      self.addCleanup(stream.close)
    names = [stream.readline().decode().removeprefix("data: ").strip()
             for stream in streams]
    self.assertEqual(set(names), set(self.replicas))
    self.replicas[dead].stop()
    for name, stream in zip(names, streams):
      if name == dead:
        stream.read()
    for user in range(24):
      self.assertEqual(self.ask(chat("system", f"user {user}")), alive)


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
    used = set()
    for text in self.expressions(self.dashboard):
      used |= set(re.findall(r"(?:vllm:|llamacpp:|pilotfish_)\w+", text))
    self.assertGreater(len(used), 12)
    known = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", metrics(), re.M):
      known.add(name)
      if kind == "histogram":
        known |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    self.assertEqual(used - known, set())

  def test_each_variable_is_declared(self):
    declared = {one["name"] for one in self.dashboard["templating"]["list"]}
    used = set()
    for text in self.expressions(self.dashboard):
      used |= set(re.findall(r"\$\{?(\w+)", text))
    self.assertEqual({name for name in used if not name.startswith("__")},
                     declared - {"datasource"})

  def expressions(self, node):
    """What is asked of Prometheus, anywhere in the dashboard."""
    if isinstance(node, list):
      node = dict(enumerate(node))
    if not isinstance(node, dict):
      return
    for name, value in node.items():
      if name in ("expr", "query") and isinstance(value, str):
        yield value
      else:
        yield from self.expressions(value)


def metrics():
  """What a server shows at /metrics after its first text."""
  model = ROOT / "models/pilotfish-stories-draft"
  with subprocess.Popen(
      [PROGRAM, "serve", "--port", "0", "--log-format", "none", "-k", "4",
       "-m", model, "-d", model], stdout=subprocess.PIPE, text=True) as server:
    try:
      url = server.stdout.readline().split()[-1]
      body = json.dumps({"prompt": "Once", "max_tokens": 16}).encode()
      end = time.monotonic() + 60
      while True:
        try:
          with urllib.request.urlopen(f"{url}/v1/completions", body) as answer:
            answer.read()
          break
        except urllib.error.HTTPError as error:  # the model is being loaded
          error.close()
          if time.monotonic() > end:
            raise
      with urllib.request.urlopen(f"{url}/metrics", timeout=60) as page:
        return page.read().decode()
    finally:
      server.terminate()


def help_of(command):
  return subprocess.run([PROGRAM, command, "--help"], capture_output=True,
                        text=True, check=True).stdout


@unittest.skipUnless(yaml, "Python has no yaml: apt-get install python3-yaml")
class KubernetesTest(unittest.TestCase):

  def setUp(self):
    text = (DEPLOY / "kubernetes.yaml").read_text()
    self.head = text[:text.index("apiVersion")]
    self.parts = {one["kind"]: one for one in yaml.safe_load_all(text)}
    self.pod = self.parts["Deployment"]["spec"]["template"]
    self.container, = self.pod["spec"]["containers"]
    self.ports = {one["name"]: one["containerPort"]
                  for one in self.container["ports"]}

  def test_probes_ask_for_what_there_is(self):
    for name in ("startupProbe", "readinessProbe"):
      probe = self.container[name]["httpGet"]
      self.assertEqual(probe["path"], "/health")  # which needs no key
      self.assertIn(probe["port"], self.ports)
    self.assertIn(self.container["livenessProbe"]["tcpSocket"]["port"],
                  self.ports)
    self.assertEqual(self.ports["http"], 8080)  # the program's own

  def test_its_arguments_are_flags(self):
    flags = help_of("serve")
    for argument in self.container["args"]:
      if argument.startswith("-"):
        self.assertRegex(flags, rf"(?m)[ ,]{argument}\b")

  def test_labels_and_ports_find_each_other(self):
    labels = self.pod["metadata"]["labels"]
    service = self.parts["Service"]
    for selector in (service["spec"]["selector"],
                     self.parts["Deployment"]["spec"]["selector"]["matchLabels"],
                     self.parts["PodDisruptionBudget"]["spec"]["selector"][
                         "matchLabels"]):
      self.assertEqual(selector, labels)
    monitor = self.parts["ServiceMonitor"]["spec"]
    self.assertEqual(monitor["selector"]["matchLabels"],
                     service["metadata"]["labels"])
    port, = service["spec"]["ports"]
    self.assertIn(port["targetPort"], self.ports)
    self.assertEqual(monitor["endpoints"][0]["port"], port["name"])

  def test_secrets_are_created_as_the_head_says(self):
    mounted, = self.container["volumeMounts"]
    volume, = self.pod["spec"]["volumes"]
    self.assertEqual(mounted["name"], volume["name"])
    keys = volume["secret"]["secretName"]
    file = self.container["args"][self.container["args"].index(
        "--api-key-file") + 1]
    folder, name = file.rsplit("/", 1)
    self.assertEqual(folder, mounted["mountPath"])
    self.assertIn(f"secret generic {keys} --from-file={name}=", self.head)
    # /metrics needs a key.
    endpoint, = self.parts["ServiceMonitor"]["spec"]["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    self.assertIn(f"secret generic {credentials['name']} "
                  f"--from-literal={credentials['key']}=", self.head)


class DockerfileTest(unittest.TestCase):

  def setUp(self):
    text = (DEPLOY / "Dockerfile").read_text()
    self.lines = text.replace("\\\n", " ").splitlines()

  def line(self, begin):
    found, = [line for line in self.lines if line.startswith(begin)]
    return found

  def test_it_installs_what_the_program_needs(self):
    sed = re.search(r"RUN sed '(.*)' packages.txt", "\n".join(self.lines))[1]
    packages = subprocess.run(["sed", sed, ROOT / "packages.txt"],
                              capture_output=True, text=True, check=True)
    # As tools/setup.sh --program.
    program = (ROOT / "packages.txt").read_text().split("# Tests and")[0]
    self.assertEqual(packages.stdout.split(),
                     re.findall(r"^(?!#)(\S+)$", program, re.M))

  def test_its_options_are_the_projects(self):
    project = (ROOT / "CMakeLists.txt").read_text()
    options = re.findall(r"-D(PILOTFISH_\w+)=", "\n".join(self.lines))
    self.assertGreater(len(options), 1)
    for option in options:
      self.assertIn(f"option({option} ", project)

  def test_what_it_starts_are_flags(self):
    entry = json.loads(self.line("ENTRYPOINT").removeprefix("ENTRYPOINT "))
    self.assertEqual(entry[:2], ["pilotfish", "serve"])
    flags = help_of("serve")
    for argument in entry[2:]:
      if argument.startswith("-"):
        self.assertRegex(flags, rf"(?m)[ ,]{argument}\b")

  def test_what_it_copies_is_there_and_builds_are_left_out(self):
    for line in self.lines:
      copied = re.match(r"COPY (?!--from)(\S+) ", line)
      if copied:
        self.assertTrue((ROOT / copied[1]).exists(), line)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    self.assertLessEqual({"build", ".git"}, set(ignored))


if __name__ == "__main__":
  unittest.main()
