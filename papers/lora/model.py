"""LoRA on the engine: an update of low rank beside any linear layer of any model.

    symbol   meaning
    W0       the pretrained weight (d, k), frozen
    A, B     the update's two factors (r, k) and (d, r), trained; r is the rank, far below d and k
    alpha    the update is scaled by alpha / r, so that another rank needs no other learning rate
    N        rows of the input, whatever axes they come in

Section 4.1: h = W0 x + (alpha / r) B A x.  The layer multiplies by A and then by B; the product B A, as large as W0, is
only made to merge it into W0.  A starts random and B at 0, so that the adapted model starts as the base model.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from jaxtyping import Float

from tinygrad_lab import Tensor, checkpoint, nn, no_grad, random
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator

from .config import LoRABatch, LoRAConfig
from .decoder import Decoder


class LoRALinear(nn.Module):
    """A frozen linear layer and its update: h = W0 x + b + (alpha / r) B A dropout(x).

    Merged, the layer is W0 + (alpha / r) B A alone, in training mode as in evaluation mode: nothing is left to train
    and nothing is dropped.  Modes neither merge nor unmerge.

    Args:
        base_layer: W0 and b; it is frozen, and stays the same object.
        rank: r.
        alpha: of the scale alpha / r.
        dropout: the probability of dropping an input of A; W0 sees all of them.

    Raises:
        ValueError: a rank below 1, or above the smaller side of W0.
    """

    def __init__(
        self,
        base_layer: nn.Linear,
        rank: int,
        alpha: float | int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_rank(base_layer, rank)
        inputs, outputs, dtype = base_layer.in_features, base_layer.out_features, base_layer.weight.dtype
        self.base_layer = base_layer.requires_grad_(False)
        self.lora_A = nn.Linear(inputs, rank, bias=False, dtype=dtype)
        self.lora_B = nn.Linear(rank, outputs, bias=False, dtype=dtype)
        nn.init.zeros_(self.lora_B.weight)
        self.lora_dropout = nn.Dropout(dropout)
        self.rank, self.alpha, self.scaling = rank, alpha, alpha / rank
        self.unmerged: Tensor | None = None  # W0, while the layer is merged

    def forward(self, x: Float[Tensor, "*n k"]) -> Float[Tensor, "*n d"]:
        h = self.base_layer(x)
        if self.unmerged is not None:
            return h
        return h + self.scaling * self.lora_B(self.lora_A(self.lora_dropout(x)))

    def update(self) -> Float[Tensor, "d k"]:
        """(alpha / r) B A, outside the graph."""
        with no_grad():
            return self.scaling * (self.lora_B.weight @ self.lora_A.weight)

    def merge(self) -> None:
        """Add the update to the weight, and keep a copy of W0 for the way back.

        Raises:
            RuntimeError: the layer is merged already.
        """
        if self.unmerged is not None:
            raise RuntimeError("merge: the update is in the weight already; unmerge() first")
        weight = self.base_layer.weight.detach()
        self.unmerged = weight.clone()
        weight.add_(self.update())

    def unmerge(self) -> None:
        """Put W0 back, bit for bit; subtracting the update would leave its rounding errors behind.

        Raises:
            RuntimeError: the layer is not merged.
        """
        if self.unmerged is None:
            raise RuntimeError("unmerge: the update is not in the weight; merge() first")
        self.base_layer.weight.detach().copy_(self.unmerged)
        self.unmerged = None

    def extra_repr(self) -> str:
        return f"rank={self.rank}, alpha={self.alpha:g}, merged={self.unmerged is not None}"


# ---- adapters on a model ---------------------------------------------------------------------------------------------


def check_rank(layer: nn.Linear, rank: int, name: str = "the layer") -> None:
    """Refuse a rank that an update of this layer cannot have.

    Raises:
        ValueError: names the layer, its weight's shape, and the rank.
    """
    d, k = layer.weight.shape
    if not 1 <= rank <= min(d, k):
        raise ValueError(f"rank must be from 1 to {min(d, k)} for {name}, whose weight is ({d}, {k}), got {rank}")


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern describes a dotted name or the last parts of it; ``*`` stands for anything."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def attach(
    model: nn.Module,
    targets: Sequence[str],
    rank: int,
    alpha: float | int,
    dropout: float = 0.0,
) -> list[str]:
    """Freeze a model and put a LoRALinear in the place of every linear layer that a pattern matches.

    Args:
        model: any module; it is changed in place, and only if everything fits.
        targets: patterns of module names, or of the last parts of them: "q_proj", "layers.0.*".
        rank, alpha, dropout: of every LoRALinear.

    Returns:
        The names of the adapted layers.

    Raises:
        ValueError: a pattern that matches no linear layer, a rank too large for a layer, a weight that another module
            uses too (merging would change that one as well), or a model that has adapters.
    """
    if adapters(model):
        raise ValueError("attach: the model has adapters already; detach() them, or merge them first")
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for pattern in targets:
        if not any(matches(name, pattern) for name in layers):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in layers}))
            raise ValueError(f"targets: {pattern!r} matches no linear layer; the linear layers are called {known}")
    chosen = {name: layer for name, layer in layers.items() if any(matches(name, pattern) for pattern in targets)}
    for name, layer in chosen.items():
        check_rank(layer, rank, name)
        _check_own_weight(model, name, layer)
    model.requires_grad_(False)
    for name, layer in chosen.items():
        _replace(model, name, LoRALinear(layer, rank, alpha, dropout))
    return list(chosen)


def adapters(model: nn.Module) -> dict[str, LoRALinear]:
    """The adapted layers by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}


