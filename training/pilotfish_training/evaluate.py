"""Held-out loss, an n-gram baseline for scale, and acceptance."""

from collections import Counter, defaultdict
from math import log

import numpy as np
import torch
import torch.nn.functional as F

from .teacher import sample


@torch.no_grad()
def loss(model, stories, context: int, device) -> float:
    """Nats a token over whole stories, each from its <s>."""
    total, count = 0.0, 0
    for story in stories:
        tokens = torch.from_numpy(story[: context + 1].astype(np.int64)).to(device)[None]
        logits = model(tokens[:, :-1])[0]
        total += F.cross_entropy(logits, tokens[0, 1:], reduction="sum").item()
        count += tokens.shape[1] - 1
    return total / count


class Trigram:
    """Interpolated absolute discounting (Ney, Essen and Kneser 1994)."""

    DISCOUNT = 0.75

    def __init__(self, stories, vocab_size: int):
        self.vocab_size = vocab_size
        self.counts = [defaultdict(Counter) for _ in range(3)]  # by length of context
        for story in stories:
            ids = story.tolist()
            for i, token in enumerate(ids):
                for length in range(min(i, 2) + 1):
                    self.counts[length][tuple(ids[i - length : i])][token] += 1
        self.totals = [{c: sum(f.values()) for c, f in table.items()} for table in self.counts]

    def probability(self, context: tuple, token: int) -> float:
        p = 1 / self.vocab_size
        for length in range(len(context) + 1):
            key = context[len(context) - length :]
            followers = self.counts[length].get(key)
            if followers is None:
                break
            total = self.totals[length][key]
            spread = self.DISCOUNT * len(followers) / total
            p = max(followers[token] - self.DISCOUNT, 0) / total + spread * p
        return p

    def loss(self, stories) -> float:
        total, count = 0.0, 0
        for story in stories:
            ids = story.tolist()
            for i in range(1, len(ids)):
                total -= log(self.probability(tuple(ids[max(0, i - 2) : i]), ids[i]))
                count += 1
        return total / count


@torch.no_grad()
def acceptance(target, draft, prompts, length: int, temperature: float, device) -> float:
    """Mean over the target's own continuations of `prompts` (arrays of ids) of
    sum(min(p, q)), at temperature 0 of equal argmax."""
    total, count = 0.0, 0
    for prompt in prompts:
        first = torch.from_numpy(prompt.astype(np.int64)).to(device)[None]
        # Eight continuations of each, so that the mean is steady.
        batch = 1 if temperature == 0 else 8
        tokens = sample(target, first.expand(batch, -1), length, len(prompt), temperature)
        rows = slice(first.shape[1] - 1, tokens.shape[1] - 1)
        p, q = target(tokens)[:, rows], draft(tokens)[:, rows]
        if temperature == 0:
            kept = (p.argmax(-1) == q.argmax(-1)).float()
        else:
            p, q = (x / temperature for x in (p, q))
            kept = torch.minimum(p.softmax(-1), q.softmax(-1)).sum(-1)
        # What follows the end of a story is another story: not counted.
        ended = (tokens[:, rows] == 2).cumsum(-1) > 0
        total += kept[~ended].sum().item()
        count += (~ended).sum().item()
    return total / count
