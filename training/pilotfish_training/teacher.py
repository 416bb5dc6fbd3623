"""What the target says at every position of many windows, kept on disk.

A pass of the target costs many times one of the draft, so it is made once: the
K likeliest tokens of each position and their log-probabilities. What the other
tokens have together follows from them.
"""

import json
from pathlib import Path

import numpy as np
import torch

from .llama import Cache
from .loop import Progress

LIKELIEST = 64  # K


class Teacher:
    """Windows [windows, rows] and the target's say on each position's next
    token, [windows, rows, K]; grows on disk and goes on where it was cut."""

    def __init__(self, folder: Path, windows: np.ndarray):
        folder.mkdir(parents=True, exist_ok=True)
        self.windows = windows
        self.state = folder / "teacher.json"
        shape = (*windows.shape, LIKELIEST)
        if not self.state.exists():
            for name, dtype in (("ids", np.int32), ("logs", np.float16)):
                np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)
            self.state.write_text(json.dumps({"done": 0}))
        self.ids = np.load(folder / "ids.npy", mmap_mode="r+")
        self.logs = np.load(folder / "logs.npy", mmap_mode="r+")
        if self.ids.shape != shape:
            raise ValueError(f"{folder}: made for other windows; use an empty --work folder")

    @torch.no_grad()
    def ask(self, model, device, at_once: int = 16):
        done = json.loads(self.state.read_text())["done"]
        progress = Progress("teacher", len(self.windows), done)
        while done < len(self.windows):
            batch = self.windows[done : done + at_once]
            tokens = torch.from_numpy(batch.astype(np.int64)).to(device)
            logs, ids = model(tokens).log_softmax(-1).topk(LIKELIEST, -1)
            self.ids[done : done + len(batch)] = ids.cpu().numpy()
            self.logs[done : done + len(batch)] = logs.cpu().numpy()
            done += len(batch)
            self.state.write_text(json.dumps({"done": done}))
            progress.show(done, "windows")

    def batch(self, rows, device):
        """(tokens, ids, probabilities) of some windows."""
        take = lambda array, dtype: torch.from_numpy(array[rows].astype(dtype)).to(device)
        return (
            take(self.windows, np.int64),
            take(self.ids, np.int64),
            take(self.logs, np.float32).exp(),
        )


@torch.no_grad()
def sample(model, first, count: int, seed: int, temperature: float = 1.0):
    """Continues `first` [batch, rows] by `count` tokens; returns all of them."""
    generator = torch.Generator(device=first.device).manual_seed(seed)
    cache, tokens, latest = Cache(), first, first
    for _ in range(count):
        logits = model(latest, cache)[:, -1]
        if temperature == 0:
            latest = logits.argmax(-1, keepdim=True)
        else:
            odds = (logits / temperature).softmax(-1)
            latest = torch.multinomial(odds, 1, generator=generator)
        tokens = torch.cat([tokens, latest], 1)
    return tokens


def samples(model, bos: int, windows: int, rows: int, seed: int, file: Path, device):
    """Windows [windows, rows] of the target's own text, kept in `file`."""
    if file.exists():
        return np.load(file)
    at_once = 128
    found, progress = [], Progress("samples", windows)
    for start in range(0, windows, at_once):
        batch = min(at_once, windows - start)
        first = torch.full((batch, 1), bos, device=device)
        found.append(sample(model, first, rows - 1, seed + start).cpu().numpy())
        progress.show(start + batch, "windows")
    found = np.concatenate(found).astype(np.int32)
    np.save(file, found)
    return found
