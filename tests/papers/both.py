"""Both sides of a paper, for tests of what it says: a detail that both have wrong agrees with itself."""

from typing import Any

import pytest

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Side, sides

on_both_sides = pytest.mark.parametrize("package", ["papers", "reference"])


def side_of(slug: str, package: str) -> Side:
    """The engine's side of a paper, or PyTorch's."""
    return next(side for side in sides(registry.find(slug)) if side.folder == package)


def tiny(slug: str, variant: str) -> Any:
    """The smallest configuration of a variant."""
    return registry.find(slug).variants[variant]["tiny"]
