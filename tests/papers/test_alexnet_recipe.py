"""AlexNet's recipe: the update rule, the schedule, the metrics, and configurations that make no sense."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from papers.alexnet import model as engine
from papers.alexnet import train as engine_train
from reference.alexnet import model as reference
from reference.alexnet import train as reference_train
from tests.papers.alexnet_parts import PAPER, TINY, example, network, tiny
from tinygrad_lab import Tensor, nn


def test_updates_are_the_papers_while_the_rate_is_constant() -> None:
    """Section 5: v <- 0.9 v - 0.0005 e w - e g, w <- w + v. Weight decay holds for every parameter."""
    config = tiny(divisions=0)
    model = network(config)
    optimizer, scheduler = engine_train.configure_optimizer(model, config, 5)
    w = {name: parameter.numpy().copy() for name, parameter in model.named_parameters()}
    v = {name: np.zeros_like(value) for name, value in w.items()}
    for step in range(5):
        batch = example(config, step)
        list(engine_train.train(model, optimizer, scheduler, [batch]))
        for name, parameter in model.named_parameters():  # the gradients at the old weights are still there
            v[name] = 0.9 * v[name] - 0.0005 * 0.01 * w[name] - 0.01 * parameter.grad.numpy()
            w[name] = w[name] + v[name]
            np.testing.assert_allclose(parameter.numpy(), w[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_smaller_rate_brakes_the_old_momentum_too_which_it_does_not_in_the_paper() -> None:
    """The buffer holds gradients and is multiplied by today's rate; the paper's v holds steps of yesterday's."""
    layer = nn.Linear(1, 1, bias=False)
    optimizer, scheduler = engine_train.configure_optimizer(layer, tiny(weight_decay=0.0, divisions=1), 2)
    positions = [layer.weight.item()]
    for gradient in (1.0, 0.0):
        layer.weight.grad = Tensor(np.full((1, 1), gradient, np.float32))
        optimizer.step()
        scheduler.step()
        positions.append(layer.weight.item())
    np.testing.assert_allclose(np.diff(positions), [-0.01, -0.9 * 0.001], rtol=1e-4)  # the paper's second: -0.9 * 0.01


@pytest.mark.parametrize("side", ["engine", "reference"])
def test_the_rate_is_divided_by_10_after_each_half_of_what_is_left(side: str) -> None:
    module, model = (
        (engine_train, network(TINY)) if side == "engine" else (reference_train, reference.build(TINY).double())
    )
    optimizer, scheduler = module.configure_optimizer(model, TINY, 80)
    rates = []
    for _ in range(80):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    expected = [1e-2] * 40 + [1e-3] * 20 + [1e-4] * 10 + [1e-5] * 10
    np.testing.assert_allclose(rates, expected)


def test_recipe_is_the_papers() -> None:
    assert (PAPER.batch_size, PAPER.momentum, PAPER.weight_decay) == (128, 0.9, 5e-4)
    assert (PAPER.learning_rate, PAPER.divisions, PAPER.epochs, PAPER.drop) == (0.01, 3, 90, 0.5)
    assert (PAPER.stored_size, PAPER.crops, PAPER.flips, PAPER.colour, PAPER.ten_views) == (256, True, True, 0.1, True)


@pytest.mark.parametrize("module", [engine, reference])
def test_answers_to_views_are_averaged_as_probabilities(module: Any) -> None:
    side, array = (Tensor, lambda t: t.numpy()) if module is engine else (torch.tensor, lambda t: t.detach().numpy())
    model = (network(TINY) if module is engine else module.build(TINY).double()).eval()
    views = 60 * np.random.default_rng(0).standard_normal((3, 2, 3, 33, 33))
    logits = np.stack([array(model(side(view))) for view in views])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = np.exp(array(module.average_over_views(model, side(views))))
    np.testing.assert_allclose(found, probabilities.mean(axis=0), rtol=1e-10)


@pytest.mark.parametrize("module", [engine_train, reference_train])
def test_top_k_counts_ties_and_what_is_no_number_as_wrong(module: Any) -> None:
    side = Tensor if module is engine_train else torch.tensor
    output = np.array([[5.0, 4, 3, 2, 1, 0], [5, 5, 3, 2, 1, 0], [np.nan] * 6, [0, 1, 2, 3, 4, 5]])
    for label, k, expected in (
        ([0, 2, 0, 5], 1, 2), ([0, 0, 0, 0], 1, 1), ([4, 4, 0, 1], 5, 3), ([5, 5, 0, 0], 5, 0),
    ):  # fmt: skip
        assert module.top(side(output), side(np.array(label)), k) == expected


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    config = tiny("no-dropout", batch_size=6)
    model, batch = network(config), example(config)

    def part(rows: slice) -> float:
        return engine.loss(model, batch | {"image": batch["image"][rows], "label": batch["label"][rows]}).item()

    assert part(slice(0, 2)) + part(slice(2, 6)) == pytest.approx(part(slice(0, 6)), rel=1e-12)


# ---- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 224}, r"image_size must be kernel plus a multiple of stride.*got 224 with kernel=11, stride=4"),
        ({"image_size": 7}, "image_size must be kernel plus a multiple of stride"),
        ({"image_size": 35}, "leaves nothing after three poolings"),
        ({"stored_size": 200}, "stored_size must be at least image_size, got 200 and 227"),
        ({"activation": "gelu"}, "activation must be relu or tanh, got 'gelu'"),
        ({"maps": (96, 256)}, r"maps must be five numbers of at least 1, got \(96, 256\)"),
        ({"groups": 3}, "groups must divide every number of maps, got groups=3"),
        ({"lrn_size": 4}, "lrn_size must be odd, or 0 for no normalisation, got 4"),
        ({"pool_window": 4}, "pool_window must be 2 or 3, got 4"),
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"drop": 1.0}, r"drop must be in \[0, 1\), got 1.0"),
        ({"learning_rate": 0.0}, r"learning_rate must be above 0, got 0\.0"),
        ({"pixel_scale": -1.0}, r"pixel_scale must be above 0, got -1\.0"),
        ({"momentum": -0.1}, "momentum must be at least 0, got -0.1"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **changes)
