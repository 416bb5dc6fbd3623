"""The whole recipe, stage by stage; each leaves a file that a later run finds."""

import json
import re
from pathlib import Path

import numpy as np
import torch

from . import data, draft, evaluate, hugging_face, target, tokenizer
from .loop import Progress
from .recipe import CONTEXT, Recipe
from .teacher import Teacher, samples

TOKEN_IDS = {"bos_token_id": 1, "eos_token_id": 2}
PROMPTS = 64


def make(recipe: Recipe, corpus: data.Corpus, work: Path, out: Path):
    """Writes `out`/pilotfish-stories and `out`/pilotfish-stories-draft."""
    work.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    tokenizer_file = work / "tokenizer.model"
    if not tokenizer_file.exists():
        tokenizer.train(corpus.train, recipe.target.vocab_size, tokenizer_file)
    processor = tokenizer.load(tokenizer_file)
    stories = data.encode_stories(processor, corpus.train)
    novels = data.encode_stories(processor, corpus.novels)

    big = target.train(stories, novels, recipe, work / "target.pt", device)
    export(big, processor, out / "pilotfish-stories")

    teacher = Teacher(work, windows(big, stories, recipe, work, device))
    teacher.ask(big, device)
    small = draft.train(recipe.draft, teacher, recipe, work / "draft.pt", device)
    export(small, processor, out / "pilotfish-stories-draft")

    # What ships is bfloat16: that is what is measured.
    big, small = (
        hugging_face.load_model(out / name).to(device).eval()
        for name in ("pilotfish-stories", "pilotfish-stories-draft")
    )
    prompts = openings(corpus.held_out)
    prompts_file = out / "pilotfish-stories" / "prompts.txt"
    prompts_file.write_text("\n".join(prompts) + "\n", "utf-8")
    held_out = data.encode_stories(processor, corpus.held_out)
    results = measure(
        big, small, stories, held_out, processor.encode(prompts), recipe.acceptance_tokens, device
    )
    (work / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def windows(model, stories, recipe: Recipe, work: Path, device):
    """What the draft learns from: four fifths stories, a fifth the target's own
    text, so that it knows what the target says after the target's mistakes."""
    rows = target.WINDOW
    count = recipe.teacher_tokens // rows
    own = samples(model, 1, count // 5, rows, recipe.seed, work / "samples.npy", device)
    stream = data.StoryStream(stories, recipe.seed + 1)
    told = stream.read(0, (count - len(own)) * rows).reshape(-1, rows).astype(np.int32)
    return np.concatenate([told, own])


def export(model, processor, folder: Path):
    hugging_face.save_model(model, folder, TOKEN_IDS)
    tokenizer.write_json(processor, folder, CONTEXT)


def openings(stories) -> list:
    """The first sentence or two of held-out stories, at least 40 letters."""
    found = []
    for story in stories:
        opening = re.match(r"[^\n]{40,160}?[.!?](?=\s[A-Z])", story)
        if opening and len(found) < PROMPTS:
            found.append(opening.group())
    return found


def measure(big, small, stories, held_out, prompts, length: int, device) -> dict:
    prompts = [np.array([1, *ids]) for ids in prompts]
    results = {
        "parameters": {"target": big.parameter_count(), "draft": small.parameter_count()},
        "held_out_loss": {
            "target": evaluate.loss(big, held_out, CONTEXT, device),
            "draft": evaluate.loss(small, held_out, CONTEXT, device),
            "trigram": evaluate.Trigram(stories, big.shape.vocab_size).loss(held_out),
        },
        "acceptance": {},
    }
    progress = Progress("acceptance", 3)
    for done, temperature in enumerate((0.0, 0.7, 1.0)):
        results["acceptance"][str(temperature)] = evaluate.acceptance(
            big, small, prompts, length, temperature, device
        )
        progress.show(done + 1)
    return results
