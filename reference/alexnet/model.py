"""AlexNet in PyTorch.

    symbol     meaning
    B          images in the batch
    a, b       activity of a unit before and after local response normalisation (section 3.3)
    n, k, alpha, beta   its constants: n neighbouring maps, b = a / (k + alpha sum a²)^beta
    z, s       size of a pooling window and the step between two: they overlap where z > s (section 3.4)

conv1 ... fc8 are the eight layers with weights of figure 2. Their two towers, one for each of the authors' GPUs, are
groups of channels here: conv2, conv4 and conv5 see only the maps of their own tower, conv3 and the rest see all.
"""

import math

from jaxtyping import Float, Int
from torch import Tensor, nn, stack
from torch.nn import functional as F

from .config import AlexNetBatch, AlexNetConfig

POSITIVE_BIASES = ("conv2", "conv4", "conv5", "fc6", "fc7")  # section 5: they give the ReLUs positive inputs


class LocalResponseNorm(nn.Module):
    """Section 3.3: b_i = a_i / (k + alpha sum_j a_j²)^beta, j over the n maps around i, at every pixel.

    (B, C, H, W) -> (B, C, H, W); maps beyond the first and the last count as 0. The sum is not a
    mean, as it is in torch, which divides alpha by n.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> None:
        super().__init__()
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def forward(self, a: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        beside = self.n // 2
        squares = F.pad(a**2, (0, 0, 0, 0, beside, beside))  # (B, n // 2 + C + n // 2, H, W)
        activity = squares.unfold(1, self.n, 1).sum(dim=-1)
        return a / (self.k + self.alpha * activity) ** self.beta


class AlexNet(nn.Module):
    """The network of figure 2; shapes in the comments are those of the paper's size.    (B, 3, 227, 227) -> (B, 1000)

    Raises:
        ValueError: images of another size or with another number of channels.
    """

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.image_shape = (config.channels, config.image_size, config.image_size)
        self.activation = getattr(F, config.activation)
        m1, m2, m3, m4, m5 = config.maps
        groups, z, s = config.groups, config.pool_window, 2
        self.conv1 = nn.Conv2d(config.channels, m1, config.kernel, config.stride)
        self.norm1 = LocalResponseNorm(config.lrn_size, alpha=config.lrn_alpha) if config.lrn_size else nn.Identity()
        self.pool1 = nn.MaxPool2d(z, s)
        self.conv2 = nn.Conv2d(m1, m2, 5, padding=2, groups=groups)
        self.norm2 = LocalResponseNorm(config.lrn_size, alpha=config.lrn_alpha) if config.lrn_size else nn.Identity()
        self.pool2 = nn.MaxPool2d(z, s)
        self.conv3 = nn.Conv2d(m2, m3, 3, padding=1)
        self.conv4 = nn.Conv2d(m3, m4, 3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(m4, m5, 3, padding=1, groups=groups)
        self.pool5 = nn.MaxPool2d(z, s)
        self.fc6 = nn.Linear(config.flat, config.units)
        self.drop6 = nn.Dropout(config.drop)
        self.fc7 = nn.Linear(config.units, config.units)
        self.drop7 = nn.Dropout(config.drop)
        self.fc8 = nn.Linear(config.units, config.classes)
        self.initialise(config.init_std, config.init_bias)

    def initialise(self, std: float, bias: float) -> None:
        """Section 5: weights from N(0, std²); biases of the layers in POSITIVE_BIASES ``bias``, of the others 0."""
        for name, parameter in self.named_parameters():
            layer, _, kind = name.partition(".")
            if kind == "weight":
                nn.init.normal_(parameter, 0.0, std)
            else:
                nn.init.constant_(parameter, bias if layer in POSITIVE_BIASES else 0.0)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        if tuple(image.shape[1:]) != self.image_shape:
            wanted, got = (", ".join(map(str, shape)) for shape in (self.image_shape, image.shape))
            raise ValueError(f"AlexNet: image must have shape (batch, {wanted}), got ({got})")
        f = self.activation
        x = self.pool1(self.norm1(f(self.conv1(image))))  # (B, 96, 55, 55) -> (B, 96, 27, 27)
        x = self.pool2(self.norm2(f(self.conv2(x))))  # (B, 256, 27, 27) -> (B, 256, 13, 13)
        x = f(self.conv3(x))  # (B, 384, 13, 13)
        x = f(self.conv4(x))  # (B, 384, 13, 13)
        x = self.pool5(f(self.conv5(x)))  # (B, 256, 13, 13) -> (B, 256, 6, 6)
        x = self.drop6(f(self.fc6(x.flatten(1))))  # (B, 4096)
        x = self.drop7(f(self.fc7(x)))  # (B, 4096)
        return self.fc8(x)  # (B, 1000)

    def loss(self, output: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Cross-entropy, summed over the batch."""
        return F.cross_entropy(output, label, reduction="sum")

    def predict(self, output: Float[Tensor, "b classes"]) -> Int[Tensor, " b"]:
        return output.argmax(dim=1)


def average_over_views(model: AlexNet, views: Float[Tensor, "v b c h w"]) -> Float[Tensor, "b classes"]:
    """Section 4.1: the logarithm of the softmax, averaged over the views of each image."""
    logs = stack([F.log_softmax(model(views[i]), dim=1) for i in range(len(views))])
    return logs.logsumexp(dim=0) - math.log(len(views))


def build(config: AlexNetConfig) -> AlexNet:
    """The network of ``config``."""
    return AlexNet(config)


def loss(model: AlexNet, batch: AlexNetBatch) -> Float[Tensor, ""]:
    """The model's loss on {"image": (B, C, size, size), "label": (B,), "count"}, divided by the count."""
    return model.loss(model(batch["image"]), batch["label"]) / batch["count"]
