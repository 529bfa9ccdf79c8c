"""Forgetting Transformer (Lin, Nikishin, He, Courville 2025): softmax attention with a forget gate."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="forgetting_transformer",
    title="Forgetting Transformer: Softmax Attention with a Forget Gate",
    authors="Z. Lin, E. Nikishin, X. O. He, A. Courville",
    year=2025,
    venue="ICLR 2025, arXiv 2503.02130",
    family="attention and language models",
    summary="Gates fade what is past, head by head and token by token: attention that forgets, and needs no positions.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/2503.02130",
)
