"""Mamba (Gu, Dao 2023): a state-space model whose step size, input and output depend on the token."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="mamba",
    title="Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    authors="A. Gu, T. Dao",
    year=2023,
    venue="arXiv 2312.00752",
    family="state-space models",
    summary="A recurrence of fixed size that decides at every token what to keep, in time linear in the length.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/2312.00752",
)
