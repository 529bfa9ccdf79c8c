"""LeNet-5 in PyTorch.

    symbol   meaning
    B        images in the batch
    f        the squashing function, 1.7159 tanh(2a/3): f(1) = 1, f(-1) = -1 (appendix A)
    y_i      output of RBF unit i: squared distance of F6's state to the bitmap of class i (eq. 7)
    j        the "rubbish class" constant that bounds how far wrong classes are pushed (eq. 9)

C1 ... F6 are the paper's layer names (figure 2): C convolution, S subsampling, F fully connected.
"""

from collections.abc import Iterable

from jaxtyping import Float, Int
from torch import Tensor, cat, empty, full, nn, tensor
from torch.nn import functional as F

from .config import LeNetBatch, LeNetConfig

# Table I: which maps of S2 each map of C3 reads. Breaking the symmetry forces the maps to extract different features.
C3_INPUTS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


def squash(a: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """f(a) = 1.7159 tanh(2a/3), appendix A."""
    return 1.7159 * (2 / 3 * a).tanh()


def uniform_by_fan_in(parameters: Iterable[Tensor], fan_in: int) -> None:
    """Uniform in +-2.4 / F, F the number of inputs of the unit (appendix A)."""
    for parameter in parameters:
        nn.init.uniform_(parameter, -2.4 / fan_in, 2.4 / fan_in)


class Convolution(nn.Conv2d):
    """C1 and C5: every output map reads every input map.    (B, C, H, W) -> (B, F, H-k+1, W-k+1)"""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel)
        uniform_by_fan_in(self.parameters(), inputs * kernel**2)


class PartialConvolution(nn.Module):
    """C3: each map reads only some of the input maps (table I), one 5 x 5 kernel for each connection.

    (B, 6, H, W) -> (B, 16, H-4, W-4)
    """

    kernel_of: Tensor  # (16, 6): which kernel connects an output map to an input map

    def __init__(self) -> None:
        super().__init__()
        connections = [(o, i) for o, inputs in enumerate(C3_INPUTS) for i in inputs]
        # Where nothing is connected the kernel is one past the last, a zero.
        kernel_of = full((16, 6), len(connections))
        for kernel, connection in enumerate(connections):
            kernel_of[connection] = kernel
        self.register_buffer("kernel_of", kernel_of, persistent=False)
        self.weight = nn.Parameter(empty(len(connections), 5, 5))
        self.bias = nn.Parameter(empty(16))
        for kernel, (o, _) in enumerate(connections):
            uniform_by_fan_in([self.weight.detach()[kernel]], 25 * len(C3_INPUTS[o]))
        for o, inputs in enumerate(C3_INPUTS):
            uniform_by_fan_in([self.bias.detach()[o : o + 1]], 25 * len(inputs))

    def forward(self, input: Float[Tensor, "b 6 h w"]) -> Float[Tensor, "b 16 h-4 w-4"]:
        kernels = cat([self.weight, self.weight.new_zeros(1, 5, 5)])
        return F.conv2d(input, kernels[self.kernel_of], self.bias)


class Subsampling(nn.Module):
    """S2 and S4: the sum of 2 x 2 inputs times one weight plus one bias a map, squashed.    H, W -> H/2, W/2"""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(maps))
        self.bias = nn.Parameter(empty(maps))
        uniform_by_fan_in(self.parameters(), 4)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h//2 w//2"]:
        total = 4 * F.avg_pool2d(input, 2)
        return squash(total * self.weight[:, None, None] + self.bias[:, None, None])


class RBF(nn.Module):
    """The output layer, eq. 7: y_i = sum_j (x_j - w_ij)^2, the w_i fixed bitmaps.    (B, 84) -> (B, 10)"""

    prototypes: Tensor

    def __init__(self, prototypes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.register_buffer("prototypes", tensor(prototypes).float())

    def forward(self, input: Float[Tensor, "b units"]) -> Float[Tensor, "b classes"]:
        return ((input[:, None, :] - self.prototypes) ** 2).sum(dim=-1)


class LeNet5(nn.Module):
    """The network of 1998, figure 2. Its outputs are distances: the smallest one names the class."""

    def __init__(self, config: LeNetConfig) -> None:
        super().__init__()
        self.rubbish = config.rubbish
        self.c1 = Convolution(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConvolution()
        self.s4 = Subsampling(16)
        self.c5 = Convolution(16, config.c5_maps, config.c5_kernel)
        self.f6 = nn.Linear(config.c5_maps, config.f6_units)
        self.rbf = RBF(config.prototypes)
        uniform_by_fan_in(self.f6.parameters(), config.c5_maps)

    def forward(self, image: Float[Tensor, "b 1 size size"]) -> Float[Tensor, "b classes"]:
        c1 = squash(self.c1(image))
        s2 = self.s2(c1)
        c3 = squash(self.c3(s2))
        s4 = self.s4(c3)
        c5 = squash(self.c5(s4)).flatten(1)
        f6 = squash(self.f6(c5))
        return self.rbf(f6)

    def loss(self, output: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Eq. 9, summed over the batch: y_c + log(exp(-j) + sum_i exp(-y_i)), c the right class."""
        right = output.gather(1, label[:, None]).sum()
        rubbish = output.new_full((len(output), 1), -self.rubbish)
        return right + cat([-output, rubbish], dim=1).logsumexp(dim=1).sum()

    def predict(self, output: Float[Tensor, "b classes"]) -> Int[Tensor, " b"]:
        return output.argmin(dim=1)


class LeNet5Modern(nn.Module):
    """What most people call LeNet-5 today, and is not the paper's: every C3 map reads every S2 map, max-pooling
    without parameters, ReLU, ten linear outputs and a softmax. 61,706 parameters."""

    def __init__(self, config: LeNetConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.conv3 = nn.Conv2d(16, config.c5_maps, config.c5_kernel)
        self.linear1 = nn.Linear(config.c5_maps, config.f6_units)
        self.linear2 = nn.Linear(config.f6_units, config.classes)

    def forward(self, image: Float[Tensor, "b 1 size size"]) -> Float[Tensor, "b classes"]:
        x = F.max_pool2d(F.relu(self.conv1(image)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.conv3(x)).flatten(1)
        x = F.relu(self.linear1(x))
        return self.linear2(x)

    def loss(self, output: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Cross-entropy, summed over the batch."""
        return F.cross_entropy(output, label, reduction="sum")

    def predict(self, output: Float[Tensor, "b classes"]) -> Int[Tensor, " b"]:
        return output.argmax(dim=1)


def build(config: LeNetConfig) -> LeNet5 | LeNet5Modern:
    """The network of ``config.variant``."""
    networks: dict[str, type[LeNet5] | type[LeNet5Modern]] = {"1998": LeNet5, "modern": LeNet5Modern}
    return networks[config.variant](config)


def loss(model: LeNet5 | LeNet5Modern, batch: LeNetBatch) -> Float[Tensor, ""]:
    """The model's loss on {"image": (B, 1, size, size), "label": (B,), "count"}, divided by the count."""
    return model.loss(model(batch["image"]), batch["label"]) / batch["count"]
