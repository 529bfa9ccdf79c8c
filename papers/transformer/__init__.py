"""The Transformer (Vaswani et al. 2017)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="transformer",
    title="Attention Is All You Need",
    authors="A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. N. Gomez, Ł. Kaiser, I. Polosukhin",
    year=2017,
    venue="NIPS 2017, arXiv 1706.03762",
    family="attention and language models",
    summary="No recurrence: every position looks at every other in one step, through several heads at once.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/1706.03762",
)
