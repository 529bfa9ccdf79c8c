"""Deep autoencoders (Hinton, Salakhutdinov 2006), with the denoising and the variational one."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="autoencoder",
    title="Reducing the Dimensionality of Data with Neural Networks",
    authors="G. E. Hinton, R. R. Salakhutdinov",
    year=2006,
    venue="Science 313(5786):504-507",
    family="representation learning",
    summary="A network squeezes an image through a narrow code and learns to undo it, better than PCA can.",
    variants=VARIANTS,
    link="https://doi.org/10.1126/science.1127647",
)
