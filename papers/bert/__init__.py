"""BERT (Devlin, Chang, Lee, Toutanova 2018), and the sentence encoder all-MiniLM-L6-v2, which is one."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="bert",
    title="BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
    authors="J. Devlin, M.-W. Chang, K. Lee, K. Toutanova",
    year=2018,
    venue="NAACL 2019, arXiv 1810.04805",
    family="attention and language models",
    summary="Hide some words, predict them from both sides, and what the encoder has learned by it serves other tasks.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/1810.04805",
)
