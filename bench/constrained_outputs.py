#!/usr/bin/env python3
"""Whether sampled texts are what their JSON schemas ask for.

Usage: bench/constrained_outputs.py build/release/pilotfish
           [--schemas FILE.jsonl.xz] [--count 2000] [--random-weights]
           [--temperature 1.5] [-- OPTIONS of pilotfish generate]

Generates texts under the schemas of FILE (one JSON object a line, "name" and
"schema" in it), one after another and again from the first, each text with a
seed of its own. Every text that has ended is parsed and validated by Python's
jsonschema (Debian's python3-jsonschema), formats among it. A text that the
length limit cuts has to be the beginning of some JSON. Schemas that the program
refuses are counted. Prints a line of counts and every text that fails, and
exits with 1 if one does, with 77 if jsonschema or the schemas are not there.

The models are the pair that comes with pilotfish, or with --random-weights one
with its tokenizer, random weights and room for long texts, of which the first
layer drafts.
"""

import argparse
import array
import collections
import decimal
import itertools
import json
import lzma
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "models" / "pilotfish-stories"
LINES_PER_RUN = 250


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


try:
    import jsonschema
except ImportError:
    skip("Python has no jsonschema (Debian's python3-jsonschema)")

decimal.getcontext().prec = 10_000
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
sys.setrecursionlimit(20_000)
# Of patterns that Python may read in another way some day.
warnings.filterwarnings("ignore", category=FutureWarning)


def parse(text):
    """JSON with exact numbers, so that multipleOf means what it says."""
    return json.loads(text, parse_float=decimal.Decimal)


def write_random_model(folder, seed=1):
    """A small model with the shipped one's tokenizer."""
    shutil.copytree(SHIPPED, folder,
                    ignore=shutil.ignore_patterns("*.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    hidden, inner, head, heads, kv_heads, layers = 64, 96, 16, 4, 2, 2
    config.update(hidden_size=hidden, intermediate_size=inner, head_dim=head,
                  num_attention_heads=heads, num_key_value_heads=kv_heads,
                  num_hidden_layers=layers, max_position_embeddings=4096)
    (folder / "config.json").write_text(json.dumps(config))
    vocabulary = config["vocab_size"]
    shapes = {"model.embed_tokens.weight": [vocabulary, hidden],
              "lm_head.weight": [vocabulary, hidden],
              "model.norm.weight": [hidden]}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        shapes.update({
            name + "input_layernorm.weight": [hidden],
            name + "post_attention_layernorm.weight": [hidden],
            name + "self_attn.q_proj.weight": [heads * head, hidden],
            name + "self_attn.k_proj.weight": [kv_heads * head, hidden],
            name + "self_attn.v_proj.weight": [kv_heads * head, hidden],
            name + "self_attn.o_proj.weight": [hidden, heads * head],
            name + "mlp.gate_proj.weight": [inner, hidden],
            name + "mlp.up_proj.weight": [inner, hidden],
            name + "mlp.down_proj.weight": [hidden, inner]})
    draw = random.Random(seed)
    header, data = {}, array.array("f")
    for name, shape in shapes.items():
        begin = 4 * len(data)
        if len(shape) == 1:
            data.extend([1.0] * shape[0])
        else:
            # Of the head: logits with a standard deviation of about 2.
            scale = (12 / shape[1]) ** 0.5 if name.startswith("lm") else (
                3 / shape[1]) ** 0.5
            data.extend(draw.uniform(-scale, scale)
                        for _ in range(shape[0] * shape[1]))
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [begin, 4 * len(data)]}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + data.tobytes())


def quote_bias(bias):
    """The logit bias that makes strings end."""
    tokenizer = json.loads((SHIPPED / "tokenizer.json").read_text())
    return {str(token): bias
            for text, token in tokenizer["model"]["vocab"].items()
            if '"' in text}


def read_schemas(path):
    if not path.exists():
        skip(f"{path} is not there")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [(entry["name"], entry["schema"])
                for entry in map(json.loads, lines)]


