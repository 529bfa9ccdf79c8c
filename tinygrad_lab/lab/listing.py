"""The registry as a table and as JSON."""

from typing import Any

from tinygrad_lab.lab import console
from tinygrad_lab.lab.sides import TorchSide
from tinygrad_lab.paper import Paper


def describe(paper: Paper) -> dict[str, Any]:
    """The public JSON of one paper: what it is and how many parameters each variant has at each size.

    They are counted on PyTorch's models without any memory behind them, in no time at the paper's own size too; parity
    shows that the engine's have the same.
    """
    import torch

    side = TorchSide(paper)

    def count(config: Any) -> int:
        with torch.device("meta"):
            return count_parameters(side.build(config))

    return {
        "slug": paper.slug,
        "family": paper.family,
        "title": paper.title,
        "year": paper.year,
        "variants": {
            variant: {size: {"parameters": count(config)} for size, config in sizes.items()}
            for variant, sizes in paper.variants.items()
        },
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
