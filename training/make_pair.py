#!/usr/bin/python3
"""Makes the pair that ships with pilotfish: tokenizer, target, draft.

    python3 training/make_pair.py --text FOLDER --out models

A run that was cut goes on where it was when started again with the same
--work folder. --quick makes a toy in a minute.
"""

import argparse
from pathlib import Path

import torch
from pilotfish_training import data, pair, recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, required=True, help="the corpus (see README.md)")
    parser.add_argument("--out", type=Path, default=Path("models"), help="where the folders go")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="checkpoints")
    parser.add_argument("--threads", type=int, default=0, help="default: one a processor")
    parser.add_argument("--quick", action="store_true", help="a toy, in a minute")
    options = parser.parse_args()
    if not (options.text / "tinystories.txt").exists():
        parser.error(f"--text {options.text}: no tinystories.txt there")
    if options.threads:
        torch.set_num_threads(options.threads)
    pair.make(
        recipe.QUICK if options.quick else recipe.FULL,
        data.read_corpus(options.text, quick=options.quick),
        options.work / ("quick" if options.quick else "full"),
        options.out,
    )


if __name__ == "__main__":
    main()
