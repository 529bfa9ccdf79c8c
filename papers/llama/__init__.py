"""LLaMA (Touvron et al. 2023), with the grouped queries of its successors."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="llama",
    title="LLaMA: Open and Efficient Foundation Language Models",
    authors="H. Touvron et al.",
    year=2023,
    venue="arXiv 2302.13971",
    family="attention and language models",
    summary="A decoder alone, normalised before every block, with gated layers and positions that rotate.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/2302.13971",
)
