"""Five autoencoders on the engine.

    symbol    meaning
    B         images in the batch
    s         pixels a side of an image; "1 s s" in shapes
    k         units of the code
    x, x~     an image with pixels in [0, 1]; the same after corruption (Vincent 2008, section 2.3)
    y         the reconstruction; the networks give its logits, y = sigmoid(logits)
    mu, sigma mean and standard deviation of the posterior q(z|x); logvar = log sigma^2 (Kingma & Welling 2013)
    z         the code; of the variational autoencoder a draw from q(z|x)

Every loss is summed over pixels and images and divided by the batch's count at the end: the two terms of the
variational bound balance only when both are sums over their dimensions.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from jaxtyping import Float

from tinygrad_lab import Tensor, nn, random
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator

from .config import AutoencoderBatch, AutoencoderConfig


def dense(sizes: tuple[int, ...], activation: type[nn.Module], gain: float) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them, none after the last.    (B, first) -> (B, last)

    The initial weights are ``gain`` times Xavier's.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight, gain)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def cross_entropy(logits: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, ""]:
    """-sum x log y + (1 - x) log(1 - y) over pixels and images, straight from the logits of y."""
    return F.binary_cross_entropy_with_logits(logits, image, reduction="sum")


def kl_divergence(mu: Float[Tensor, "b k"], logvar: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """KL(N(mu, sigma^2) || N(0, 1)), summed over code and images (Kingma & Welling, appendix B)."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()


