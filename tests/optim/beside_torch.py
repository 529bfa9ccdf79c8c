"""The engine's optimisers and torch's on the same parameters and gradients."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch

from tests.numerics import relative_error
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Parameter

CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    *[
        ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": d, "weight_decay": w, "nesterov": n})
        for d, w, n in [(0, 0, False), (0.3, 0.1, False), (0, 0.1, True), (0, 0, True)]
    ],
    *[
        (name, options)
        for name in ("Adam", "AdamW")
        for options in ({}, {"lr": 0.1, "weight_decay": 0.2, "betas": (0.8, 0.95), "eps": 1e-3}, {"betas": (0.0, 0.0)})
    ],
    *[
        ("RMSprop", {"centered": c, "momentum": m, "weight_decay": w, "alpha": 0.9, "eps": 1e-4})
        for c, m, w in product([False, True], [0, 0.8], [0, 0.1])
    ],
    ("RMSprop", {}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.1, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"maximize": True, "momentum": 0.8}),
    *[
        (name, options)
        for name in ("Adam", "AdamW")
        for options in (
            {"amsgrad": True, "betas": (0.8, 0.9)},
            {"amsgrad": True, "maximize": True, "weight_decay": 0.2},
        )
    ],
]
SHAPES = [(3, 4), (5,), (), (2, 3, 2, 2)]
DTYPES = [(np.float64, 1e-12), (np.float32, 1e-5)]


def names(value: object) -> str:
    return value if isinstance(value, str) else ""


def pair_of_parameters(rng: np.random.Generator, shapes: list, dtype: type) -> tuple[list[Parameter], list]:
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return [Parameter(a) for a in arrays], [torch.nn.Parameter(torch.tensor(a)) for a in arrays]


def never(step: int, number: int) -> bool:
    return False


def walk(ours: Any, theirs: Any, rng: np.random.Generator, steps: int, skip: Callable = never) -> Iterator[float]:
    """The same random gradients to both, ``steps`` times; ``skip`` says which parameter gets none."""
    mine = [p for group in ours.param_groups for p in group["params"]]
    other = [p for group in theirs.param_groups for p in group["params"]]
    for step in range(steps):
        for number, (p, q) in enumerate(zip(mine, other, strict=True)):
            gradient = rng.standard_normal(p.shape).astype(p.dtype)
            p.grad = None if skip(step, number) else from_numpy(gradient)
            q.grad = None if skip(step, number) else torch.tensor(gradient)
        ours.step()
        theirs.step()
        yield max(relative_error(p.numpy(), q.detach().numpy()) for p, q in zip(mine, other, strict=True))


def leaf() -> Parameter:
    return Parameter(np.ones(2))
