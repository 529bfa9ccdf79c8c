"""Training the translator: its schedule, what it learns, and how long a gradient may be."""

from dataclasses import replace
from pathlib import Path

import pytest

from papers.seq2seq_attention.config import VARIANTS
from papers.seq2seq_attention.train import configure_optimizer
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.training import Training
from tinygrad_lab.random import generator

PAPER = registry.find("seq2seq_attention")


def test_the_paper_s_schedule_halves_the_rate_every_epoch_after_the_eighth() -> None:
    config = replace(VARIANTS["general"]["tiny"], optimizer="sgd", learning_rate=1.0, epochs=12, constant_epochs=8)
    side = one_side(PAPER, "numpy")
    optimizer, scheduler = configure_optimizer(side.build(config), config, 120)
    rates = []
    for _ in range(120):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert rates[::10] == [1.0] * 8 + [0.5, 0.25, 0.125, 0.0625]
    assert rates[79:81] == [1.0, 0.5]


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_small_network_learns_dates_and_is_resumed(side: str, tmp_path: Path) -> None:
    config = replace(
        VARIANTS["general"]["small"], hidden_size=24, train_items=256, batch_size=32, epochs=2, learning_rate=1e-2
    )
    training = Training(PAPER, side, config, tmp_path)
    training.run()
    assert training.history[-1]["perplexity"] < 12  # from 16 at the start, where all tokens are alike
    again = Training(PAPER, side, config, tmp_path)
    again.resume()
    assert again.step == 16
    assert again.vocabularies == training.vocabularies


def test_long_gradients_are_shortened() -> None:
    config = replace(VARIANTS["general"]["tiny"], clip=1e-3, optimizer="sgd", learning_rate=1.0, dropout=0.0)
    side = one_side(PAPER, "numpy")
    model = side.build(config, dtype="float64")
    before = side.state(model)
    optimizer, scheduler = side.optimizer(model, config, 10)
    batch = registry.part(PAPER, "data").example_batch(config, generator(0))
    list(side.train(model, optimizer, scheduler, [batch], "float64"))
    moved = sum(((side.state(model)[name] - value) ** 2).sum() for name, value in before.items()) ** 0.5
    assert moved == pytest.approx(1e-3, rel=1e-2)
