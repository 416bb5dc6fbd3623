"""The sizes and lengths of a run: the shipped pair's, and a toy's."""

from dataclasses import dataclass

from .llama import LlamaShape


@dataclass(frozen=True)
class Recipe:
    target: LlamaShape
    draft: LlamaShape
    target_steps: int
    draft_steps: int
    rows: int = 4  # windows of 256 tokens a step
    target_peak: float = 9e-4
    draft_rows: int = 8
    draft_peak: float = 2.5e-3
    teacher_tokens: int = 1_200_000  # of which a fifth are the target's own
    acceptance_tokens: int = 128  # of each text that acceptance is measured on
    seed: int = 1


VOCABULARY = 4096
CONTEXT = 512


def shape(vocabulary, hidden, intermediate, layers, heads, kv_heads, head_dim=64, tied=False):
    return LlamaShape(
        vocabulary, hidden, intermediate, layers, heads, kv_heads, head_dim,
        max_position_embeddings=CONTEXT, tie_word_embeddings=tied,
    )  # fmt: skip


FULL = Recipe(
    target=shape(VOCABULARY, 384, 1024, layers=8, heads=6, kv_heads=2),
    draft=shape(VOCABULARY, 128, 512, layers=3, heads=2, kv_heads=1, tied=True),
    target_steps=3000,
    draft_steps=3000,
)

QUICK = Recipe(
    target=shape(512, 96, 256, layers=3, heads=4, kv_heads=2, head_dim=24),
    draft=shape(512, 32, 64, layers=1, heads=2, kv_heads=1, head_dim=16, tied=True),
    target_steps=150,
    draft_steps=120,
    target_peak=5e-3,
    draft_peak=5e-3,
    teacher_tokens=60_000,
    acceptance_tokens=24,
)
