"""Trains a draft on the distribution of its target.

What speculation wants of a draft is overlap: a drafted token is accepted with
probability sum(min(p, q)) = 1 - TV(p, q). Kullback-Leibler divergence teaches
fast, total variation is the aim itself (DistillSpec, arXiv 2310.08461); the loss
goes from the one to the other.
"""

import numpy as np
import torch

from . import loop
from .llama import Llama, LlamaShape

TINY = 1e-9


def buckets(model, tokens, ids, p):
    """(p, q, log q), each [windows, rows, K + 1]: the teacher's likeliest tokens
    and, last, all the others together."""
    log_q = model(tokens).log_softmax(-1).gather(-1, ids)
    q = log_q.exp()
    rest = lambda x: (1 - x.sum(-1, keepdim=True)).clamp_min(TINY)
    p, q_all = torch.cat([p, rest(p)], -1), torch.cat([q, rest(q)], -1)
    return p, q_all, torch.cat([log_q, rest(q).log()], -1)


def distillation_loss(model, batch, towards_tv: float):
    p, q, log_q = buckets(model, *batch)
    divergence = (p * (p.clamp_min(TINY).log() - log_q)).sum(-1).mean()
    variation = 1 - torch.minimum(p, q).sum(-1).mean()
    return (1 - towards_tv) * divergence + towards_tv * variation


def train(shape: LlamaShape, teacher, recipe, checkpoint, device, held_out: int = 0):
    """Distils a draft of `shape`; the last `held_out` windows are not seen."""
    torch.manual_seed(recipe.seed)
    model = Llama(shape).to(device)
    windows = len(teacher.windows) - held_out

    def loss(step):
        random = np.random.default_rng((recipe.seed, step))
        rows = np.sort(random.choice(windows, min(recipe.draft_rows, windows), replace=False))
        towards_tv = max(0.0, 2 * step / recipe.draft_steps - 1)
        return distillation_loss(model, teacher.batch(rows, device), 0.9 * towards_tv)

    loop.train("draft", model, loss, recipe.draft_steps, recipe.draft_peak, checkpoint)
    return model


@torch.no_grad()
def overlap(model, teacher, rows, device):
    """(sum min(p, q), share of equal argmax) over some windows. The sum takes what
    lies beyond the teacher's likeliest for one token: an upper bound, near where
    the target is sure of itself."""
    sums, equal = [], []
    for start in range(0, len(rows), 16):
        tokens, ids, p = teacher.batch(rows[start : start + 16], device)
        p, q, _ = buckets(model, tokens, ids, p)
        sums.append(torch.minimum(p, q).sum(-1).mean(-1))
        equal.append((model(tokens).argmax(-1) == ids[..., 0]).float().mean(-1))
    return torch.cat(sums).mean().item(), torch.cat(equal).mean().item()


def shape_for(target: LlamaShape, parameters: int, share: float) -> LlamaShape:
    """The widest draft shape of at most `share` of the target's parameters."""
    best = None
    for hidden in range(64, target.hidden_size + 1, 64):
        shape = LlamaShape(
            vocab_size=target.vocab_size,
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=3,
            num_attention_heads=hidden // 64,
            num_key_value_heads=1 if hidden < 256 else hidden // 128,
            head_dim=64,
            max_position_embeddings=target.max_position_embeddings,
            tie_word_embeddings=True,
        )
        heads_fit = shape.num_attention_heads % shape.num_key_value_heads == 0
        if heads_fit and shape.parameter_count() <= share * parameters:
            best = shape
    if best is None:
        raise ValueError(
            f"no draft fits into {share:.3f} of {parameters:,} parameters with a "
            f"vocabulary of {target.vocab_size:,}: raise --share"
        )
    return best
