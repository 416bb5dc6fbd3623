"""The training loop that target and draft share: schedule, steps, checkpoints."""

import json
import math
import sys
import time
from pathlib import Path
from typing import Callable

import torch


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear warm-up, then a cosine down to a fiftieth of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def optimiser(model, weight_decay: float = 0.1):
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99), eps=1e-9)


class Progress:
    """One line that rewrites itself on a terminal, else a line now and then."""

    def __init__(self, name: str, total: int, done: int = 0):
        self.name, self.total, self.first = name, total, done
        self.terminal = sys.stderr.isatty()
        self.start = self.shown = time.monotonic()

    def show(self, done: int, note: str = ""):
        now = time.monotonic()
        last = done == self.total
        if not last and now - self.shown < (0.5 if self.terminal else 30):
            return
        self.shown = now
        rate = (now - self.start) / (done - self.first)
        left = int(rate * (self.total - done))
        line = f"{self.name}: {done}/{self.total} {note}, {left // 60}:{left % 60:02} left"
        lead = "\r\033[K" if self.terminal else ""
        end = "" if self.terminal and not last else "\n"
        print(lead + line, end=end, file=sys.stderr, flush=True)


def train(
    name: str,
    model,
    loss_of_step: Callable,
    steps: int,
    peak: float,
    checkpoint: Path,
    save_every: int = 100,
):
    """Runs `steps` steps of AdamW on `loss_of_step(step)`.

    What a step sees depends on its number alone, so a run that was cut goes on
    from `checkpoint` as if nothing had been.
    """
    adam = optimiser(model)
    start, average = 0, None
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu")
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        start, average = state["step"], state["average"]
    progress = Progress(name, steps, start)
    model.train()
    for step in range(start, steps):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step, steps, peak, min(100, steps // 10))
        loss = loss_of_step(step)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        value = loss.item()
        average = value if average is None else 0.98 * average + 0.02 * value
        progress.show(step + 1, f"loss {average:.3f}")
        if (step + 1) % 20 == 0:
            with open(checkpoint.with_suffix(".jsonl"), "a", encoding="utf-8") as log:
                log.write(json.dumps({"step": step + 1, "loss": round(average, 4)}) + "\n")
        if (step + 1) % save_every == 0 or step + 1 == steps:
            save(checkpoint, model, adam, step + 1, average)
    model.eval()


def save(checkpoint: Path, model, adam, step: int, average: float):
    partial = checkpoint.with_suffix(".partial")
    torch.save(
        {
            "model": model.state_dict(),
            "adam": adam.state_dict(),
            "step": step,
            "average": average,
        },
        partial,
    )
    partial.replace(checkpoint)
