#!/usr/bin/python3
"""The recipe, tested: its parts, and a toy pair made from start to end.

    python3 training/tests/recipe_test.py PILOTFISH

PILOTFISH is the program. The toy needs the text that is not part of the project
(see tests/test_data.h) and is skipped without it. Exits with 77 where PyTorch or
SentencePiece is missing.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

try:
    import numpy as np
    import sentencepiece  # noqa: F401
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-torch and python3-sentencepiece")
    sys.exit(77)

TRAINING = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TRAINING))
from pilotfish_training import data, draft, evaluate, hugging_face, loop, recipe, teacher, tokenizer  # noqa: E402
from pilotfish_training.llama import Llama, LlamaShape  # noqa: E402

PROGRAM = sys.argv[1]
DATA = Path(os.environ.get("PILOTFISH_TEST_DATA", TRAINING.parent.parent / "shared" / "data"))
TINY = LlamaShape(64, 32, 48, 2, 4, 2, 8, max_position_embeddings=64)


def pilotfish(*arguments, env=None):
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=env
    )
    if done.returncode != 0:
        raise AssertionError(f"pilotfish {arguments[0]}: {done.stderr}")
    return done.stdout


def logits_differ_by(folder: Path, ids) -> float:
    """The largest difference between pilotfish's logits and PyTorch's in float64
    from the same bfloat16 weights, as a share of the logits' deviation. The scalar
    kernels keep activations in float32; avx512_bf16 would round them to bfloat16,
    which costs 1 to 3 % here and hides small mistakes in what was written."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "logits.npy"
        pilotfish(
            "score", "-m", folder, "--tokens", " ".join(map(str, ids)), "--logits", file,
            env={**os.environ, "PILOTFISH_ISA": "scalar"},
        )  # fmt: skip
        found = np.load(file)
    model = hugging_face.load_model(folder).double()
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0].numpy()
    return float(np.abs(found - expected).max() / expected.std())


class Parts(unittest.TestCase):
    def test_capitals_come_back(self):
        truecase = data.Truecaser("Then Tim saw a cat. One day, Tim and Mr. Fox ran, I think.")
        self.assertEqual(
            truecase('one day, tim said, "hi, mr. fox." i ran.\nhe hid.'),
            'One day, Tim said, "Hi, Mr. Fox." I ran.\nHe hid.',
        )

    def test_stream_reads_every_story_once_an_epoch(self):
        stories = [np.full(n, n, np.uint16) for n in (2, 3, 5)]
        stream = data.StoryStream(stories, seed=1)
        epoch = stream.read(0, 10)
        self.assertEqual(sorted(epoch.tolist()), sorted(np.concatenate(stories).tolist()))
        self.assertEqual(stream.read(7, 6).tolist(), [*epoch[7:], *stream.read(10, 3)])

    def test_later_tokens_do_not_change_earlier_logits(self):
        model = Llama(TINY).double()
        a, b = torch.arange(10)[None], torch.arange(10)[None].clone()
        b[0, 6:] = 1
        with torch.no_grad():
            self.assertTrue(torch.equal(model(a)[:, :6], model(b)[:, :6]))
            cache = teacher.Cache()
            steps = torch.cat([model(a[:, :4], cache), model(a[:, 4:], cache)], 1)
            self.assertLess((steps - model(a)).abs().max(), 1e-12)

    def test_a_run_that_was_cut_ends_with_the_same_weights(self):
        windows = torch.randint(0, 64, (30, 4, 17), generator=torch.Generator().manual_seed(1))

        def run(place, lengths):
            for stop in lengths:
                torch.manual_seed(1)
                model = Llama(TINY)

                def loss(step):
                    if step >= stop:
                        raise KeyboardInterrupt
                    logits = model(windows[step, :, :-1])
                    return torch.nn.functional.cross_entropy(
                        logits.flatten(0, 1), windows[step, :, 1:].flatten()
                    )

                try:
                    loop.train("tiny", model, loss, 30, 1e-3, place / "tiny.pt", save_every=5)
                except KeyboardInterrupt:
                    pass
            return model.state_dict()

        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            whole, cut = run(Path(one), [30]), run(Path(two), [7, 18, 30])
        for name, weights in whole.items():
            self.assertTrue(torch.equal(weights, cut[name]), name)

    def test_overlap_is_that_of_the_whole_distributions(self):
        # With K as large as the vocabulary nothing is left over.
        p = torch.rand(1, 5, 64).softmax(-1)
        model, tokens = Llama(TINY), torch.arange(5)[None]
        ids = torch.arange(64).expand(1, 5, 64)
        loss = draft.distillation_loss(model, (tokens, ids, p), towards_tv=1.0)
        q = model(tokens).softmax(-1)
        self.assertAlmostEqual(loss.item(), 0.5 * (p - q).abs().sum(-1).mean().item(), 5)
        divergence = draft.distillation_loss(model, (tokens, ids, p), towards_tv=0.0)
        expected = (p * (p.log() - q.log())).sum(-1).mean()
        self.assertAlmostEqual(divergence.item(), expected.item(), 5)

    def test_trigram_probabilities_sum_to_one(self):
        stories = [np.array([1, 5, 6, 7, 2]), np.array([1, 5, 6, 8, 2])]
        trigram = evaluate.Trigram(stories, 16)
        for context in ((), (5,), (5, 6), (9, 9), (9, 5)):
            total = sum(trigram.probability(context, token) for token in range(16))
            self.assertAlmostEqual(total, 1.0)

    def test_draft_shapes_keep_to_their_share(self):
        target = LlamaShape(32000, 2048, 5632, 22, 32, 4, 64)
        shape = draft.shape_for(target, target.parameter_count(), 1 / 12)
        self.assertLessEqual(shape.parameter_count(), target.parameter_count() / 12)
        self.assertEqual(Llama(TINY).parameter_count(), TINY.parameter_count())
        with self.assertRaises(ValueError):
            draft.shape_for(TINY, TINY.parameter_count(), 1 / 12)

    def test_shipped_sizes(self):
        target, small = recipe.FULL.target.parameter_count(), recipe.FULL.draft.parameter_count()
        self.assertTrue(15e6 <= target <= 30e6)
        self.assertLessEqual(small, target / 12)
        self.assertLessEqual(2 * (target + small), 48e6)

    def test_pilotfish_reads_what_is_written(self):
        """Every feature of a Llama folder that this recipe reads."""
        variants = {
            "plain": TINY,
            "tied": replace(TINY, tie_word_embeddings=True),
            "biases": replace(TINY, attention_bias=True, mlp_bias=True),
            "linear": replace(TINY, rope_scaling={"rope_type": "linear", "factor": 4.0}),
            "llama3": replace(
                TINY,
                rope_scaling={
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                },
            ),
        }
        for name, shape in variants.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as place:
                model = Llama(shape)
                for parameter in model.parameters():
                    torch.nn.init.normal_(parameter, std=0.3)
                hugging_face.save_model(model, Path(place), {"bos_token_id": 1, "eos_token_id": 2})
                self.assertLess(logits_differ_by(Path(place), list(range(1, 40))), 1e-4)


