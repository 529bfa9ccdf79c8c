"""Long short-term memory (Hochreiter, Schmidhuber 1997), with the forget gate of Gers et al. 2000."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="lstm",
    title="Long Short-Term Memory",
    authors="S. Hochreiter, J. Schmidhuber",
    year=1997,
    venue="Neural Computation 9(8):1735-1780",
    family="recurrent networks",
    summary="A self-connection of weight 1 carries error through time unchanged; gates decide what enters and leaves.",
    variants=VARIANTS,
    link="https://doi.org/10.1162/neco.1997.9.8.1735",
)
