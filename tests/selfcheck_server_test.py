#!/usr/bin/env python3
"""Runs `pilotfish selfcheck --server` against servers that are right and wrong.

selfcheck_server_test.py PROGRAM WRONG_ACCEPTOR

WRONG_ACCEPTOR is a shared library with an acceptor that says it is lossless.
"""

import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

from serving import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = str(ROOT / "models/pilotfish-stories-draft")
OTHER = str(ROOT / "models/pilotfish-stories")
SERVED = ["-m", MODEL, "-d", MODEL, "--draft-layers", "1", "--parallel", "32"]

program, wrong_acceptor = sys.argv[1:]
failures = 0


def check(what, holds, found):
    global failures
    if not holds:
        failures += 1
        print(f"{what}: found {found}")


def selfcheck(url, *flags, model=MODEL):
    return subprocess.run(
        [program, "selfcheck", "--server", url, "-m", model, "--quick",
         "--trials", "100", "-t", "1", *flags], capture_output=True, text=True)


def expect_refused(what, run, status, *words):
    """It says so in one line, before any work."""
    check(f"{what}: status", run.returncode == status, run.returncode)
    check(f"{what}: output", run.stdout == "", run.stdout)
    lines = run.stderr.splitlines()
    check(f"{what}: one line", len(lines) == 1, lines)
    for word in words:
        check(f"{what}: {word!r}", word in run.stderr, run.stderr)


class Strange(http.server.BaseHTTPRequestHandler):
    """What is no pilotfish."""

    def do_GET(self):
        answer = b"<html>" if "models" in self.path else b"{}"
        if self.server.has_models:
            answer = b'{"data": [{"id": "gpt"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *unused):
        pass


def test_refusals(server, keys):
    known = ["--api-key-file", keys]
    expect_refused("no key", selfcheck(server.url()), 1, "status 401",
                   "--api-key-file")
    expect_refused("another model", selfcheck(server.url(), *known, model=OTHER),
                   1, "serves another model", "pilotfish-stories-draft with ",
                   OTHER)
    for flags in (["--kv-dtype", "f32"], ["--dtype", "q8_0"]):
        expect_refused(f"other numerics {flags}",
                       selfcheck(server.url(), *known, *flags), 1,
                       "other weights or numerics", "fingerprint is fp_")
    expect_refused("https", selfcheck("https://localhost:1"), 2, "https is not")
    expect_refused("no URL", selfcheck("localhost"), 2, "http://HOST:PORT")
    expect_refused("acceptors", selfcheck(server.url(), "--acceptors", "block"),
                   2, "--server", "--acceptors")
    expect_refused("draft", selfcheck(server.url(), "-d", MODEL), 2, "--draft")
    expect_refused("key without a server", subprocess.run(
        [program, "selfcheck", *known], capture_output=True, text=True), 2,
        "--server")


def test_strange_servers():
    with http.server.HTTPServer(("127.0.0.1", 0), Strange) as strange:
        threading.Thread(target=strange.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{strange.server_port}"
        strange.has_models = False
        expect_refused("HTML", selfcheck(url), 1, "/v1/models", "no JSON")
        strange.has_models = True
        expect_refused("another program", selfcheck(url), 1,
                       "is it a pilotfish server?")
        strange.shutdown()
    expect_refused("nobody", selfcheck(url), 1, url, "Connection refused")


def test_right(server, keys, folder):
    run = selfcheck(server.url(), "--api-key-file", keys, "--json", "--report",
                    f"{folder}/report.md")
    check("a right server: status", run.returncode == 0, run.stderr)
    if run.returncode != 0:
        return
    found = json.loads(run.stdout)
    check("verdict", found["verdict"] == "lossless", found["summary"])
    check("summary", "the 3 wrong requests were caught" in found["summary"],
          found["summary"])
    check("server", found["server"]["url"] == server.url() and
          found["server"]["acceptor"] == "block" and
          "model" in found["server"]["drafters"], found["server"])
    check("clients went away", any("went away" in varied for varied
                                   in found["settings"]["varied"]), found)
    for one in found["checks"]:
        if one["settings"].endswith("auto"):
            continue  # by what passes cost
        plain = one["settings"].endswith("plain")
        check(f"drafted for {one['settings']}", (one["drafted"] == 0) == plain,
              one)
    report = pathlib.Path(folder, "report.md").read_text()
    check("report", f"| server | {server.url()}, " in report, report)


def test_wrong(server):
    run = selfcheck(server.url())
    check("a wrong acceptor: status", run.returncode == 1, run)
    for word in ["NOT lossless", "greedy overclaims (temperature 0, k 6)",
                 "of the text differs", "    prompt ", ", seed ", "FAILS"]:
        check(f"a wrong acceptor: {word!r}", word in run.stdout, run.stdout)
    check("not of plain texts", "greedy overclaims (temperature 0, plain)"
          not in run.stdout, run.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        keys = f"{folder}/keys"
        pathlib.Path(keys).write_text("# ours\nsecret\nother\n")
        with Server(program, *SERVED, "--api-key-file", keys) as server:
            test_refusals(server, keys)
            test_right(server, keys, folder)
        test_strange_servers()
        with Server(program, *SERVED, "--acceptor", wrong_acceptor) as server:
            test_wrong(server)
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
