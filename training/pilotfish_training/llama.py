"""A Llama in PyTorch, as small as the file format allows.

Names of parameters are Hugging Face's, so that a state dict is the contents of
`model.safetensors`. Rotary embedding is the half-split form of those weights.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class LlamaShape:
    """Sizes of a model, under the names of `config.json`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    tie_word_embeddings: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    rope_scaling: dict = None

    @classmethod
    def from_config(cls, config: dict) -> "LlamaShape":
        """Reads `config.json`; a feature this file lacks is refused."""
        if config.get("model_type") != "llama":
            raise ValueError(
                f"config.json: model_type is {config.get('model_type')!r}; "
                "this recipe reads 'llama'"
            )
        heads = config["num_attention_heads"]
        known = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        known.setdefault("num_key_value_heads", heads)
        if not known.get("head_dim"):
            known["head_dim"] = config["hidden_size"] // heads
        return cls(**known)

    def parameter_count(self) -> int:
        """Of a shape without biases."""
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        layer = self.hidden_size * (2 * queries + 2 * keys + 3 * self.intermediate_size + 2)
        tables = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return tables + self.num_hidden_layers * layer + self.hidden_size

    def config(self) -> dict:
        """The architecture part of `config.json`."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            **asdict(self),
        }


def scale_frequencies(frequencies, scaling: dict):
    """`rope_scaling` of `config.json`: none, linear, or Llama 3.1's."""
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return frequencies
    if kind == "linear":
        return frequencies / scaling["factor"]
    if kind != "llama3":
        raise ValueError(f"config.json: rope_scaling of type {kind!r} is not supported here")
    factor, low, high = (scaling[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    turns = scaling["original_max_position_embeddings"] * frequencies / (2 * torch.pi)
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * (kept + (1 - kept) / factor)


def rotary_tables(shape: LlamaShape, past: int, rows: int):
    """cos and sin of the positions from `past` on, each [rows, head_dim]."""
    half = torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim
    frequencies = scale_frequencies(shape.rope_theta**-half, shape.rope_scaling or {})
    positions = torch.arange(past, past + rows, dtype=torch.float64)
    angles = torch.outer(positions, frequencies)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """x [batch, heads, rows, head_dim], tables [rows, head_dim]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    def __init__(self, shape: LlamaShape):
        super().__init__()
        self.shape = shape
        bias = shape.attention_bias
        queries = shape.num_attention_heads * shape.head_dim
        keys = shape.num_key_value_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, queries, bias=bias)
        self.k_proj = nn.Linear(shape.hidden_size, keys, bias=bias)
        self.v_proj = nn.Linear(shape.hidden_size, keys, bias=bias)
        self.o_proj = nn.Linear(queries, shape.hidden_size, bias=bias)

    def forward(self, x, cos, sin, mask, cache):
        batch, rows, _ = x.shape
        shape = self.shape
        split = lambda y, heads: y.view(batch, rows, heads, shape.head_dim).transpose(1, 2)
        q = rotate(split(self.q_proj(x), shape.num_attention_heads), cos, sin)
        k = rotate(split(self.k_proj(x), shape.num_key_value_heads), cos, sin)
        v = split(self.v_proj(x), shape.num_key_value_heads)
        if cache is not None:
            k, v = cache.append(self, k, v)
        # The query heads of one K/V head are rows of one product.
        group = shape.num_attention_heads // shape.num_key_value_heads
        q = q.reshape(batch, shape.num_key_value_heads, group * rows, shape.head_dim)
        scores = q @ k.transpose(-1, -2) * shape.head_dim**-0.5
        scores = scores.view(batch, -1, group, rows, k.shape[2]) + mask
        mixed = scores.softmax(-1).view(batch, -1, group * rows, k.shape[2]) @ v
        mixed = mixed.view(batch, shape.num_attention_heads, rows, shape.head_dim)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, rows, -1))


class MLP(nn.Module):
    def __init__(self, shape: LlamaShape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=shape.mlp_bias)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=shape.mlp_bias)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=shape.mlp_bias)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape: LlamaShape):
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = MLP(shape)

    def forward(self, x, cos, sin, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    """Everything below the last projection."""

    def __init__(self, shape: LlamaShape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)


class Llama(nn.Module):
    def __init__(self, shape: LlamaShape):
        super().__init__()
        self.shape = shape
        self.model = Body(shape)
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        if shape.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.initialise()

    def initialise(self):
        """Normal weights; what writes to the residual stream starts smaller."""
        for name, weight in self.named_parameters():
            if weight.dim() < 2:
                continue
            std = 0.02 if "embed" in name or "lm_head" in name else weight.shape[1] ** -0.5
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                std *= (2 * self.shape.num_hidden_layers) ** -0.5
            nn.init.normal_(weight, std=std)

    def forward(self, tokens, cache=None):
        """tokens [batch, rows] -> logits [batch, rows, vocab]."""
        rows = tokens.shape[1]
        past = cache.length if cache is not None else 0
        x = self.model.embed_tokens(tokens)
        cos, sin = (t.to(x) for t in rotary_tables(self.shape, past, rows))
        future = torch.full((rows, past + rows), float("-inf"), dtype=x.dtype, device=x.device)
        mask = future.triu(past + 1)
        for layer in self.model.layers:
            x = layer(x, cos, sin, mask, cache)
        if cache is not None:
            cache.length += rows
        return self.lm_head(self.model.norm(x))

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


class Cache:
    """Keys and values of the positions seen, for sampling."""

    def __init__(self):
        self.length = 0
        self.kept = {}

    def append(self, layer, k, v):
        if layer in self.kept:
            old_k, old_v = self.kept[layer]
            k, v = torch.cat([old_k, k], 2), torch.cat([old_v, v], 2)
        self.kept[layer] = k, v
        return k, v
