#!/usr/bin/python3
"""Computes what the tests here expect, with Jinja2 itself.

    generate.py DATA_FOLDER

rewrites `expected` in cases.json, and golden/*.json from conversations.json and
the templates in DATA_FOLDER/templates. The environment is the one Hugging Face's
transformers renders chat templates in. Needs Debian's python3-jinja2. To add a
case, append {"template": "..."} to cases.json and run this.
"""
import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 13, 5, 9)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


QUOTED = []  # arguments that tojson made a JSON string of


def note_quoted(x):
    if isinstance(x, Sent):
        QUOTED.append(x)
    for item in x.values() if isinstance(x, dict) else x if isinstance(x, list) else []:
        note_quoted(item)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    note_quoted(x)
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent,
                      separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENV = environment()


def render(source, variables):
    """The output, or None where Jinja2 refuses."""
    try:
        return ENV.from_string(source).render(**variables)
    except Exception:  # any refusal counts, Python's own too
        return None


def write(path, value, rows):
    """JSON with one line for each element of `rows`, a key of `value`."""
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False)
                       for row in value[rows])
    rest = {key: entry for key, entry in value.items() if key != rows}
    head = "".join(f"{json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)},\n"
                   for key, entry in rest.items())
    path.write_text(f"{{{head}{json.dumps(rows)}: [\n{lines}\n]}}\n",
                    encoding="utf-8")


def cases():
    path = HERE / "cases.json"
    suite = json.loads(path.read_text(encoding="utf-8"))
    for case in suite["cases"]:
        case["expected"] = render(case["template"], suite["variables"])
    write(path, suite, "cases")


class Sent(str):
    """The arguments of a tool call as a string, as OpenAI's protocol sends them."""


def message(given, parse):
    result = {"role": given["role"], "content": given["content"]}
    if "tool_calls" in given:
        result["tool_calls"] = json.loads(json.dumps(given["tool_calls"]))
        for call in result["tool_calls"]:
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str):
                call["function"]["arguments"] = (json.loads(arguments) if parse
                                                 else Sent(arguments))
    result.update(given.get("fields", {}))
    return result


def render_talk(source, variables, messages):
    """With arguments as they are sent, or parsed where the template fails on
    that or would quote them once more."""
    QUOTED.clear()
    sent = render(source, variables | {"messages": [message(m, False) for m in messages]})
    if sent is not None and not QUOTED:
        return sent
    parsed = render(source, variables | {"messages": [message(m, True) for m in messages]})
    return sent if parsed is None else parsed


def goldens(data):
    suite = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    (HERE / "golden").mkdir(exist_ok=True)
    for template in sorted((data / "templates").glob("*.jinja")):
        source = template.read_text(encoding="utf-8")
        rows = []
        for talk in suite["conversations"]:
            variables = {"bos_token": suite["bos_token"],
                         "eos_token": suite["eos_token"], "documents": None,
                         "date_string": "1 Jan 2025"}
            variables.update(talk.get("variables", {}))
            variables["tools"] = suite["tools"].get(talk.get("tools"))
            variables["add_generation_prompt"] = talk.get(
                "add_generation_prompt", True)
            rows.append({"name": talk["name"],
                         "expected": render_talk(source, variables,
                                                 talk["messages"])})
        write(HERE / "golden" / f"{template.stem}.json",
              {"conversations": rows}, "conversations")


if __name__ == "__main__":
    cases()
    goldens(pathlib.Path(sys.argv[1]))
