"""One training step of a paper, to be run again and again: what is timed, counted and weighed."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from tinygrad_lab import places
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Side
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator

Step = Callable[[], object]


def training_step(side: Side, paper: Paper, config: Any, builtin: bool = False) -> Step:
    """One forward, backward and optimiser step on a fixed batch, through the paper's own training loop."""
    model = built_in(paper, config) if builtin else side.build(config)
    optimizer, scheduler = side.optimizer(model, config, 10**6)
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)))

    def forever() -> Any:
        while True:
            yield batch

    losses = side.train_module.train(model, optimizer, scheduler, forever())
    return lambda: next(losses)


def built_in(paper: Paper, config: Any) -> Any:
    """PyTorch's model in its other form."""
    return importlib.import_module(places.module("reference", f"{paper.slug}.builtin")).build(config)


def has_builtin(paper: Paper) -> bool:
    """Whether PyTorch has a module of its own for what the paper contributes."""
    return importlib.util.find_spec(places.module("reference", f"{paper.slug}.builtin")) is not None
