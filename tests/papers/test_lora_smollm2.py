"""The parts of the SmolLM2 experiment, on a LLaMA so small that nothing has to be installed or downloaded."""

from dataclasses import replace

import numpy as np
import pytest

from papers.llama.config import VARIANTS
from papers.llama.model import Llama, build
from papers.llama.weights.pretrained import Pretrained
from papers.lora.model import attach, trainable
from papers.lora.weights import smollm2
from papers.lora.weights.smollm2 import Recipe
from tests.papers.seeded import seeded
from tinygrad_lab import nn
from tinygrad_lab.random import generator

CONFIG = VARIANTS["smollm2"]["tiny"]  # shared keys and tied embeddings, as in the large one
TOKENS = np.arange(400) % 7
RECIPE = Recipe(steps=30, batch_size=4, length=CONFIG.context, rank=2, learning_rate=0.1, windows=6)


def adapted() -> Llama:
    model = build(CONFIG, generator(0))
    seeded(attach, model, smollm2.TARGETS, RECIPE.rank, RECIPE.alpha, seed=1)
    return model


def test_adapters_learn_and_the_base_does_not() -> None:
    model = adapted()
    nn.init.normal_(model.model.embed_tokens.weight, generator=generator(2))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    loss_before = smollm2.held_out_loss(model, TOKENS, RECIPE)
    lines: list[str] = []
    losses = smollm2.adapt(model, TOKENS, RECIPE, lines.append)
    assert smollm2.held_out_loss(model, TOKENS, RECIPE) < loss_before
    assert (len(losses), len(lines)) == (30, 3)
    moved = {name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])}
    assert moved == set(trainable(model))


def test_merged_equals_unmerged_and_can_be_taken_back() -> None:
    model = adapted()
    smollm2.adapt(model, TOKENS, RECIPE, lambda line: None)
    found = smollm2.merged_equals_unmerged(model, TOKENS, RECIPE)
    assert found["merged_difference"] < 1e-5
    assert found["unmerged_difference"] == 0
    assert found["merged"] == pytest.approx(smollm2.held_out_loss(model, TOKENS, RECIPE), rel=1e-5)


def test_held_out_windows_are_spread_over_the_text() -> None:
    """A model that is sure of one token: its loss tells how often that token comes, in all parts of the text alike."""
    model = adapted()
    first, second = np.zeros(200, np.int64), np.ones(200, np.int64)
    halves = [smollm2.held_out_loss(model, part, RECIPE) for part in (first, second)]
    whole = smollm2.held_out_loss(model, np.concatenate([first, second]), RECIPE)
    assert min(halves) < whole < max(halves)


def test_batches_are_drawn_from_the_seed_alone() -> None:
    drawn = [[b["tokens"].numpy() for b in smollm2.training_batches(TOKENS, RECIPE)] for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    other = next(smollm2.training_batches(TOKENS, replace(RECIPE, seed=1)))["tokens"].numpy()
    assert not np.array_equal(other, drawn[0][0])


def test_published_weights_take_the_place_of_random_ones() -> None:
    source = build(CONFIG, generator(9))
    tensors = ((name, parameter.numpy().copy()) for name, parameter in source.named_parameters())
    loaded = smollm2.load_base(Pretrained(CONFIG, {}, tensors))
    state = source.state_dict()
    assert all(np.array_equal(array, state[name]) for name, array in loaded.state_dict().items())


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("rank", -1), ("learning_rate", 0.0), ("windows", 0)])
def test_impossible_recipes_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0, got {value}"):
        Recipe(**{name: value})
