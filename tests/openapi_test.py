#!/usr/bin/env python3
"""Compares the server's answers with OpenAI's own description of them.

usage: openapi_test.py SERVER_TEST
       openapi_test.py --samples FILE

SERVER_TEST writes the answers, or FILE has them already. The description lies in ../shared; without it,
or without Debian's python3-jsonschema, the test is skipped (status 77).
"""

import json
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DESCRIPTION = ROOT.parent / "shared/data/openapi/openai-openapi.json.xz"


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def with_nullable(node):
    """`nullable`, which JSON Schema does not know, as what it means."""
    if isinstance(node, list):
        return [with_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: with_nullable(value) for key, value in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


def samples(server_test):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "samples.jsonl"
        subprocess.run(
            [server_test, "--gtest_brief=1", "--gtest_filter=OpenApiSamples.*"],
            env={**os.environ, "PILOTFISH_OPENAPI_SAMPLES": str(path),
                 "GTEST_TOTAL_SHARDS": "1", "GTEST_SHARD_INDEX": "0"},
            check=True)
        return read(path)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def main():
    if not DESCRIPTION.exists():
        skip(f"{DESCRIPTION} is not there")
    try:
        import jsonschema
    except ImportError:
        skip("Python has no jsonschema (Debian's python3-jsonschema)")
    description = json.loads(lzma.open(DESCRIPTION).read())
    components = with_nullable(description["components"])
    # The object of a stream's chunks too, in which the reason and the usage are
    # null until the end, as stream_options says.
    completion = components["schemas"]["CreateCompletionResponse"]["properties"]
    reason = completion["choices"]["items"]["properties"]["finish_reason"]
    reason["enum"].append(None)
    reason["type"] = ["string", "null"]
    completion["usage"] = {"anyOf": [completion["usage"], {"type": "null"}]}
    # The first token of a prompt has no log-probability: OpenAI says null.
    scores = completion["choices"]["items"]["properties"]["logprobs"]
    for where in (scores, *scores.get("anyOf", [])):
        for name in ("token_logprobs", "top_logprobs"):
            column = where.get("properties", {}).get(name)
            if column:
                column["items"] = {"anyOf": [column["items"], {"type": "null"}]}

    validators = {}
    faults = []
    from_file = sys.argv[1] == "--samples"
    all_samples = (read(pathlib.Path(sys.argv[2])) if from_file
                   else samples(sys.argv[1]))
    for sample in all_samples:
        schema = sample["schema"]
        if schema not in validators:
            validators[schema] = jsonschema.Draft202012Validator(
                {"$ref": f"#/components/schemas/{schema}",
                 "components": components})
        best = jsonschema.exceptions.best_match(
            validators[schema].iter_errors(sample["json"]))
        if best is not None:
            where = "/".join(str(part) for part in best.absolute_path)
            faults.append(f"{schema}: {where}: {best.message[:300]}\n"
                          f"  in {json.dumps(sample['json'])[:600]}")
    # A test that accepts everything would be of no use.
    for schema, validator in validators.items():
        if validator.is_valid({"object": "nothing"}):
            faults.append(f"{schema} accepts anything")
    print("\n".join(faults[:20]))
    print(f"{len(all_samples)} answers, {len(faults)} faults, schemas: "
          f"{', '.join(sorted(validators))}")
    return 1 if faults or len(validators) < 8 else 0


if __name__ == "__main__":
    sys.exit(main())
