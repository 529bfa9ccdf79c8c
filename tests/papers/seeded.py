"""A layer or model of a paper with reproducible initial values and noise."""

from collections.abc import Callable
from typing import Any

from tinygrad_lab import random
from tinygrad_lab.random import generator


def seeded(make: Callable[..., Any], *args: Any, seed: int = 0) -> Any:
    """``make(*args)``, drawing from the generator of that seed."""
    with random.initialising(generator(seed)):
        return make(*args)
