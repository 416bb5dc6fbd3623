#!/usr/bin/env python3
"""What structured output buys and costs.

Usage: bench/constrained_speed.py PROGRAM [--model M --draft D] [--runs N]
           [--tokens N] [--window K] [--threads N] [--temperature T]
           [--only NAME] [--masking]

Without --masking: tool calls and extractions (SCHEMAS below), decoded with each
choice of drafters. Settings run in turn, each in a process of its own, and all
write the same texts (--reproducible). "tokens a pass" has no noise. Speeds are
ratios twice over: by time, where a pass counts with the median time of all
passes of its kind (the target's by how many rows it has, drafting by setting
and how much was drafted) without the first pass of a text, which encodes the
prompt; and by the process's user time beyond that of generating one token,
which other programs do not add to (with one thread: threads wait in turns).

With --masking: plain decoding with and without a constraint that leaves the
text as free as one can, as many tokens of each in turn. "beside the passes" is
the time of a token outside the model: mask, sampling, bookkeeping.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"


def text(**limits):
    return {"type": "string", **limits}


def whole(low, high):
    return {"type": "integer", "minimum": low, "maximum": high}


def record(properties, optional=()):
    return {"type": "object", "properties": properties,
            "required": [name for name in properties if name not in optional],
            "additionalProperties": False}


def rows(item, most):
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


def call(name, arguments):
    return record({"name": {"const": name}, "arguments": arguments})


WORD = text(minLength=2, maxLength=16)
LINE = text(minLength=2, maxLength=48)
DATE = text(pattern="^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")
MONEY = {"type": "string", "pattern": "^[0-9]{1,5}\\.[0-9]{2}$"}

SCHEMAS = {
    "weather call": ("What is the weather in Paris tomorrow?", call(
        "get_current_weather",
        record({"location": WORD, "unit": {"enum": ["celsius", "fahrenheit"]},
                "days_ahead": whole(0, 14)}))),
    "calendar call": ("Put lunch with Anna into my calendar.", call(
        "create_calendar_event",
        record({"title": LINE, "start_date": DATE, "duration_minutes":
                whole(5, 480), "participants": rows(WORD, 3),
                "send_invitations": {"type": "boolean"}}))),
    "search call": ("Find three cheap hotels by the sea.", call(
        "search_hotels",
        record({"query": LINE, "max_results": whole(1, 20),
                "sort_order": {"enum": ["price_ascending", "price_descending",
                                        "guest_rating"]}}))),
    "SQL filter call": ("Which orders came last week?", call(
        "query_database",
        record({"table": {"enum": ["customers", "orders", "products"]},
                "filters": rows(record({
                    "column": WORD,
                    "operator": {"enum": ["equals", "greater_than",
                                          "less_than", "contains"]},
                    "value": WORD}), 3),
                "limit": whole(1, 500)}))),
    "email call": ("Tell Tom that I am late.", call(
        "send_email",
        record({"recipient": WORD, "subject": LINE, "message_body":
                text(minLength=20, maxLength=160),
                "priority": {"enum": ["low", "normal", "high"]}}))),
    "person": ("Lily is a girl of six who likes her red ball.", record(
        {"first_name": WORD, "last_name": WORD, "age_in_years": whole(0, 120),
         "occupation": LINE, "favourite_things": rows(WORD, 4)})),
    "invoice": ("Two lamps at 10.50 and a chair at 80.00.", record(
        {"invoice_number": text(pattern="^[A-Z]{2}-[0-9]{4}$"),
         "issue_date": DATE,
         "customer": record({"name": LINE, "city": WORD}),
         "line_items": rows(record({"description": LINE,
                                    "quantity": whole(1, 99),
                                    "unit_price": MONEY}), 4),
         "total_amount": MONEY})),
    "classification": ("The toy broke on the first day.", record(
        {"sentiment": {"enum": ["positive", "neutral", "negative"]},
         "category": {"enum": ["delivery", "quality", "price", "support"]},
         "needs_human_review": {"type": "boolean"}})),
    "story facts": ("Once upon a time a dog found a bone.", record(
        {"main_character": WORD, "setting": LINE,
         "events": rows(record({"who": WORD, "what_happened": LINE}), 5),
         "moral_of_the_story": LINE})),
    "recipe": ("How do I make pancakes?", record(
        {"recipe_name": LINE,
         "ingredients": rows(record({"ingredient": WORD, "amount": WORD}), 6),
         "preparation_steps": rows(LINE, 4),
         "minutes_needed": whole(1, 240)})),
    "addresses": ("Everybody lives in the same street.", rows(record(
        {"street_name": WORD, "house_number": whole(1, 999),
         "postal_code": text(pattern="^[0-9]{5}$"), "city_name": WORD}), 4)),
    "answer with sources": ("Why is the sky blue?", record(
        {"answer": text(minLength=40, maxLength=240),
         "sources": rows(record({"document_title": LINE,
                                 "page_number": whole(1, 400)}), 3),
         "confidence": {"enum": ["low", "medium", "high"]}})),
}

SETTINGS = [("none", ["-k", "1"]), ("model", []), ("grammar", []),
            ("grammar,model", []), ("grammar,suffix,model", [])]

FREE = {
    "(?s).*": ["--regex", "(?s).*"],
    "a long JSON string": ["--json-schema", json.dumps(text(minLength=100000))],
}


def run(options, flags, prompt):
    """The result of a text, and the user time of its process."""
    command = [options.program, "generate", "-m", options.model,
               "-t", str(options.threads), "--temperature",
               str(options.temperature), "-s", "1", "--json", *flags, prompt]
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"failed: {' '.join(command)}")
        out.seek(0)
        return json.load(out), usage.ru_utime


def flags_of(options, setting, more, schema):
    flags = ["--reproducible", "--json-schema", json.dumps(schema),
             "-n", str(options.tokens), "--drafter", setting]
    if "model" in setting:
        flags += ["-d", options.draft]
    if not more:
        flags += ["-k", options.window]
    return flags + more


def in_turn(things, shift):
    shift %= len(things)
    return things[shift:] + things[:shift]


def decode_all(options):
    """{(schema, setting): passes of a run}, and the same for user times."""
    found = {}
    users = {}
    for round_ in range(options.runs):
        for i, (name, (prompt, schema)) in enumerate(SCHEMAS.items()):
            if options.only not in name:
                continue
            texts = set()
            for setting, more in in_turn(SETTINGS, round_ + i):
                flags = flags_of(options, setting, more, schema)
                result, user = run(options, flags, prompt + " As JSON: ")
                _, start = run(options, flags + ["-n", "1"],
                               prompt + " As JSON: ")
                users.setdefault((name, setting), []).append(user - start)
                found.setdefault((name, setting), []).append(
                    result["iterations"][1:])
                texts.add(result["text"])
            if len(texts) > 1:
                raise SystemExit(f"{name}: the texts differ: {texts}")
    return found, users


def seconds_of(found):
    """{(schema, setting): seconds}, all passes of a kind taking the same."""
    target, drafting = {}, {}
    for (_, setting), runs in found.items():
        for one in (one for passes in runs for one in passes):
            rest = one["total_seconds"] - one["draft_seconds"]
            target.setdefault(one["drafted"], []).append(rest)
            drafting.setdefault((setting, one["drafted"]), []).append(
                one["draft_seconds"])
    median = statistics.median
    target = {kind: median(all_) for kind, all_ in target.items()}
    drafting = {kind: median(all_) for kind, all_ in drafting.items()}
    return {(name, setting): sum(target[one["drafted"]]
                                 + drafting[setting, one["drafted"]]
                                 for passes in runs for one in passes)
            for (name, setting), runs in found.items()}


def show_drafters(options):
    found, users = decode_all(options)
    seconds = seconds_of(found)
    users = {key: statistics.median(all_) for key, all_ in users.items()}
    names = [name for name, _ in SETTINGS]

    def tokens(key):
        return sum(one["emitted"] for passes in found[key] for one in passes)

    def passes(key):
        return sum(len(passes) for passes in found[key])

    def row(title, keys_of):
        cells = []
        plain = sum(seconds[key] for key in keys_of("none"))
        for name in names[1:]:
            keys = keys_of(name)
            a_pass = sum(map(tokens, keys)) / sum(map(passes, keys))
            speed = plain / sum(seconds[key] for key in keys)
            user = (sum(users[key] for key in keys_of("none"))
                    / sum(users[key] for key in keys))
            cells.append(f"{a_pass:.2f}, {speed:.2f}, {user:.2f}")
        count = sum(map(tokens, keys_of("none"))) // options.runs
        print(f"| {title} | {count} | " + " | ".join(cells) + " |", flush=True)

    print("Tokens a pass, and speed in that of plain decoding with the same "
          "constraint: by time, by user time.\n")
    print("| schema | tokens | " + " | ".join(names[1:]) + " |")
    print("|---" * (len(names) + 1) + "|")
    for name in SCHEMAS:
        if (name, "none") in found:
            row(name, lambda setting, name=name: [(name, setting)])
    row("all", lambda setting: [key for key in found if key[1] == setting])


def show_masking(options):
    sides = {"none": []} | FREE
    passes = {name: [] for name in sides}
    beside = {name: [] for name in sides}
    users = {name: [] for name in sides}
    names = list(sides)
    for round_ in range(options.runs):
        for name in in_turn(names, round_):
            flags = ["-k", "1", "--ignore-eos", "--drafter", "none",
                     *sides[name]]
            prompt = "Once upon a time"
            _, start = run(options, flags + ["-n", "1"], prompt)
            result, user = run(options, flags + ["-n", str(options.tokens)],
                               prompt)
            users[name].append(user - start)
            for one in result["iterations"][1:]:
                passes[name].append(one["total_seconds"])
                beside[name].append(one["total_seconds"]
                                    - one["verify_seconds"])
    median = statistics.median
    print("| constraint | ms a token | in that without | user time in that "
          "without | us beside the passes |")
    print("|---|---|---|---|---|")
    for name in names:
        user = median([a / b for a, b in zip(users[name], users["none"])])
        print(f"| {name} | {1e3 * median(passes[name]):.2f} "
              f"| {median(passes[name]) / median(passes['none']):.3f} "
              f"| {user:.3f} | {1e6 * median(beside[name]):.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", default=str(MODELS / "pilotfish-stories"))
    parser.add_argument("--draft",
                        default=str(MODELS / "pilotfish-stories-draft"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--window", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--masking", action="store_true")
    options = parser.parse_args()
    (show_masking if options.masking else show_drafters)(options)


if __name__ == "__main__":
    main()
