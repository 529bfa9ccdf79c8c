"""LoRA, low-rank adaptation (Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen 2021)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="lora",
    title="LoRA: Low-Rank Adaptation of Large Language Models",
    authors="E. Hu, Y. Shen, P. Wallis, Z. Allen-Zhu, Y. Li, S. Wang, L. Wang, W. Chen",
    year=2021,
    venue="International Conference on Learning Representations 2022",
    family="regularisation and adaptation",
    summary="A frozen weight and a trained product of two thin matrices beside it adapt a large model at little cost.",
    variants=VARIANTS,
    link="https://arxiv.org/abs/2106.09685",
)
