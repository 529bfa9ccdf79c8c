"""All parameters of a model as one vector, and back, with torch.nn.utils' names."""

from collections.abc import Iterable

from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops.shapes import cat, reshape
from tinygrad_lab.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements in order, one parameter after the other; gradients go back to each."""
    return cat([reshape(parameter, (-1,)) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of ``vec`` into the parameters, in the order of ``parameters_to_vector``.

    Raises:
        ValueError: more or fewer elements than the parameters have.
    """
    chosen = list(parameters)
    total = sum(parameter.numel() for parameter in chosen)
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec has shape {vec.shape}, the parameters have {total} elements")
    start = 0
    with no_grad():
        for parameter in chosen:
            parameter.copy_(vec[start : start + parameter.numel()].reshape(parameter.shape))
            start += parameter.numel()
