"""AlexNet (Krizhevsky, Sutskever, Hinton 2012)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="alexnet",
    title="ImageNet Classification with Deep Convolutional Neural Networks",
    authors="A. Krizhevsky, I. Sutskever, G. E. Hinton",
    year=2012,
    venue="Advances in Neural Information Processing Systems 25",
    family="convolutional networks",
    summary="Eight rectified layers, dropout and enlarged data: the network that won ImageNet.",
    variants=VARIANTS,
    link="https://proceedings.neurips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
)
