"""The networks beside LeNet-5 are the same in PyTorch, and are trained alike there: their runs witness the engine's."""

from typing import Any

import numpy as np
import pytest

from papers.lenet import data
from papers.lenet.study import networks
from reference.lenet.study import networks as reference
from tests.numerics import relative_error
from tinygrad_lab.lab import agreement, registry
from tinygrad_lab.lab.sides import Arrays, NumpySide, Side, TorchSide
from tinygrad_lab.random import generator

PAPER = registry.find("lenet")
SIDES = NumpySide(PAPER, "study.networks"), TorchSide(PAPER, "study.networks")


def model_of(side: Side, config: networks.NetworkConfig) -> Any:
    """The engine's initial weights, on either side."""
    model = side.build(config, dtype="float64")
    side.load(model, SIDES[0].state(SIDES[0].build(config, 3)))
    return model


def computed(side: Side, config: networks.NetworkConfig) -> Arrays:
    """Logits, loss and all gradients."""
    model, batch = model_of(side, config), side.batch(data.example_batch(config, generator(1)), "float64")
    loss = side.loss(model, batch)
    loss.backward()
    found = {"logits": side.array(model(batch["image"])), "loss": side.array(loss)}
    return found | side.gradients(model.named_parameters())


def test_both_sides_have_the_same_networks() -> None:
    assert list(networks.NETWORKS) == list(reference.NETWORKS)


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_the_same_weights_give_the_same_logits_and_gradients(network: str) -> None:
    ours, theirs = (computed(side, networks.NetworkConfig(network=network)) for side in SIDES)
    assert ours.keys() == theirs.keys()
    floor = agreement.floor(theirs)
    for name, value in theirs.items():
        assert relative_error(ours[name], value, floor) < agreement.tolerance("gradient", "float64", 1), name


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_training_goes_the_same_way(network: str) -> None:
    config = networks.NetworkConfig(network=network, learning_rate=0.01)

    def losses(side: Side) -> list[float]:
        model, rng = model_of(side, config), generator(1)
        batches = (data.example_batch(config, rng) for _ in range(10))
        return list(side.train(model, *side.optimizer(model, config, 10), batches, "float64"))

    ours, theirs = map(losses, SIDES)
    assert len(set(theirs)) == 10
    np.testing.assert_allclose(ours, theirs, rtol=agreement.tolerance("trajectory", "float64", 1))
