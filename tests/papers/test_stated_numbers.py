"""Numbers that papers state, on both sides: where a configuration or an optimiser starts from."""

import importlib
from dataclasses import replace
from typing import Any

import pytest

from tests.papers.both import on_both_sides, side_of
from tinygrad_lab.lab import registry

STATED: dict[str, dict[str, Any]] = {
    "lenet": {"image_size": 32, "c5_maps": 120, "f6_units": 84},
    "alexnet": {
        "lrn_size": 5, "lrn_alpha": 1e-4, "pool_window": 3, "groups": 2, "drop": 0.5,
        "init_bias": 1.0, "momentum": 0.9, "weight_decay": 5e-4, "divisions": 3, "learning_rate": 0.01,
    },
    "autoencoder": {"hidden": (1000, 500, 250), "code_size": 30},
    "dropout": {"drop_input": 0.2, "drop_hidden": 0.5, "momentum": 0.95},
    "lstm": {"forget_bias": 1.0},
    "seq2seq_attention": {"window": 10, "clip": 5.0, "init": 0.1},
    "transformer": {"dropout": 0.1, "label_smoothing": 0.1},
    "bert": {
        "masked_share": 0.15, "mask_token_share": 0.8, "random_token_share": 0.1,
        "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "weight_decay": 0.01, "clip": 1.0,
    },
    "lora": {"initial_b": 0.0},
    "llama": {
        "rope_theta": 10_000.0, "final_rate": 0.1, "beta2": 0.95, "weight_decay": 0.1, "clip": 1.0,
    },
    "mamba": {
        "state_size": 16, "conv_kernel": 4, "expand": 2, "norm_eps": 1e-5, "beta2": 0.95,
        "weight_decay": 0.1,
    },
    "forgetting_transformer": {
        "norm_eps": 1e-6, "head_norm_eps": 1e-5, "weight_decay": 0.1, "clip": 1.0,
    },
}  # fmt: skip


def started_from(slug: str, package: str) -> Any:
    """What a run has that changes nothing: on the engine's side at its small size."""
    if package == "reference":
        return importlib.import_module(f"reference.{slug}.config").Run()
    paper = registry.find(slug)
    return next(iter(paper.variants.values()))["small"]


@on_both_sides
@pytest.mark.parametrize("slug", STATED)
def test_runs_start_from_the_papers_numbers(slug: str, package: str) -> None:
    config = started_from(slug, package)
    assert {name: getattr(config, name) for name in STATED[slug]} == STATED[slug]


def test_every_paper_has_a_number() -> None:
    assert set(STATED) == set(registry.discover())


# ---- optimisers and their rates --------------------------------------------------------------------------------------
OPTIMISERS: dict[str, dict[str, Any]] = {
    "transformer": {"betas": (0.9, 0.98), "eps": 1e-9},  # section 5.3
    "bert": {"betas": (0.9, 0.999), "eps": 1e-6},  # the released code
    "llama": {"betas": (0.9, 0.95), "weight_decay": 0.1},  # section 2.3
    "mamba": {"betas": (0.9, 0.95), "weight_decay": 0.1},  # section E.2.1
    "forgetting_transformer": {"betas": (0.9, 0.95), "weight_decay": 0.1},  # section 4
    "alexnet": {"momentum": 0.9, "weight_decay": 5e-4},  # section 5
}


def optimiser(slug: str, package: str, steps: int, **changes: Any) -> tuple[Any, Any]:
    """The optimiser of a tiny model, and its schedule."""
    side, variants = side_of(slug, package), registry.find(slug).variants
    config = replace(next(iter(variants.values()))["tiny"], **changes)
    return side.optimizer(side.build(config), config, steps)


@on_both_sides
@pytest.mark.parametrize("slug", OPTIMISERS)
def test_optimisers_have_the_papers_constants(slug: str, package: str) -> None:
    group = optimiser(slug, package, 10)[0].param_groups[0]
    assert {name: group[name] for name in OPTIMISERS[slug]} == OPTIMISERS[slug]


def rates(slug: str, package: str, steps: int, **changes: Any) -> list[float]:
    """The learning rate that each step is made with."""
    moved, scheduler = optimiser(slug, package, steps, **changes)
    found = []
    for _ in range(steps):
        found.append(moved.param_groups[0]["lr"])
        moved.step()
        scheduler.step()
    return found


@on_both_sides
def test_the_rate_is_equation_3(package: str) -> None:
    """Vaswani et al., with d = 16 and 8 steps of warm-up: 1/4 of s / 8^1.5, then of 1 / √s."""
    found = rates("transformer", package, 32, hidden_size=16, warmup_steps=8, learning_rate=1.0)
    assert [found[s - 1] for s in (1, 4, 8)] == pytest.approx([s / 4 / 8**1.5 for s in (1, 4, 8)])
    assert [found[s - 1] for s in (16, 32)] == pytest.approx([1 / 16, 1 / 4 / 32**0.5])


@on_both_sides
def test_a_rate_that_does_not_rise_is_at_its_peak_from_the_first_step(package: str) -> None:
    """What the warm-up is compared with: the same rates once it is over."""
    both = [
        rates("transformer", package, 32, hidden_size=16, warmup_steps=8, rising=rising) for rising in (True, False)
    ]
    assert both[1][:8] == pytest.approx([both[0][7]] * 8)
    assert both[1][7:] == pytest.approx(both[0][7:])


@on_both_sides
def test_the_rate_is_halved_every_epoch_after_the_fifth(package: str) -> None:
    """Luong et al., section 4.1: ten epochs."""
    changes = {"optimizer": "sgd", "learning_rate": 1.0, "constant_epochs": 5, "epochs": 10}
    found = rates("seq2seq_attention", package, 20, **changes)
    assert found[::2] == found[1::2] == [1, 1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32]


@on_both_sides
def test_the_rate_falls_to_a_tenth(package: str) -> None:
    """LLaMA, section 2.3."""
    found = rates("llama", package, 101, warmup=0.0, learning_rate=1.0)
    assert found[0] == pytest.approx(1.0, abs=0.01)
    assert found[-1] == pytest.approx(0.1, abs=0.001)
