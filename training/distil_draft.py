#!/usr/bin/python3
"""Distils a draft for a Hugging Face Llama folder.

    python3 training/distil_draft.py --target FOLDER --text FILE --out FOLDER

The text is what the draft shall be good at: a few megabytes of what the target
will be asked to write. `pilotfish tokenize` turns it into tokens, so every
tokenizer that pilotfish reads will do. A cut run goes on with the same --work.
"""

import argparse
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pilotfish_training import draft, hugging_face, recipe, teacher

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def tokens_of(options) -> np.ndarray:
    command = [options.pilotfish, "tokenize", "-m", options.target, "--json"]
    found = []
    for file in options.text:
        done = subprocess.run(
            [*command, "--file", file], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(done.stderr.strip())
        found += json.loads(done.stdout)["tokens"]
    return np.array(found, np.int32)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", type=Path, required=True, help="Hugging Face Llama folder")
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="UTF-8 files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the draft")
    parser.add_argument("--work", type=Path, default=Path("build/training/distil"))
    parser.add_argument("--share", type=float, default=1 / 12, help="of the target's parameters")
    parser.add_argument("--rows", type=int, default=256, help="tokens a window")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--own", type=float, default=0.2, help="share of the target's own samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="default: one a processor")
    parser.add_argument("--pilotfish", default="build/release/pilotfish", help="the program")
    return parser.parse_args()


def main():
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = json.loads((options.target / "config.json").read_text())
    token_ids = {k: config[k] for k in ("bos_token_id", "eos_token_id") if k in config}
    target = hugging_face.load_model(options.target).to(device).eval()
    shape = draft.shape_for(target.shape, target.parameter_count(), options.share)
    print(f"draft: {shape.parameter_count():,} parameters for {target.parameter_count():,}")

    options.work.mkdir(parents=True, exist_ok=True)
    tokens = tokens_of(options)
    told = tokens[: len(tokens) // options.rows * options.rows].reshape(-1, options.rows)
    if len(told) < 20:
        raise SystemExit(f"--text: {len(tokens)} tokens are too few; give at least {20 * options.rows}")
    told = np.random.default_rng(options.seed).permutation(told)
    first = config.get("bos_token_id", int(tokens[0]))
    own = teacher.samples(
        target, first, int(options.own * len(told)), options.rows, options.seed,
        options.work / "samples.npy", device,
    )  # fmt: skip
    held_out = max(4, len(told) // 20)
    lessons = teacher.Teacher(options.work, np.concatenate([own, told]))
    lessons.ask(target, device)

    plan = replace(recipe.FULL, draft_steps=options.steps, seed=options.seed)
    small = draft.train(shape, lessons, plan, options.work / "draft.pt", device, held_out)
    hugging_face.save_model(small, options.out, token_ids)
    for name in TOKENIZER_FILES:
        if (options.target / name).exists():
            shutil.copy(options.target / name, options.out / name)
    unseen = np.arange(len(lessons.windows) - held_out, len(lessons.windows))
    accepted, equal = draft.overlap(small, lessons, unseen, device)
    print(f"held out: acceptance {accepted:.3f} at temperature 1, {equal:.3f} greedy")


if __name__ == "__main__":
    main()
