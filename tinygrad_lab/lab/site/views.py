"""What the templates of a paper's page show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_lab.lab.listing import count_parameters, describe
from tinygrad_lab.lab.site import alignment, diagram, highlight, observation
from tinygrad_lab.lab.site.evidence import Found
from tinygrad_lab.lab.site.measurements import PaperEvidence
from tinygrad_lab.paper import Paper

CHECKS = {  # how a check of parity is called in a page
    "forward": "outputs",
    "loss": "loss",
    "gradient": "gradients",
    "trajectory": "training",
    "weights": "weights",
    "generation": "writing",
}


@dataclass(frozen=True)
class CodeLine:
    """A line of source: its number, row, indentation, whether its twin has the same text, and its HTML."""

    number: int
    row: int
    indent: int
    same: bool
    html: str


@dataclass(frozen=True)
class TwinBlock:
    """A block of both sources and how far they agree."""

    anchor: str
    owner: str  # the class, where the block is a method of one
    name: str
    found: Found
    left: list[CodeLine]
    right: list[CodeLine]


@dataclass(frozen=True)
class VariantView:
    """One of a paper's models."""

    name: str
    found: Found
    drawing: str  # SVG, of the tiny model
    silhouette: str  # SVG, of the small one
    shapes: list[tuple[str, str]]  # of the small one: node, what it gives out for one item
    parameters: int  # of the small one
    multiply_adds: float  # of the small one, for each unit
    unit: str
    stepper: str | None  # address of its page


@dataclass(frozen=True)
class Card:
    """A paper on the front page, shown by its default variant."""

    paper: Paper
    view: VariantView
    verdicts: dict[str, int]
    speed: float | None


def twin_blocks(stem: str, left: str, right: str, evidence: PaperEvidence) -> list[TwinBlock]:
    """The blocks of ``stem``.py on both sides."""
    ours, theirs = ((source.splitlines(), highlight.python_lines(source)) for source in (left, right))
    return [
        TwinBlock(
            f"{stem}.{block.name}" if block.name else f"{stem}.head",
            block.name.rpartition(".")[0],
            block.name.rpartition(".")[2] or "imports",
            evidence.of_block(stem, block.name),
            [_line(line, *ours) for line in block.left],
            [_line(line, *theirs) for line in block.right],
        )
        for block in alignment.align(left, right)
    ]


def _line(line: alignment.Line, text: list[str], html: list[str]) -> CodeLine:
    written = text[line.number - 1]
    return CodeLine(
        line.number, line.row, len(written) - len(written.lstrip()), line.same, html[line.number - 1].rstrip()
    )


def variant_view(paper: Paper, variant: str, evidence: PaperEvidence, stepper: str | None) -> VariantView:
    """Run a variant's tiny and small model and describe what was seen."""
    tiny = observation.graph(observation.observe(paper, variant, "tiny", training=True))
    seen = observation.observe(paper, variant, "small", training=False)
    small = observation.graph(seen)
    return VariantView(
        variant,
        evidence.of_variant(variant),
        diagram.draw(tiny, f"{paper.slug}, {variant}: what flows from module to module", variant),
        diagram.silhouette(small),
        [(node.name, _shape(node.shape)) for node in small.nodes.values() if node.kind in ("input", "module")],
        count_parameters(seen.model),
        seen.multiply_adds(),
        seen.unit,
        stepper,
    )


def parameters_by_size(paper: Paper) -> dict[str, dict[str, int]]:
    """Variant -> size -> trainable numbers."""
    return {
        variant: {size: entry["parameters"] for size, entry in sizes.items()}
        for variant, sizes in describe(paper)["variants"].items()
    }


def _shape(shape: tuple[int, ...]) -> str:
    """Return the shape of one item: without the batch's axis, the first of length 1."""
    rest = list(shape)
    if 1 in rest and len(rest) > 1:
        rest.remove(1)
    return " × ".join(map(str, rest))


def part(value: float | int, among: Sequence[float]) -> float:
    """Where a count stands between a tenth of the least of its like and the most, on a logarithmic scale."""
    least = min(among) / 10
    return math.log(value / least) / math.log(max(among) / least)


def quantity(value: float | int) -> str:
    """A count in three digits: 950, 1.23 thousand, 45.6 million."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:.0f}"
