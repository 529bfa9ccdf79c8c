"""The registry as a table and as JSON.

A paper-size model takes a second to build, so the numbers of parameters are counted once and kept in parameters.json,
by paper, variant and size:

    python -m tinygrad_lab.lab.listing    # counts them anew (make counts)

A test counts them too, and fails where the file says something else.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tinygrad_lab import files
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.sides import TorchSide
from tinygrad_lab.paper import Paper

KEPT = Path(__file__).with_name("parameters.json")
Counts = dict[str, dict[str, dict[str, int]]]  # by slug, variant and size


def describe(paper: Paper) -> dict[str, Any]:
    """The public JSON of one paper: what it is and how many parameters each variant has at each size."""
    return {
        "slug": paper.slug,
        "family": paper.family,
        "title": paper.title,
        "year": paper.year,
        "variants": {
            variant: {size: {"parameters": parameters(paper, variant, size)} for size in sizes}
            for variant, sizes in paper.variants.items()
        },
    }


def parameters(paper: Paper, variant: str, size: str) -> int:
    """The kept count; of a model that is not in the file, a new paper's say, the count of the model itself."""
    known = kept().get(paper.slug, {}).get(variant, {}).get(size)
    return count(paper, variant, size) if known is None else known


@cache
def kept() -> Counts:
    """What the file says."""
    counts: Counts = json.loads(KEPT.read_text(encoding="utf-8"))
    return counts


def count(paper: Paper, variant: str, size: str) -> int:
    """Count on PyTorch's model without any memory behind it; parity shows that the engine's has the same."""
    import torch

    side = TorchSide(paper)
    with torch.device("meta"):
        return count_parameters(side.build(paper.variants[variant][size]))


def count_all() -> Counts:
    """Build every model of every paper, and count."""
    return {
        slug: {
            variant: {size: count(paper, variant, size) for size in sizes} for variant, sizes in paper.variants.items()
        }
        for slug, paper in registry.discover().items()
    }


def count_parameters(model: Any) -> int:
    """Trainable numbers of a model of either side."""
    return sum(parameter.numel() for parameter in model.parameters())


def print_papers(entries: list[dict[str, Any]]) -> None:
    """One row a variant."""
    rows = []
    for entry in entries:
        for variant, sizes in entry["variants"].items():
            counts = [f"{sizes[size]['parameters']:,}" for size in ("tiny", "small", "paper")]
            rows.append((entry["slug"], str(entry["year"]), entry["family"], variant, *counts))
    columns = ("paper", "year", "family", "variant", "tiny", "small", "paper size")
    console.print_table("Papers (parameters by size)", columns, rows, right=("tiny", "small", "paper size"))


if __name__ == "__main__":
    files.write(KEPT, json.dumps(count_all(), indent=1) + "\n")