class Shipped(unittest.TestCase):
    """The models that come with the project."""

    def test_logits_are_those_of_float64(self):
        for name in ("pilotfish-stories", "pilotfish-stories-draft"):
            folder = TRAINING.parent / "models" / name
            prompt = "Once upon a time, a small dog found a big red ball in the park."
            ids = json.loads(pilotfish("tokenize", "-m", folder, "--json", prompt))["tokens"]
            with self.subTest(name):
                self.assertLess(logits_differ_by(folder, ids), 1e-4)


@unittest.skipUnless((DATA / "text" / "tinystories.txt").exists(), f"no text in {DATA}")
class ToyPair(unittest.TestCase):
    """`make_pair.py --quick`, and a draft distilled for its target."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.place.name)
        cls.run_script(
            "make_pair.py", "--quick", "--text", DATA / "text",
            "--out", cls.folder / "models", "--work", cls.folder / "work",
        )  # fmt: skip
        cls.target = cls.folder / "models" / "pilotfish-stories"
        cls.draft = cls.folder / "models" / "pilotfish-stories-draft"

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    @classmethod
    def run_script(cls, name, *arguments):
        command = [sys.executable, TRAINING / name, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout

    def test_results(self):
        results = json.loads((self.folder / "work" / "quick" / "results.json").read_text())
        uniform = np.log(512)
        self.assertLess(results["held_out_loss"]["target"], 0.8 * uniform)
        self.assertLess(results["held_out_loss"]["trigram"], 0.8 * uniform)
        for acceptance in results["acceptance"].values():
            self.assertTrue(0 < acceptance <= 1)

    def test_tokens_are_sentencepieces(self):
        processor = tokenizer.load(self.folder / "work" / "quick" / "tokenizer.model")
        _, held_out = data.read_stories(DATA / "text")
        text = "\n".join(held_out[:50]) + "  two  spaces\n\n\té ☃ 1234 😀"
        file = self.folder / "text.txt"
        file.write_text(text, "utf-8")
        found = json.loads(pilotfish("tokenize", "-m", self.target, "--json", "--file", file))
        self.assertEqual(found["tokens"], [1, *processor.encode(text)])

    def test_greedy_text_is_the_same_with_the_draft(self):
        for prompt in ("Once upon a time", "One day, a girl"):
            text = [
                pilotfish("generate", "-m", self.target, "-d", draft, "-p", prompt, "-n", 50)
                for draft in ("none", self.draft)
            ]
            self.assertEqual(*text)

    def test_logits_are_those_of_float64(self):
        for folder in (self.target, self.draft):
            self.assertLess(logits_differ_by(folder, list(range(1, 100))), 1e-4)

    def test_distils_a_draft_for_a_folder(self):
        text, out = self.folder / "some.txt", self.folder / "distilled"
        text.write_text("\n".join(data.read_stories(DATA / "text")[0][:100]), "utf-8")
        said = self.run_script(
            "distil_draft.py", "--target", self.target, "--text", text, "--out", out,
            "--work", self.folder / "distil", "--share", 0.7, "--steps", 30,
            "--rows", 64, "--pilotfish", PROGRAM,
        )  # fmt: skip
        self.assertIn("acceptance", said)
        pilotfish("generate", "-m", self.target, "-d", out, "-p", "Once", "-n", 20)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
