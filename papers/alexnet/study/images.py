"""What all experiments of this study share: their images, and how many seeds there are."""

from dataclasses import replace

from tinygrad_lab.data import available

from ..config import AlexNetConfig

SEEDS = 5  # of everything, as no run takes three minutes
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on


def on_images(config: AlexNetConfig, items: int, seed: int, quick: bool) -> AlexNetConfig:
    """The configuration on so many images of Fashion-MNIST, drawn with the seed; else on digits.

    Digits must not be mirrored.  They are taken where Fashion-MNIST is missing, and at the token size of a quick run.
    """
    if quick:
        token = replace(config, dataset="digits", flips=False, train_items=256, batch_size=32, epochs=1)
        return replace(token, seed=seed)
    if not available("fashion-mnist"):
        return replace(config, dataset="digits", flips=False, train_items=1000, seed=seed)
    return replace(config, dataset="fashion-mnist", train_items=items, seed=seed)
