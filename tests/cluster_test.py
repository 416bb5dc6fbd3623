#!/usr/bin/env python3
"""Runs the program as several ranks, as a user's mpirun does.

cluster_test.py PROGRAM [CASE...]

Texts must be the same bytes as those of one process, and what goes wrong on any
rank must end all of them, with one line that names the rank. Without mpirun it
says so, with status 77.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from serving import TIMEOUT, first_rank

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/pilotfish-stories"
PROMPT = "Once upon a time there was a"
# Containers and CI have root alone.
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def fail(message):
    raise SystemExit(f"cluster_test: {message}")


def mpirun(ranks):
    return ["mpirun", "--oversubscribe", "-n", str(ranks)]


def run(arguments, status=0, **more):
    result = subprocess.run(arguments, capture_output=True, text=True,
                            timeout=TIMEOUT, **{"env": ENVIRONMENT, **more})
    if status is not None and result.returncode != status:
        fail(f"{arguments}: status {result.returncode}, expected {status}\n"
             f"{result.stderr}")
    return result


def line_of(result):
    """The program's own one line, among what mpirun says."""
    lines = re.findall(r"^pilotfish: .*$", result.stderr, re.M)
    if len(lines) != 1:
        fail(f"expected one line of the program, found {result.stderr}")
    return lines[0]


def expect(found, wanted):
    if not re.search(wanted, found):
        fail(f"found {found!r}, expected {wanted!r}")


def texts_have_the_same_bytes(program):
    ways = [["-k", "1"], ["-k", "5"], ["-k", "5", "--tree-width", "3"],
            ["--acceptor", "coupled", "--temperature", "0.9", "--seed", "7"],
            ["--dtype", "q8_0", "--kv-dtype", "q8_0", "-k", "4"],
            ["--dtype", "q4_0", "--drafter", "ngram,model", "-k", "4"]]
    for way in ways:
        flags = ["generate", "-p", PROMPT, "-n", "60", "-t", "1", *way]
        alone = run([program, *flags]).stdout
        for ranks in (2, 3, 4):
            together = run([*mpirun(ranks), program, *flags]).stdout
            if together != alone:
                fail(f"{way}, {ranks} ranks: {together!r} is not {alone!r}")


def long_prompts_are_the_same_too(program):
    flags = ["generate", "-p", PROMPT * 60, "-n", "20", "-t", "1", "-k", "4",
             "-c", "1024"]
    alone = run([program, *flags]).stdout
    for ranks, overlap in ((2, "always"), (2, "never"), (3, "always")):
        environment = {**ENVIRONMENT, "PILOTFISH_OVERLAP": overlap}
        together = run([*mpirun(ranks), program, *flags],
                       env=environment).stdout
        if together != alone:
            fail(f"{ranks} ranks, overlap {overlap}: {together!r} is not {alone!r}")


def models_are_split_as_asked(program):
    flags = ["generate", "-p", PROMPT, "-n", "20", "-k", "4", "--json"]
    alone = json.loads(run([program, *flags]).stdout)
    for ways, shares in ([[], 2], [["--tp-draft", "1"], 2], [["--tp", "1"], 1]):
        found = json.loads(run([*mpirun(2), program, *flags, *ways]).stdout)
        if found["tokens"] != alone["tokens"]:
            fail(f"{ways}: other tokens")
        ranks = found["ranks"]["shares"]
        if len(ranks) != shares:
            fail(f"{ways}: {len(ranks)} ranks, expected {shares}")
        whole = alone["model"]["weight_bytes"]
        for rank in ranks:
            # Norms are on all; the shipped model's are a large part.
            if not rank["weight_bytes"] <= 1.05 * whole / shares:
                fail(f"{ways}: a rank holds {rank['weight_bytes']} of {whole}")
    expect(line_of(run([*mpirun(2), program, *flags, "--tp", "3"], status=2)),
           "3 ranks: expected 1 to 2")


def a_terminal_of_mpirun_is_none_of_ours(program):
    flags = ["generate", "-p", PROMPT, "-n", "5"]
    found = run([*mpirun(2), program, *flags]).stdout
    if found != run([program, *flags]).stdout or "\x1b" in found:
        fail(f"{found!r} was written as to a terminal")


def mistakes_are_one_line(program):
    expect(line_of(run([*mpirun(2), program, "generate", "-m", "/nowhere"],
                       status=1)), "/nowhere: no such file")
    expect(line_of(run([*mpirun(2), program, "generate", "--what"], status=2)),
           "--what is not a flag")


def ranks_that_differ_are_refused(program):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("same", "other", "cut"):
            shutil.copytree(MODEL, folder / name / "model")
        other = folder / "other/model/model.safetensors"
        content = bytearray(other.read_bytes())
        content[-100_000:-99_900] = bytes(100)
        for i in range(8 + int.from_bytes(content[:8], "little"), len(content),
                       1000):
            content[i] ^= 1
        other.write_bytes(content)
        cut = folder / "cut/model/model.safetensors"
        os.truncate(cut, cut.stat().st_size - 1000)

        flags = ["generate", "-m", "model", "-d", "none", "-p", PROMPT, "-n", "3"]

        def together(place, *more, status=1):
            return run(["mpirun", "--oversubscribe", "-n", "1", "-wdir",
                        folder / "same", program, *flags, ":", "-n", "1",
                        "-wdir", folder / place, *more, program, *flags],
                       status=status)

        together("same", status=0)
        expect(line_of(together("other")),
               r"rank 1 on \S+: the model under this path is another one")
        expect(line_of(together("cut")), r"rank 1 on \S+: model/model.safetensors")
        expect(line_of(together("same", "-x", "PILOTFISH_ISA=scalar")),
               r"rank 1 on \S+: it computes with scalar, rank 0 with ")
        flags.append("--mixed-isa")
        together("same", "-x", "PILOTFISH_ISA=scalar", status=0)


