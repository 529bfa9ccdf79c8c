"""Dropout networks in PyTorch.

    symbol   meaning
    B        cases in the batch
    y        outputs of a layer, before units are dropped: its inputs or its rectified hidden units
    r        the mask: 1 where a unit is retained, 0 where it is dropped (section 4)
    p        the probability of retaining a unit, here ``retain``; torch counts the other way round, as ``drop`` here

Section 4: r ~ Bernoulli(p), z = W (r * y) + b. Every case of a batch gets a mask of its own, drawn afresh each time.
"""

import math
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn, no_grad, stack
from torch.nn import functional as F

from .config import DropoutBatch, DropoutConfig


class Dropout(nn.Module):
    """Inverted dropout: y r / p in training, y in evaluation. What libraries call dropout (section 10).

    Args:
        drop: the probability of dropping a unit, 1 - p; nothing is drawn for 0.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        if not 0 <= drop < 1:
            raise ValueError(f"{type(self).__name__}: drop must be in [0, 1), got {drop}")
        self.drop, self.retain = drop, 1 - drop

    def forward(self, y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not self.training or self.drop == 0:
            return y
        r = torch.empty_like(y).bernoulli_(self.retain)
        return y * (r / self.retain)


class PaperDropout(Dropout):
    """Dropout with weight scaling, as in the paper: y r in training, p y in evaluation.

    The next layer computes W (p y) + b = (p W) y + b: scaling its inputs is scaling its weights, and not its bias.
    """

    def forward(self, y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not self.training or self.drop == 0:
            return y * self.retain
        r = torch.empty_like(y).bernoulli_(self.retain)
        return y * r


class GaussianDropout(Dropout):
    """Section 10: y r' with r' ~ N(1, (1 - p) / p), the mean and variance of r / p; nothing to scale in evaluation."""

    def forward(self, y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not self.training or self.drop == 0:
            return y
        sigma = math.sqrt(self.drop / self.retain)
        return y * (1 + sigma * torch.randn_like(y))


class Network(nn.Module):
    """Rectified linear layers with units dropped from the input and from every hidden layer, never from the output."""

    def __init__(self, config: DropoutConfig) -> None:
        super().__init__()
        self.max_norm = config.max_norm
        noise = {"weight-scaling": PaperDropout, "gaussian": GaussianDropout}.get(config.variant, Dropout)
        drops = (config.drop_input, *[config.drop_hidden] * len(config.hidden))
        widths = (config.inputs, *config.hidden)
        self.noise = nn.ModuleList([noise(drop) for drop in drops])
        self.hidden = nn.ModuleList([nn.Linear(i, o) for i, o in pairwise(widths)])
        self.output = nn.Linear(widths[-1], config.classes)

    def features(self, image: Float[Tensor, "b inputs"]) -> Float[Tensor, "b units"]:
        """The last hidden layer."""
        y = image
        for noise, layer in zip(self.noise, self.hidden, strict=False):
            y = F.relu(layer(noise(y)))
        return y

    def forward(self, image: Float[Tensor, "b inputs"]) -> Float[Tensor, "b classes"]:
        return self.output(self.noise[-1](self.features(image)))

    def loss(self, output: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Cross-entropy, summed over the batch."""
        return F.cross_entropy(output, label, reduction="sum")

    def predict(self, output: Float[Tensor, "b classes"]) -> Int[Tensor, " b"]:
        return output.argmax(dim=1)


def monte_carlo(model: Network, image: Float[Tensor, "b inputs"], samples: int) -> Float[Tensor, "b classes"]:
    """Section 7.5: class probabilities averaged over ``samples`` thinned networks; stays in training mode."""
    model.train()
    with no_grad():
        return stack([F.softmax(model(image), dim=1) for _ in range(samples)]).mean(dim=0)


def build(config: DropoutConfig) -> Network:
    """The network of ``config.variant``."""
    return Network(config)


def loss(model: Network, batch: DropoutBatch) -> Float[Tensor, ""]:
    """The model's loss on {"image": (B, inputs), "label": (B,), "count"}, divided by the count."""
    return model.loss(model(batch["image"]), batch["label"]) / batch["count"]
