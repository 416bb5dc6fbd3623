"""A byte-fallback BPE tokenizer, learnt by SentencePiece, in both file forms."""

import io
import json
from pathlib import Path

import sentencepiece

SPACE = "\u2581"


def train(stories, vocab_size: int, model_file: Path):
    """Learns the pieces and writes `tokenizer.model`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for story in stories for line in story.split("\n")),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    model_file.write_bytes(model.getvalue())


def load(model_file: Path):
    return sentencepiece.SentencePieceProcessor(model_file=str(model_file))


def merges(pieces: dict) -> list:
    """The merge rules that the order of the pieces implies (SentencePiece keeps
    only the pieces): for each piece every way to join it from two others, the
    pair whose parts were learnt first leading."""
    rules = []
    for piece, rank in pieces.items():
        parts = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        parts = [p for p in parts if p[0] in pieces and p[1] in pieces]
        parts.sort(key=lambda p: (pieces[p[0]], pieces[p[1]]))
        rules += [(rank, f"{left} {right}") for left, right in parts]
    return [rule for _, rule in sorted(rules, key=lambda r: r[0])]


def write_json(processor, folder: Path, context: int):
    """Writes `tokenizer.json` and `tokenizer_config.json`."""
    names = [processor.id_to_piece(i) for i in range(processor.vocab_size())]
    special = [
        {
            "id": i,
            "content": names[i],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i in range(3)
    ]
    learnt = {
        name: i
        for i, name in enumerate(names)
        if not (processor.is_byte(i) or processor.is_control(i) or processor.is_unknown(i))
    }
    sequence = lambda name, *steps: {"type": "Sequence", name: list(steps)}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    second = [{"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": sequence(
            "normalizers",
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        ),
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, text],
            "pair": [bos, text, *second],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": sequence(
            "decoders",
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {name: i for i, name in enumerate(names)},
            "merges": merges(learnt),
        },
    }
    settings = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": None,
        "clean_up_tokenization_spaces": False,
        "legacy": True,
        "model_max_length": context,
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
    }
    write = lambda name, value: (folder / name).write_text(
        json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    write("tokenizer.json", tokenizer)
    write("tokenizer_config.json", settings)
