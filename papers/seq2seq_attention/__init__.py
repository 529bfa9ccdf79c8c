"""Sequence to sequence with attention (Luong, Pham, Manning 2015)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="seq2seq_attention",
    title="Effective Approaches to Attention-based Neural Machine Translation",
    authors="M.-T. Luong, H. Pham, C. D. Manning",
    year=2015,
    venue="EMNLP 2015, arXiv 1508.04025",
    family="recurrent networks",
    summary="A translator that looks back at the source, at every word it writes, and learns where to look.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/1508.04025",
)
