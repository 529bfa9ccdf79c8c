"""Beam search over the Transformer, with its cache and its length penalty; the schedule; training and resuming."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from papers.transformer import inference as search
from papers.transformer import model as engine
from papers.transformer.config import VARIANTS, TransformerConfig
from papers.transformer.data import vocabularies
from papers.transformer.inference import GREEDY, OPTIONS, generate, prompts
from papers.transformer.model import BOS, EOS, PAD
from papers.transformer.train import configure_optimizer
from reference.transformer import inference as torch_search
from reference.transformer import model as reference
from reference.transformer.train import configure_optimizer as configure_torch
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.translation import vocabulary
from tinygrad_lab.data.translation.data import padded
from tinygrad_lab.data.translation.vocabulary import Vocabulary
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.training import Training
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator

PAPER = registry.find("transformer")
TINY = replace(VARIANTS["sinusoidal"]["tiny"], vocabulary=6)


def built(seed: int, config: TransformerConfig = TINY) -> engine.Transformer:
    """Of random weights so large that tokens differ in probability."""
    model = engine.build(config, generator(seed)).double().eval()
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter._data[...] += 0.5 * rng.standard_normal(parameter.shape)
    return model


def sources(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    return Tensor(rng.integers(3, 6, (len(lengths), max(lengths)))), Tensor(np.array(lengths))


def log_p(model: engine.Transformer, source: Tensor, length: Tensor, rows: list[list[int]]) -> list[float]:
    """log p of each row of tokens, given the one source, under teacher forcing: without the cache."""
    y = padded([[BOS, *row] for row in rows])
    each = np.zeros(len(rows), int)
    with no_grad():
        found = F.log_softmax(model(source[each], length[each], Tensor(y[:, :-1])), dim=-1).numpy()
    return [sum(float(found[n, t, token]) for t, token in enumerate(row)) for n, row in enumerate(rows)]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_enough_beams_find_the_best_of_all_sequences(alpha: float) -> None:
    """All sequences of up to four tokens, by log p / ((5 + n) / 6)^alpha; a beam for each of them loses none."""
    model = built(1)
    source, length = sources([4])
    everything = [[*body, EOS] for n in range(4) for body in itertools.product(range(3, 6), repeat=n)]
    score = {
        tuple(tokens): total / ((5 + len(tokens)) / 6) ** alpha
        for tokens, total in zip(everything, log_p(model, source, length, everything), strict=True)
    }
    (found,) = search.beam_search(model, source, length, width=400, limit=4, alpha=alpha)
    finished = [hypothesis for hypothesis in found if hypothesis.finished and np.isfinite(hypothesis.score)]
    assert {(*h.tokens, EOS) for h in finished} == set(score)
    assert (*finished[0].tokens, EOS) == max(score, key=score.__getitem__)
    np.testing.assert_allclose([h.score for h in finished], [score[(*h.tokens, EOS)] for h in finished], rtol=1e-10)


@pytest.mark.parametrize("width", [1, 4])
def test_both_sides_find_the_same_and_a_batch_what_each_source_finds_alone(width: int) -> None:
    ours, theirs = built(2), reference.build(TINY).double().eval()
    theirs.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in ours.state_dict().items()})
    source, length = sources([7, 1, 4])
    mine = search.beam_search(ours, source, length, width, limit=9)
    other = torch_search.beam_search(theirs, torch.tensor(source.numpy()), torch.tensor(length.numpy()), width, limit=9)
    assert [[h.tokens for h in found] for found in mine] == [[h.tokens for h in found] for found in other]
    for row, n in enumerate(length.tolist()):
        (alone,) = search.beam_search(ours, source[row : row + 1, :n], length[row : row + 1], width, limit=9)
        assert [h.tokens for h in alone] == [h.tokens for h in mine[row]]
        for found in (alone, other[row]):
            np.testing.assert_allclose([h.score for h in mine[row]], [h.score for h in found], rtol=1e-10)


@pytest.mark.parametrize("module", [search, torch_search])
@pytest.mark.parametrize(("width", "limit"), [(0, 5), (3, 0)])
def test_no_beam_and_no_tokens_are_errors(module: object, width: int, limit: int) -> None:
    (model, tensor) = (built(0), Tensor) if module is search else (reference.build(TINY), torch.from_numpy)
    with pytest.raises(ValueError, match=f"width and limit must be at least 1, got {width} and {limit}"):
        module.beam_search(model, tensor(np.ones((1, 2), int)), tensor(np.array([2])), width, limit)


def test_the_paper_searches_with_four_beams_and_a_penalty_of_0_6() -> None:
    assert (OPTIONS.beam, OPTIONS.length_penalty, GREEDY.beam) == (4, 0.6, 1)


# ---- text -----------------------------------------------------------------------------------------------------------
def test_generate_shows_the_source_and_its_translation() -> None:
    config = VARIANTS["sinusoidal"]["small"]
    json = vocabularies(config)
    asked: list[list[int]] = []

    def find(tokens: list[int], options: object) -> list[int]:
        asked.append(tokens)
        return Vocabulary(json["target"]).encode("2019-03-13")

    assert "".join(generate(find, config, "13 de marzo de 2019", OPTIONS, json)) == "13 de marzo de 2019 → 2019-03-13"
    assert asked == [[*Vocabulary(json["source"]).encode("13 de marzo de 2019"), EOS]]
    assert Vocabulary(json["source"]).encode("2019") == Vocabulary(json["target"]).encode("2019")
    for prompt, line in (("", "empty"), ("13 ☃", "did not occur in training"), ("1" * 50, "may have 49 tokens")):
        with pytest.raises(ValueError, match=line):
            list(generate(find, config, prompt, OPTIONS, json))
    assert len(set(prompts(config))) == 10


def test_model_and_vocabulary_mean_the_same_tokens() -> None:
    assert (PAD, BOS, EOS) == (vocabulary.PAD, vocabulary.BOS, vocabulary.EOS)
    assert (reference.PAD, reference.BOS, reference.EOS) == (PAD, BOS, EOS)


# ---- the recipe -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", ["engine", "reference"])
def test_the_rate_rises_for_the_warm_up_then_falls_as_the_root_of_the_step(side: str) -> None:
    """Equation 3, on both sides from the first step on."""
    module, configure = (engine, configure_optimizer) if side == "engine" else (reference, configure_torch)
    config = replace(TINY, warmup_steps=30, learning_rate=2.0)
    optimizer, scheduler = configure(module.build(config), config, 10**6)
    group, rates = optimizer.param_groups[0], []
    assert (tuple(group["betas"]), group["eps"]) == ((0.9, 0.98), 1e-9)
    for _ in range(90):
        rates.append(group["lr"])
        optimizer.step()
        scheduler.step()
    wanted = [2 * 8**-0.5 * min(step**-0.5, step * 30**-1.5) for step in range(1, 91)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-12)
    assert int(np.argmax(rates)) == 29


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_small_network_learns_dates_and_is_resumed(side: str, tmp_path: Path) -> None:
    config = replace(
        VARIANTS["sinusoidal"]["small"], hidden_size=16, feed_forward=32, train_items=256, batch_size=32, epochs=2,
        warmup_steps=12, learning_rate=0.3, dropout=0.0,
    )  # fmt: skip
    training = Training(PAPER, side, config, tmp_path)
    training.run()
    assert training.history[-1]["perplexity"] < 12  # from several hundred at the start
    again = Training(PAPER, side, config, tmp_path)
    again.resume()
    assert again.step == 16
    assert again.vocabularies == training.vocabularies
