"""Mamba's neighbours are the same networks in PyTorch, and are trained alike there: their runs witness the engine's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papers.mamba import data
from papers.mamba.config import VARIANTS
from papers.mamba.study import neighbours
from reference.mamba.study import neighbours as reference
from tests.numerics import relative_error
from tinygrad_lab.lab import agreement, registry
from tinygrad_lab.lab.sides import Arrays, NumpySide, Side, TorchSide
from tinygrad_lab.random import generator

PAPER = registry.find("mamba")
SIDES = NumpySide(PAPER, "study.neighbours"), TorchSide(PAPER, "study.neighbours")


def neighbour(network: str, **changes: Any) -> neighbours.NeighbourConfig:
    """On text, where every token has an answer."""
    return neighbours.beside(VARIANTS["s6"]["tiny"], network, **{"hidden_size": 8, "heads": 2, **changes})


def weights_of(config: neighbours.NeighbourConfig, seed: int) -> Arrays:
    """Unlike the initial ones, of which many are equal."""
    rng = generator(seed)
    return {name: rng.standard_normal(value.shape) for name, value in SIDES[0].state(SIDES[0].build(config)).items()}


def model_of(side: Side, config: neighbours.NeighbourConfig, weights: Arrays) -> Any:
    model = side.build(config, dtype="float64")
    side.load(model, weights)
    return model


def computed(side: Side, config: neighbours.NeighbourConfig, weights: Arrays, batch: dict[str, Any]) -> Arrays:
    """Logits, loss and all gradients."""
    model, batch = model_of(side, config, weights), side.batch(batch, "float64")
    loss = side.loss(model, batch)
    loss.backward()
    found = {"logits": side.array(model(batch["tokens"])), "loss": side.array(loss)}
    return found | side.gradients(model.named_parameters())


def test_both_sides_have_the_same_neighbours() -> None:
    assert list(neighbours.NETWORKS) == list(reference.NETWORKS)


@given(
    network=st.sampled_from(list(neighbours.NETWORKS)), layers=st.integers(1, 3), heads=st.sampled_from([1, 2, 4]),
    feed_forward=st.integers(1, 9), length=st.integers(2, 9), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_same_weights_give_the_same_logits_and_gradients(
    network: str, layers: int, heads: int, feed_forward: int, length: int, seed: int
) -> None:
    sizes = {"layers": layers, "heads": heads, "feed_forward": feed_forward, "length": length, "context": length}
    config = neighbour(network, **sizes)
    weights, batch = weights_of(config, seed), data.example_batch(config, generator(seed))
    ours, theirs = (computed(side, config, weights, batch) for side in SIDES)
    assert ours.keys() == theirs.keys() == {"logits", "loss", *weights}
    floor = agreement.floor(theirs)
    for name, value in theirs.items():
        assert relative_error(ours[name], value, floor) < agreement.tolerance("gradient", "float64", 1), name


@pytest.mark.parametrize("network", neighbours.NETWORKS)
def test_training_goes_the_same_way(network: str) -> None:
    config = neighbour(network, learning_rate=0.02)
    weights = {name: 0.1 * value for name, value in weights_of(config, 0).items()}

    def losses(side: Side) -> list[float]:
        model, rng = model_of(side, config, weights), generator(1)
        batches = (data.example_batch(config, rng) for _ in range(10))
        return list(side.train(model, *side.optimizer(model, config, 10), batches, "float64"))

    ours, theirs = map(losses, SIDES)
    assert len(set(theirs)) == 10
    np.testing.assert_allclose(ours, theirs, rtol=agreement.tolerance("trajectory", "float64", 1))
