"""Both sides agree at other numbers than parity's too.

The smallest configurations are small: there a deviation of D / 2 is 1, alpha / r a power of two, initial weights so
little that every nonlinearity is a line, and what is added against a division by zero is lost in the tolerance.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.papers.both import tiny
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.parity import Parity
from tinygrad_lab.random import generator

VARIANTS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]
OTHER: dict[str, Any] = {
    "rubbish": 3.0, "lrn_size": 3, "lrn_alpha": 0.3, "drop": 0.3, "drop_input": 0.3, "drop_hidden": 0.4,
    "window": 3, "dropout": 0.3, "label_smoothing": 0.3, "rope_theta": 30.0, "norm_eps": 0.1, "head_norm_eps": 0.2,
    "layer_norm_eps": 0.1, "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.4, "alpha": 7.0,
    "conv_kernel": 3, "state_size": 5, "memories": (3.0, 70.0), "batch_size": 5,
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {  # no two that are equal where they might be exchanged
    "autoencoder": {"image_size": 16, "hidden": (7, 5), "channels": (3, 5), "code_size": 4},
    "bert": {"num_hidden_layers": 3, "intermediate_size": 10},
    "dropout": {"hidden": (7, 5)},
    "forgetting_transformer": {"layers": 3, "feed_forward": 10},
    "lenet": {"image_size": 20, "c5_maps": 9},
    "llama": {"layers": 3, "feed_forward": 10, "pairing": "adjacent"},
    "lora": {"layers": 3, "rank": 3},
    "lstm": {"layers": 3, "hidden": 7},
    "mamba": {"layers": 3, "expand": 3},
    "seq2seq_attention": {"layers": 3, "hidden_size": 10},
    "transformer": {"layers": 3, "feed_forward": 10},
}
FIXED = {("alexnet", "no-lrn"): {"lrn_size"}, ("alexnet", "no-dropout"): {"drop"}}


def changed(slug: str, variant: str) -> Any:
    config, fixed = tiny(slug, variant), FIXED.get((slug, variant), set())
    numbers = {name: value for name, value in OTHER.items() if hasattr(config, name) and name not in fixed}
    return replace(config, **numbers, **SIZES.get(slug, {}))


@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_both_sides_agree_at_other_numbers(slug: str, variant: str) -> None:
    parity = Parity(registry.find(slug), variant, "tiny", "float64", 3, 1)
    parity.config = changed(slug, variant)
    rng = generator(4)
    weights = parity.numpy.state(parity.numpy.build(parity.config, 3, "float64"))
    for value in weights.values():
        if value.dtype.kind == "f":
            value += 0.3 * rng.standard_normal(value.shape)
    rows = list(parity.one_pass(weights))
    assert {row.check for row in rows} == {"forward", "loss", "gradient"}
    assert [(row.check, row.name, row.max_rel, row.worst) for row in rows if not row.passed] == []
    assert all(np.isfinite(row.max_abs) for row in rows)
