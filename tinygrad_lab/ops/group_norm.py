"""Group normalisation (Wu & He 2018): each item normalised over groups of its channels."""

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.normalization import layer_norm
from tinygrad_lab.ops.shapes import reshape
from tinygrad_lab.tensor import Tensor


@gated
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = γ (x - μ) / √(σ² + ε) + β, with μ and σ² of the item's group of channels.    (N, C, *) -> (N, C, *)

    A group laid out in a row is what ``layer_norm`` normalises; γ and β, one per channel, come after.

    Raises:
        ValueError: ``num_groups`` does not divide the channels; a ``weight`` or ``bias`` that does not fit them.
    """
    if input.ndim < 2:
        raise ValueError(f"group_norm: input has shape {input.shape}, it must be (N, C, *)")
    items, channels = input.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"group_norm: num_groups must divide the {channels} channels, got {num_groups}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != (channels,):
            raise ValueError(f"group_norm: {name} has shape {parameter.shape}, input {input.shape} needs ({channels},)")
    width = input.numel() // (items * num_groups) if items else channels // num_groups
    rows = reshape(input, (items, num_groups, width))
    y = reshape(layer_norm(rows, (width,), eps=eps), input.shape)
    wide = (channels, *[1] * (input.ndim - 2))
    y = y if weight is None else y * reshape(weight, wide)
    return y if bias is None else y + reshape(bias, wide)


__all__ = ["group_norm"]