def merge(model: nn.Module) -> None:
    """Merge every adapter into its weight: the model then computes as fast as its base."""
    for layer in adapters(model).values():
        layer.merge()


def unmerge(model: nn.Module) -> None:
    """Take every adapter out of its weight again."""
    for layer in adapters(model).values():
        layer.unmerge()


def detach(model: nn.Module) -> None:
    """Put the plain linear layers back, merged or not as they are: the base model's own names again, all frozen."""
    for name, layer in adapters(model).items():
        _replace(model, name, layer.base_layer)


def train_only(model: nn.Module, pattern: str) -> None:
    """Freeze all parameters but those whose name the pattern matches."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(matches(name, pattern))


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(dict(model.named_modules())[parent], last, module)


def _check_own_weight(model: nn.Module, name: str, layer: nn.Linear) -> None:
    own, place = f"{name}.weight", layer.weight.numpy().ctypes.data
    others = [other for other, array in model.state_dict().items() if array.ctypes.data == place and other != own]
    if others:
        raise ValueError(f"targets: the weight of {name} is also {', '.join(others)}: merging would change both")


# ---- the adapted decoder ---------------------------------------------------------------------------------------------


def load_base(model: Decoder, path: str) -> None:
    """Read the weights of a pretrained decoder from a checkpoint of either side.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ValueError: it lacks weights of this decoder, or has them in other shapes.
    """
    weights = {name.removeprefix("model."): array for name, array in checkpoint.load(path)[0].items()}
    own = model.state_dict()
    unfit = [name for name in own if name not in weights or weights[name].shape != own[name].shape]
    if unfit:
        raise ValueError(f"base: {path} has no weights that fit {', '.join(unfit)}")
    model.load_state_dict({name: weights[name] for name in own})


def build(config: LoRAConfig, generator: Generator | None = None) -> Decoder:
    """The decoder, from its checkpoint if there is one, with the parameters to train that ``config.method`` names."""
    with random.initialising(generator):
        model = Decoder(config)
        if config.base:
            load_base(model, config.base)
        if config.method == "lora":
            attach(model, config.targets.split(","), config.rank, config.alpha, config.dropout)
            for layer in adapters(model).values():
                nn.init.normal_(layer.lora_B.weight, std=config.initial_b)
        elif config.method != "full":
            train_only(model, {"bias": "bias", "head": "head.*"}[config.method])
    return model


@nn.utils.in_parts
def loss(model: Decoder, batch: LoRABatch) -> Float[Tensor, ""]:
    """Cross-entropy of {"sequence": (B, T), "target": (B, T), "count"}, a sum divided by the count."""
    logits = model(batch["sequence"])
    return F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten(), reduction="sum") / batch["count"]
