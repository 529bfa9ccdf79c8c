"""Five autoencoders in PyTorch.

    symbol    meaning
    B         images in the batch
    s         pixels a side of an image, its pixels in [0, 1]; "1 s s" in shapes
    k         units of the code
    x, x~     an image; the same after corruption (Vincent 2008, section 2.3)
    y         the reconstruction; the networks give its logits, y = sigmoid(logits)
    mu, sigma mean and standard deviation of the posterior q(z|x); logvar = log sigma^2 (Kingma & Welling 2013)
    z         the code; for the variational autoencoder a draw from q(z|x)

Every loss is summed over pixels and images, and divided by the batch's count at the end: the two terms of the
variational bound only balance when both are sums over their dimensions.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import init


def dense(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them, none after the last.    (B, first) -> (B, last)

    Xavier's initial weights stand in for the paper's pretraining: they keep the signal's size through the layers.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), activation()]
        init.xavier_uniform_(layers[-2].weight)
        init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


def cross_entropy(logits: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, ""]:
    """-sum x log y + (1 - x) log(1 - y) over pixels and images, from the logits of y (Hinton 2006, note 13)."""
    return F.binary_cross_entropy_with_logits(logits, image, reduction="sum")


def kl_divergence(mu: Float[Tensor, "b k"], logvar: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """KL(N(mu, sigma^2) || N(0, 1)) summed over code and images (Kingma & Welling, appendix B)."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()


class Autoencoder(nn.Module):
    """What four of the five share; a subclass makes the encoder and the decoder."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.image_shape = (1, config.image_size, config.image_size)

    def encode(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        return self.encoder(image.flatten(1))

    def decode(self, code: Float[Tensor, "b k"]) -> Float[Tensor, "b 1 s s"]:
        return self.decoder(code).reshape(-1, *self.image_shape)

    def forward(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        return self.decode(self.encode(image))

    def reconstruct(self, output: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        """Pixels, from what forward gives."""
        return output.sigmoid()

    def losses(self, output: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> dict[str, Tensor]:
        """The loss and the terms it is made of, summed over the batch."""
        return {"loss": cross_entropy(output, image)}


class DeepAutoencoder(Autoencoder):
    """The network of 2006, figure 1: logistic units around a linear code.

    784-1000-500-250-30-250-500-1000-784
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        sizes = (config.image_size**2, *config.hidden, config.code_size)
        self.encoder = dense(sizes, nn.Sigmoid)
        self.decoder = dense(sizes[::-1], nn.Sigmoid)


class LinearAutoencoder(Autoencoder):
    """One linear layer each way and the squared error: at the optimum the code spans PCA's subspace."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = dense((config.image_size**2, config.code_size), nn.Identity)
        self.decoder = dense((config.code_size, config.image_size**2), nn.Identity)

    def reconstruct(self, output: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        return output

    def losses(self, output: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> dict[str, Tensor]:
        return {"loss": F.mse_loss(output, image, reduction="sum")}