def generate(options, model, lines):
    """What the program prints for each line."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as prompts:
        prompts.writelines(json.dumps(line) + "\n" for line in lines)
        prompts.flush()
        out = subprocess.run(
            [options.program, "generate", *model, "--lenient-schema",
             "--prompts", prompts.name,
             "--json", "-n", str(options.max_tokens), "--temperature",
             str(options.temperature), "--parallel", "16", *options.further],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Not splitlines(), which also splits at characters of the texts.
    results = [json.loads(line) for line in out.stdout.split("\n") if line]
    if len(results) != len(lines):
        sys.exit(f"{len(lines)} lines, {len(results)} results: {out.stderr}")
    return results


def is_beginning_of_json(text):
    """Whether some end makes JSON of a text that was cut."""
    closers, in_string, escaped = [], False, False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            closers.append("}" if character == "{" else "]")
        elif character in "}]":
            if not closers or closers.pop() != character:
                return False
    ends = (["", '"', 'n"', '0"', '00"', '000"', '0000"'] if in_string else
            ["", "0", "null", "rue", "ue", "e", "alse", "lse", "se", "ull",
             "ll", "l", '"":0'])
    for end, member in itertools.product(ends, ["", ":0"]):
        try:
            parse(text + end + member + "".join(reversed(closers)))
            return True
        except ValueError:
            pass
    return False


def formats_of(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("format"), str):
            yield schema["format"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from formats_of(part)


# What \s, \d and \w mean to ECMA-262, whose patterns schemas have.
ECMA_CLASSES = {
    "s": "\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f"
         "\\u3000\\ufeff",
    "d": "0-9", "w": "A-Za-z0-9_"}


def as_python_reads(pattern):
    """A pattern whose \\s, \\d and \\w mean the same in Python."""
    out, in_class, at = "", False, 0
    while at < len(pattern):
        piece = pattern[at:at + 2] if pattern[at] == "\\" else pattern[at]
        at += len(piece)
        members = ECMA_CLASSES.get(piece[1:].lower())
        if members is None or (in_class and piece[1:].isupper()):
            in_class = piece == "[" or (in_class and piece != "]")
            out += piece
        elif in_class:
            out += members
        else:
            out += f"[{'^' if piece[1:].isupper() else ''}{members}]"
    return out


def with_python_patterns(schema):
    """The schema with its patterns as Python has to read them."""
    if isinstance(schema, list):
        return [with_python_patterns(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for name, value in schema.items():
        if name == "pattern" and isinstance(value, str):
            out[name] = as_python_reads(value)
        elif name == "patternProperties" and isinstance(value, dict):
            out[name] = {as_python_reads(key): with_python_patterns(part)
                         for key, part in value.items()}
        else:
            out[name] = with_python_patterns(value)
    return out


class Judge:
    def __init__(self):
        # What names mean today: draft 3's "time" was another one.
        newest = jsonschema.Draft202012Validator
        self.checker = getattr(newest, "FORMAT_CHECKER", None) or (
            jsonschema.draft202012_format_checker)
        self.unchecked = collections.Counter()  # formats

    def fault(self, schema, text):
        """Why an ended text is wrong, or None."""
        try:
            value = parse(text)
        except ValueError as error:
            return f"no JSON: {error}"
        for name in set(formats_of(schema)):
            self.unchecked[name] += name not in self.checker.checkers
        kind = jsonschema.validators.validator_for(
            schema, default=jsonschema.Draft202012Validator)
        exact = parse(json.dumps(with_python_patterns(schema)))
        for error in kind(exact, format_checker=self.checker).iter_errors(
                value):
            return f"{error.json_path}: {error.message[:200]}"
        return None


def print_counts(options, counts, judge):
    unchecked = [f"{name} ({times})"
                 for name, times in sorted(judge.unchecked.items()) if times]
    print(f"{options.count} texts, temperature {options.temperature}, "
          f"{'random weights' if options.random_weights else 'shipped pair'}: "
          f"{counts['valid']} valid, {counts['invalid']} invalid; "
          f"{counts['cut']} cut by the length limit, {counts['bad cut']} of "
          f"them no beginning of JSON; {counts['refused']} schemas refused; "
          f"{counts['failed']} failed"
          + ("; formats not checked: " + ", ".join(unchecked)
             if unchecked else ""))


def judge_text(judge, name, schema, result, counts):
    if "error" in result:
        # A schema is refused where its line is read, anything else is a fault.
        refused = result["error"].startswith('"json_schema"')
        counts["refused" if refused else "failed"] += 1
        if not refused:
            print(f"{name}: failed: {result['error']}")
        return
    counts["texts"] += 1
    if result["finish_reason"] == "stop_token":
        fault = judge.fault(schema, result["text"])
        counts["valid" if fault is None else "invalid"] += 1
        if fault is not None:
            print(f"{name}: {fault}: {result['text']}")
        return
    counts["cut"] += 1
    if not is_beginning_of_json(result["text"].rstrip("\ufffd")):
        counts["bad cut"] += 1
        print(f"{name}: cut, and no beginning of JSON: {result['text']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--schemas", type=pathlib.Path,
                        default=ROOT.parent / "shared" / "data" / "schemas" /
                        "maskbench.jsonl.xz")
    parser.add_argument("--every", type=int, default=1,
                        help="take every so many schemas (default 1)")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--max-tokens", type=int, default=-1)
    parser.add_argument("--quote-bias", type=float, default=2,
                        help="added to the logits of tokens with a quote, so "
                        "that strings end before the limit (default 2)")
    arguments = sys.argv[1:]
    end = (arguments.index("--") if "--" in arguments else len(arguments))
    options = parser.parse_args(arguments[:end])
    options.further = arguments[end + 1:]

    schemas = itertools.cycle(read_schemas(options.schemas)[::options.every])
    bias = quote_bias(options.quote_bias)
    judge, counts = Judge(), collections.Counter()
    refused = set()
    seed = 0
    with tempfile.TemporaryDirectory() as folder:
        model = []
        if options.random_weights:
            model = ["-m", f"{folder}/model", "-d", f"{folder}/model",
                     "--draft-layers", "1"]
            write_random_model(pathlib.Path(folder) / "model")
        while counts["texts"] + counts["failed"] < options.count:
            left = options.count - counts["texts"] - counts["failed"]
            wanted = min(left, LINES_PER_RUN)
            drawn = list(itertools.islice(
                (one for one in schemas if one[0] not in refused), wanted))
            lines = []
            for _, schema in drawn:
                lines.append({"prompt": "Once upon a time", "seed": seed,
                              "json_schema": schema, "logit_bias": bias})
                seed += 1
            results = generate(options, model, lines)
            for (name, schema), result in zip(drawn, results):
                if "error" in result:
                    refused.add(name)
                judge_text(judge, name, schema, result, counts)
            print(f"{counts['texts']} texts ...", file=sys.stderr)
    print_counts(options, counts, judge)
    return 1 if (counts["invalid"] or counts["bad cut"] or
                 counts["failed"]) else 0


if __name__ == "__main__":
    sys.exit(main())
