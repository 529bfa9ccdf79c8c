"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="lenet",
    title="Gradient-Based Learning Applied to Document Recognition",
    authors="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
    year=1998,
    venue="Proceedings of the IEEE 86(11):2278-2324",
    family="convolutional networks",
    summary="Local receptive fields with shared weights, trained end to end, read handwritten digits.",
    variants=VARIANTS,
    link="https://doi.org/10.1109/5.726791",
)
