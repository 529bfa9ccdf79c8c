"""Finding papers: every folder below ``papers`` that defines PAPER."""

import importlib
import importlib.util
import pkgutil
from typing import Any

from tinygrad_lab import places
from tinygrad_lab.lab import slips
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.paper import SIZES, Paper
from tinygrad_lab.random import generator


def discover() -> dict[str, Paper]:
    """All papers by slug, oldest first.

    Raises:
        UsageError: one that does not describe itself, and where it is wrong.
    """
    papers = importlib.import_module(places.module("papers"))
    described = [_describe(entry.name) for entry in pkgutil.iter_modules(papers.__path__)]
    return {paper.slug: paper for paper in sorted(described, key=lambda paper: (paper.year, paper.slug))}


def _describe(slug: str) -> Paper:
    try:
        paper: Paper = importlib.import_module(places.module("papers", slug)).PAPER
    except Exception as error:
        raise UsageError(slips.describe(error, slug)) from error
    return paper


def find(slug: str) -> Paper:
    """The paper of that slug.

    Raises:
        UsageError: there is none.
    """
    known = discover()
    if slug not in known:
        raise UsageError(f"unknown paper {slug!r}; the papers are: {', '.join(known)}")
    return known[slug]


def part(paper: Paper, name: str) -> Any:
    """The engine side's module of that name: "data", "inference", "study.experiment", "weights.pretrained"."""
    return importlib.import_module(places.module("papers", f"{paper.slug}.{name}"))


def has_part(paper: Paper, name: str) -> bool:
    """Whether the engine side has a module of that name."""
    try:
        return importlib.util.find_spec(places.module("papers", f"{paper.slug}.{name}")) is not None
    except ModuleNotFoundError:  # not even its folder
        return False


def generates(paper: Paper) -> bool:
    """Whether the paper's models can write: whether it has an ``inference`` module."""
    return has_part(paper, "inference")


def example_tokens(paper: Paper, config: Any, seed: int) -> list[int]:
    """An example of what the paper's model goes on from; nothing where it does not write, or not with this variant."""
    if not generates(paper):
        return []
    tokens: list[int] = part(paper, "inference").example_tokens(config, generator(seed))
    return tokens


def configuration(paper: Paper, variant: str | None = None, size: str = "tiny") -> Any:
    """The configuration of a variant (the default one when None) at a size.

    Raises:
        UsageError: no such variant or size.
    """
    variant = variant or paper.default_variant
    if variant not in paper.variants:
        raise UsageError(f"{paper.slug}: unknown variant {variant!r}; the variants are: {', '.join(paper.variants)}")
    if size not in SIZES:
        raise UsageError(f"unknown size {size!r}; the sizes are: {', '.join(SIZES)}")
    return paper.variants[variant][size]