class Autoencoder(nn.Module):
    """What all but the variational one share; each of them makes its encoder and decoder."""

    encoder: Callable[..., Tensor]
    decoder: Callable[..., Tensor]

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.image_shape = (1, image_size, image_size)

    def encode(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        return self.encoder(image.flatten(1))

    def decode(self, code: Float[Tensor, "b k"]) -> Float[Tensor, "b 1 s s"]:
        return self.decoder(code).reshape(-1, *self.image_shape)

    def forward(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        return self.decode(self.encode(image))

    def reconstruct(self, output: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        """The pixels y, from what forward gives."""
        return output.sigmoid()

    def losses(self, output: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> dict[str, Tensor]:
        """The loss, and the terms it is made of where there are several, summed over the batch."""
        return {"loss": cross_entropy(output, image)}


class DeepAutoencoder(Autoencoder):
    """The network of 2006, figure 1: logistic units, a linear code.    784-1000-500-250-30-250-500-1000-784"""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config.image_size)
        sizes = (config.pixels, *config.hidden, config.code_size)
        self.encoder = dense(sizes, nn.Sigmoid, config.gain)
        self.decoder = dense(sizes[::-1], nn.Sigmoid, config.gain)


class LinearAutoencoder(Autoencoder):
    """One linear layer each way and the squared error: at its minimum the decoder spans PCA's subspace."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config.image_size)
        self.encoder = nn.Linear(config.pixels, config.code_size)
        self.decoder = nn.Linear(config.code_size, config.pixels)

    def reconstruct(self, output: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        return output

    def losses(self, output: Float[Tensor, "b 1 s s"], image: Float[Tensor, "b 1 s s"]) -> dict[str, Tensor]:
        return {"loss": F.mse_loss(output, image, reduction="sum")}


class ConvolutionalAutoencoder(Autoencoder):
    """Strided convolutions halve the image twice; transposed convolutions, their adjoints, double it back.

    (B, 1, s, s) -> (B, c1, s/2, s/2) -> (B, c2, s/4, s/4) -> (B, k), and the same way back
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config.image_size)
        first, second = config.channels
        self.map_shape = (second, config.image_size // 4, config.image_size // 4)
        units = second * (config.image_size // 4) ** 2
        self.encoder = nn.Sequential(
            nn.Conv2d(1, first, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            nn.ReLU(),
        )
        self.to_code = nn.Linear(units, config.code_size)
        self.from_code = nn.Linear(config.code_size, units)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(second, first, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(first, 1, 4, stride=2, padding=1),
        )

    def encode(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        return self.to_code(self.encoder(image).flatten(1))

    def decode(self, code: Float[Tensor, "b k"]) -> Float[Tensor, "b 1 s s"]:
        return self.decoder(F.relu(self.from_code(code)).reshape(-1, *self.map_shape))


class MaskingNoise(nn.Module):
    """Sets each pixel to 0 with probability nu in training (Vincent 2008, section 2.3).

    Unlike dropout it does not scale up what is left: the network is to see a damaged image, not a noisy mean of one.
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction
        self.generator = random.ambient()

    def forward(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        if not self.training:
            return image
        kept = random.bernoulli(self.generator, image.shape, 1 - self.fraction, image.dtype)
        return image * kept


class DenoisingAutoencoder(Autoencoder):
    """One layer of logistic units sees the corrupted image, the loss the clean one.    784-500-784"""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config.image_size)
        self.corrupt = MaskingNoise(config.corruption)
        self.encoder = nn.Linear(config.pixels, config.code_size)
        self.decoder = nn.Linear(config.code_size, config.pixels)

    def encode(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        return self.encoder(image.flatten(1)).sigmoid()

    def forward(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b 1 s s"]:
        return self.decode(self.encode(self.corrupt(image)))


class VariationalAutoencoder(nn.Module):
    """The encoder gives a distribution of codes, and codes are pulled towards N(0, 1): the decoder can be sampled.

    784-500-(20, 20)-500-784 with tanh, Kingma & Welling, section 3 and appendix C
    """

    encoder: Callable[..., Tensor]
    decoder: Callable[..., Tensor]

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.image_shape = (1, config.image_size, config.image_size)
        sizes = (config.pixels, *config.hidden)
        self.encoder = dense(sizes, nn.Tanh, config.gain)
        self.mu = nn.Linear(sizes[-1], config.code_size)
        self.logvar = nn.Linear(sizes[-1], config.code_size)
        self.decoder = dense((config.code_size, *sizes[::-1]), nn.Tanh, config.gain)
        self.generator = random.ambient()

    def posterior(self, image: Float[Tensor, "b 1 s s"]) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b k"]]:
        """mu and logvar of q(z|x) = N(mu, sigma^2)."""
        hidden = self.encoder(image.flatten(1)).tanh()
        return self.mu(hidden), self.logvar(hidden)

    def sample(self, mu: Float[Tensor, "b k"], logvar: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        """z = mu + sigma eps, eps ~ N(0, 1): the gradient reaches mu and sigma (section 2.4). In evaluation, mu."""
        if not self.training:
            return mu
        eps = random.normal(self.generator, mu.shape, mu.dtype)
        return mu + (0.5 * logvar).exp() * eps

    def encode(self, image: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        return self.posterior(image)[0]

    def decode(self, code: Float[Tensor, "b k"]) -> Float[Tensor, "b 1 s s"]:
        return self.decoder(code).reshape(-1, *self.image_shape)

    def forward(
        self, image: Float[Tensor, "b 1 s s"]
    ) -> tuple[Float[Tensor, "b 1 s s"], Float[Tensor, "b k"], Float[Tensor, "b k"]]:
        mu, logvar = self.posterior(image)
        return self.decode(self.sample(mu, logvar)), mu, logvar

    def reconstruct(self, output: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, "b 1 s s"]:
        return output[0].sigmoid()

    def losses(self, output: tuple[Tensor, Tensor, Tensor], image: Float[Tensor, "b 1 s s"]) -> dict[str, Tensor]:
        """Minus the variational bound with one draw of z, eq. 10, and its two terms."""
        logits, mu, logvar = output
        reconstruction, kl = cross_entropy(logits, image), kl_divergence(mu, logvar)
        return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


AnyAutoencoder = Autoencoder | VariationalAutoencoder

MODELS: dict[str, Callable[..., AnyAutoencoder]] = {
    "deep": DeepAutoencoder,
    "linear": LinearAutoencoder,
    "convolutional": ConvolutionalAutoencoder,
    "denoising": DenoisingAutoencoder,
    "vae": VariationalAutoencoder,
}


def build(config: AutoencoderConfig, generator: Generator | None = None) -> AnyAutoencoder:
    """The autoencoder of ``config.variant``."""
    with random.initialising(generator):
        return MODELS[config.variant](config)


@nn.utils.in_parts
def loss(model: AnyAutoencoder, batch: AutoencoderBatch) -> Float[Tensor, ""]:
    """The model's loss on {"image": (B, 1, s, s), "count"}, divided by the count."""
    output: Any = model(batch["image"])  # what this model takes back
    return model.losses(output, batch["image"])["loss"] / batch["count"]
