"""AlexNets for the tests: tiny ones in float64, batches for them, and what their layers give out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from papers.alexnet.config import VARIANTS, AlexNetConfig
from papers.alexnet.data import example_batch
from papers.alexnet.model import AlexNet, build
from tinygrad_lab import Tensor
from tinygrad_lab.random import generator

PAPER, TINY = VARIANTS["2012"]["paper"], VARIANTS["2012"]["tiny"]


def count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def tiny(variant: str = "2012", **changes: Any) -> AlexNetConfig:
    return replace(VARIANTS[variant]["tiny"], **changes)


def network(config: AlexNetConfig, seed: int = 0) -> AlexNet:
    return build(config, generator(seed)).double()


def example(config: AlexNetConfig, seed: int = 0) -> dict[str, Any]:
    batch = example_batch(config, generator(seed))
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def outputs(model: Any, run: Callable[[], Any]) -> dict[str, np.ndarray]:
    """What each layer gave out, by name."""
    found: dict[str, np.ndarray] = {}
    handles = [
        module.register_forward_hook(lambda _m, _a, out, name=name: found.update({name: out.numpy()}))
        for name, module in model.named_children()
    ]
    run()
    for handle in handles:
        handle.remove()
    return found
