"""Hugging Face model folders: `config.json` and `model.safetensors`."""

import json
import struct
from pathlib import Path

import numpy as np
import torch

from .llama import Llama, LlamaShape

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_safetensors(path: Path, tensors: dict):
    """Writes tensors in name order, each aligned to 64 bytes by the header."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in sorted(tensors.items()):
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in sorted(tensors.items()):
            bits = tensor.detach().cpu().contiguous()
            wide = torch.int32 if bits.element_size() == 4 else torch.int16
            out.write(bits.view(wide).numpy().tobytes())
    partial.replace(path)


def read_safetensors(path: Path) -> dict:
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r", 8 + length)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(bytearray(data[start:end]), dtype=dtype)
        tensors[name] = flat.view(entry["shape"])
    return tensors


def load_model(folder: Path) -> Llama:
    """A Llama folder, its shards joined, in float32."""
    shape = LlamaShape.from_config(json.loads((folder / "config.json").read_text()))
    weights = {}
    for shard in sorted(folder.glob("*.safetensors")):
        weights.update(read_safetensors(shard))
    if not weights:
        raise FileNotFoundError(f"{folder}: no .safetensors file")
    if shape.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(shape)
    model.load_state_dict({k: v.float() for k, v in weights.items() if "rotary" not in k})
    return model


def save_model(model: Llama, folder: Path, token_ids: dict):
    """Writes the folder in bfloat16; `token_ids` are bos_token_id and such."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {**model.shape.config(), **token_ids, "torch_dtype": "bfloat16"}
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    write("config.json", config)
    write(
        "generation_config.json",
        {**token_ids, "max_length": model.shape.max_position_embeddings},
    )
    weights = {name: w.to(torch.bfloat16) for name, w in model.state_dict().items()}
    if model.shape.tie_word_embeddings:
        del weights["lm_head.weight"]
    write_safetensors(folder / "model.safetensors", weights)