def other_builds_are_refused(program):
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder) / "pilotfish"
        shutil.copy(program, other)
        subprocess.run(["objcopy", "--remove-section", ".note.gnu.build-id",
                        other], check=True)
        flags = ["generate", "-m", MODEL, "-d", "none", "-p", PROMPT]
        expect(line_of(run([*mpirun(1), program, *flags, ":", "-n", "1", other,
                            *flags], status=1)),
               r"rank 1 on \S+: it runs pilotfish .* rank 0 runs")


def ranks_of(launcher):
    children = pathlib.Path(f"/proc/{launcher}/task/{launcher}/children")
    return [int(child) for child in children.read_text().split()
            if (pathlib.Path(f"/proc/{child}/comm").read_text()
                .startswith("pilotfish"))]


class Generating:
    """Two ranks in the middle of a text that does not end."""

    def __init__(self, program, **environment):
        self.process = subprocess.Popen(
            [*mpirun(2), program, "generate", "-p", PROMPT, "-n", "2000",
             "-c", "2048", "--ignore-eos", "-k", "1", "-t", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**ENVIRONMENT, **environment})
        self.process.stdout.read(1)
        first = first_rank(self.process.pid)
        self.ranks = ranks_of(self.process.pid)
        self.other = next(rank for rank in self.ranks if rank != first)

    def result(self):
        out, err = self.process.communicate(timeout=TIMEOUT)
        return subprocess.CompletedProcess([], self.process.returncode, out, err)

    def expect_no_orphan(self):
        for rank in self.ranks:
            deadline = time.monotonic() + TIMEOUT
            while pathlib.Path(f"/proc/{rank}").exists():
                if time.monotonic() > deadline:
                    fail(f"process {rank} is still there")
                time.sleep(0.01)


def a_rank_that_dies_is_named(program):
    run_of = Generating(program)
    os.kill(run_of.other, signal.SIGKILL)
    result = run_of.result()
    if result.returncode == 0:
        fail("status 0 after a rank has died")
    expect(line_of(result), r"rank 1 on \S+ has died")
    run_of.expect_no_orphan()


def a_rank_that_hangs_is_named(program):
    run_of = Generating(program, PILOTFISH_RANK_TIMEOUT="1")
    os.kill(run_of.other, signal.SIGSTOP)
    result = run_of.result()
    if result.returncode != 1:
        fail(f"status {result.returncode} after a rank has hung, expected 1")
    expect(line_of(result), r"rank 1 on \S+ has not answered for")
    run_of.expect_no_orphan()


def a_servers_clients_are_told(program):
    server = subprocess.Popen(
        [*mpirun(2), program, "serve", "--port", "0", "-t", "1", "--log-format",
         "none", "-c", "2048"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**ENVIRONMENT, "PILOTFISH_RANK_TIMEOUT": "1"})
    port = int(re.search(r":(\d+)$", server.stdout.readline().strip()).group(1))
    body = json.dumps({"prompt": PROMPT, "max_tokens": 2000, "stream": True,
                       "ignore_eos": True, "window": 1})

    def asked():
        connection = http.client.HTTPConnection("127.0.0.1", port,
                                                timeout=TIMEOUT)
        connection.request("POST", "/v1/completions", body)
        return connection.getresponse()

    answer = asked()
    while answer.status == 503:  # it loads
        time.sleep(0.01)
        answer = asked()
    answer.readline()
    first = first_rank(server.pid)
    other = next(rank for rank in ranks_of(server.pid) if rank != first)
    os.kill(other, signal.SIGSTOP)
    expect(answer.read().decode(), r'"error".*rank 1 on \S+ has not answered')
    server.communicate(timeout=TIMEOUT)
    if server.returncode != 1:
        fail(f"the server ended with {server.returncode}")


def gathers_are_measured(program):
    result = run([*mpirun(2), program, "bench", "--network", "--json"])
    gathers = json.loads(result.stdout)["gathers"]
    if not gathers or any(gather["seconds"] <= 0 for gather in gathers):
        fail(f"{gathers}")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(result.stdout)
        file.flush()
        run([program, "plan", "-m", MODEL, "-d", "none", "--ranks", "2",
             "--network", file.name, "--bandwidth", "10"])
    expect(line_of(run([program, "bench", "--network"], status=2)),
           "start with mpirun")


CASES = [texts_have_the_same_bytes, long_prompts_are_the_same_too,
         models_are_split_as_asked,
         a_terminal_of_mpirun_is_none_of_ours, mistakes_are_one_line,
         ranks_that_differ_are_refused, other_builds_are_refused,
         a_rank_that_dies_is_named, a_rank_that_hangs_is_named,
         a_servers_clients_are_told, gathers_are_measured]


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    if shutil.which("mpirun") is None:
        print("cluster_test: skipped: there is no mpirun (make setup-cluster)")
        raise SystemExit(77)
    if "without Open MPI" in run([*mpirun(2), program, "--version"],
                                 status=None).stderr:
        print("cluster_test: skipped: the program was built without Open MPI")
        raise SystemExit(77)
    for case in CASES:
        if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
            continue
        case(program)
        print(f"cluster_test: {case.__name__}", flush=True)


if __name__ == "__main__":
    main()
