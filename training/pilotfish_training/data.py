"""From text files to windows of tokens.

The corpus is two samples of TinyStories, which overlap, and a few novels. The
second sample is in lower case; capitals are given back from what the first
says about each word. A tenth of the stories is held out, by a hash of the
story's letters, so that a story that stands in both samples falls on one side.
"""

import csv
import hashlib
import lzma
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SEPARATOR = "<|endoftext|>"

# For children, or plain adventures: the nearest that the novels come to the
# stories. (author, title) as index.tsv has them.
NOVELS = (
    "The Secret Garden",
    "Little Lord Fauntleroy",
    "A Little Princess",
    "Milly and Olly",
    "Treasure Island",
    "The Lost World",
    "King Solomon's Mines",
)


class Truecaser:
    """Capitals for text that lost them, by majority in text that has them."""

    WORD = re.compile(r"[A-Za-z']+")
    STARTS = re.compile(r"(?:^|[.!?][\"']?\s+|\n\s*|(?:^|\s)\")([a-z])", re.MULTILINE)

    def __init__(self, cased: str):
        forms = Counter()
        for found in re.finditer(r"(?<=[a-z,] )[A-Za-z']+", cased):
            forms[found.group()] += 1
        self.capitalised = {}
        for form, count in forms.items():
            lower = form.lower()
            if form != lower and count > forms[lower]:
                if count > forms[self.capitalised.get(lower, lower)]:
                    self.capitalised[lower] = form

    def __call__(self, lower: str) -> str:
        names = self.WORD.sub(lambda w: self.capitalised.get(w.group(), w.group()), lower)
        return self.STARTS.sub(lambda m: m.group()[:-1] + m.group()[-1].upper(), names)


def letters(story: str) -> str:
    return "".join(re.findall("[a-z]", story.lower()))


def read_stories(text: Path):
    """(training stories, held-out stories), each once, in a fixed order."""
    cased = (text / "tinystories.txt").read_text("utf-8").split(SEPARATOR)[:-1]
    cased = [story.strip() for story in cased]
    # There, a blank line parts paragraphs and a bare line break parts stories.
    lower = (text / "tinystories-lower.txt").read_text("utf-8")
    lower = [story.strip() for story in re.split(r"(?<!\n)\n(?!\n)", lower)][:-1]
    truecase = Truecaser("\n".join(cased))

    train, held_out, seen = [], [], set()
    for story in cased + [truecase(re.sub(r"\n\n+", "\n", s)) for s in lower]:
        story = clean(story)
        key = letters(story)[:120]
        if len(key) < 120 or key in seen:
            continue
        seen.add(key)
        digest = hashlib.sha256(key.encode()).digest()
        (held_out if digest[0] < 26 else train).append(story)
    return train, held_out


def clean(story: str) -> str:
    """One line break between paragraphs, plain quotes, nothing but Latin-1."""
    for old, new in (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"), ("–", "-"), ("—", "-")):
        story = story.replace(old, new)
    story = re.sub(r"[ \t]+", " ", story)
    story = re.sub(r"\s*\n\s*", "\n", story)
    return "".join(c for c in story if c == "\n" or " " <= c <= "ÿ")


def read_novels(text: Path):
    """The chosen novels, a paragraph a line."""
    folder = text / "novels"
    with lzma.open(folder / "novels.txt.xz") as packed:
        everything = packed.read()
    with open(folder / "index.tsv", encoding="utf-8", newline="") as table:
        rows = [r for r in csv.DictReader(table, delimiter="\t") if r["title"] in NOVELS]
    found = []
    for row in rows:
        start = int(row["offset"])
        novel = everything[start : start + int(row["bytes"])].decode("utf-8", "replace")
        paragraphs = re.split(r"\n\s*\n", novel)
        found.append(clean("\n".join(" ".join(p.split()) for p in paragraphs)))
    return found


def encode_stories(tokenizer, stories) -> list:
    """Each story as <s> ... </s>, in uint16 arrays."""
    bos, eos = tokenizer.bos_id(), tokenizer.eos_id()
    return [np.array([bos, *ids, eos], np.uint16) for ids in tokenizer.encode(stories)]


class StoryStream:
    """Endless shuffled stories, end to end; a function of (seed, position)."""

    def __init__(self, stories: list, seed: int):
        self.stories, self.seed = stories, seed
        self.size = sum(map(len, stories))
        self.epochs = {}

    def epoch(self, number: int):
        if number not in self.epochs:
            order = np.random.default_rng((self.seed, number)).permutation(len(self.stories))
            self.epochs = {number: np.concatenate([self.stories[i] for i in order])}
        return self.epochs[number]

    def read(self, position: int, count: int):
        """`count` tokens from `position` on, over the ends of epochs."""
        parts = []
        while count > 0:
            number, start = divmod(position, self.size)
            part = self.epoch(number)[start : start + count]
            parts.append(part)
            position += len(part)
            count -= len(part)
        return np.concatenate(parts)


@dataclass(frozen=True)
class Corpus:
    train: list  # stories
    held_out: list  # stories
    novels: list


def read_corpus(text: Path, quick: bool = False) -> Corpus:
    train, held_out = read_stories(text)
    if quick:
        return Corpus(train[:500], held_out[:50], [" ".join(train[500:510])])
    return Corpus(train, held_out, read_novels(text))
