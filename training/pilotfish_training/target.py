"""Trains the target on stories, with novels mixed in early on."""

import numpy as np
import torch
import torch.nn.functional as F

from . import loop
from .data import StoryStream
from .llama import Llama

WINDOW = 256
NOVEL_SHARE = 0.3  # of the windows at first; none after 60 % of the steps


class Windows:
    """The rows of each step: [rows, window + 1] tokens, by step number alone."""

    def __init__(self, stories, novels, recipe):
        self.stream = StoryStream(stories, recipe.seed)
        self.novels = np.concatenate(novels)
        self.recipe = recipe

    def of_step(self, step: int):
        # The last tenth reads windows as long as the context.
        late = step >= 0.9 * self.recipe.target_steps
        window = 2 * WINDOW if late else WINDOW
        rows = self.recipe.rows * WINDOW // window
        share = NOVEL_SHARE * max(0.0, 1 - step / (0.6 * self.recipe.target_steps))
        random = np.random.default_rng((self.recipe.seed, step))
        position = step * self.recipe.rows * WINDOW
        found = []
        for row in range(rows):
            tokens = self.stream.read(position + row * window, window + 1)
            if random.random() < share:
                start = random.integers(len(self.novels) - window - 1)
                tokens = self.novels[start : start + window + 1]
            found.append(tokens.astype(np.int64))
        return torch.from_numpy(np.stack(found))


def next_token_loss(model, tokens):
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def train(stories, novels, recipe, checkpoint, device):
    torch.manual_seed(recipe.seed)
    model = Llama(recipe.target).to(device)
    windows = Windows(stories, novels, recipe)
    loss = lambda step: next_token_loss(model, windows.of_step(step).to(device))
    loop.train("target", model, loss, recipe.target_steps, recipe.target_peak, checkpoint)
    return model
