"""torch's arguments as ours, in memory of their own with the same strides; and results of both as arrays."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from tests.agreement.case import Apart, InBackward, Result
from tinygrad_lab import Tensor, from_numpy

DTYPES = {
    torch.float64: np.float64, torch.float32: np.float32, torch.float16: np.float16, torch.int64: np.int64,
    torch.int32: np.int32, torch.int16: np.int16, torch.int8: np.int8, torch.uint8: np.uint8, torch.bool: np.bool_,
}  # fmt: skip
MOST_DIMENSIONS = 64  # that NumPy has


class Carrier:
    """Carries arguments over; remembers tensors that have gradients, on both sides, in one order."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[torch.Tensor, Tensor]] = {}

    def __call__(self, value: Any) -> Any:
        """Return ``value`` as the engine has it.

        Raises:
            Apart: it has nothing like it.
        """
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.dtype):
            return np.dtype(_dtype(value))
        if isinstance(value, torch.device):
            return str(value)
        if isinstance(value, torch.Size):
            return tuple(value)
        if isinstance(value, list | tuple):
            return type(value)(map(self, value)) if type(value) in (list, tuple) else tuple(map(self, value))
        if isinstance(value, dict):
            return self.named(value)
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if value is None or value is Ellipsis or isinstance(value, bool | int | float | str | np.ndarray | np.generic):
            return value
        raise Apart(f"a {type(value).__name__}")

    def named(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Carry keyword arguments over; what only says where or how a tensor is stored is left out."""
        if arguments.get("out") is not None:
            raise Apart("out=")
        if arguments.get("memory_format", torch.preserve_format) is not torch.preserve_format:
            raise Apart("memory_format=")
        return {
            name: self(value)
            for name, value in arguments.items()
            if value is not torch.strided and value is not torch.preserve_format
        }

    def _tensor(self, given: torch.Tensor) -> Tensor:
        if id(given) not in self.pairs:
            carried = from_numpy(as_array(own(given)))
            if given.requires_grad:
                carried.requires_grad_()
            self.pairs[id(given)] = given, carried
        return self.pairs[id(given)][1]

    @property
    def theirs(self) -> list[torch.Tensor]:
        return [theirs for theirs, _ in self.pairs.values()]

    @property
    def ours(self) -> list[Tensor]:
        return [ours for _, ours in self.pairs.values()]

    def size(self) -> int:
        return sum(tensor.numel() for tensor in self.theirs)


def own(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy in memory of its own with the same strides, gaps included."""
    _dtype(tensor.dtype)
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized:
        raise Apart(f"a {tensor.layout} tensor")
    plain = tensor.detach()
    if plain.is_contiguous():
        return plain.clone()
    place = plain.storage_offset(), plain.size(), plain.stride()
    return torch.empty(0, dtype=plain.dtype).set_(plain.untyped_storage().clone(), *place)  # type: ignore[call-overload]


def _dtype(dtype: torch.dtype) -> Any:
    if dtype not in DTYPES:
        raise Apart(str(dtype).removeprefix("torch."))
    return DTYPES[dtype]


def as_array(result: Any) -> np.ndarray:
    """Return a result of either side as an array."""
    if isinstance(result, torch.Tensor):
        _dtype(result.dtype)
        if result.layout is not torch.strided:
            raise Apart(f"a {result.layout} tensor")
        if result.ndim > MOST_DIMENSIONS:
            raise Apart(f"{result.ndim} dimensions")
        array: np.ndarray = result.detach().numpy()
        return array
    return np.asarray(result.numpy() if isinstance(result, Tensor) else result)


def flat(result: Any) -> list[Any]:
    """Return the results of a call one after the other."""
    return list(_flat(result))


def _flat(result: Any) -> Iterator[Any]:
    if isinstance(result, list | tuple):
        for part in result:
            yield from _flat(part)
    elif result is not None:
        yield result


def cotangent(place: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return the gradient that comes into output ``place``: random, and the same on both sides."""
    return np.random.default_rng(place).standard_normal(shape).astype(dtype)


def by_torch(function: Callable[[], Any], watched: list[torch.Tensor]) -> Result:
    """Call, and take the gradients of all outputs by those ``watched`` tensors that want one."""
    outputs = flat(function())
    arrays = [as_array(output).copy() for output in outputs]
    differentiable = [(i, out) for i, out in enumerate(outputs) if isinstance(out, torch.Tensor) and out.requires_grad]
    leaves = [tensor for tensor in watched if tensor.requires_grad]
    gradients = None
    if differentiable and leaves:
        incoming = [torch.from_numpy(cotangent(i, tuple(out.shape), arrays[i].dtype)) for i, out in differentiable]
        try:
            found = torch.autograd.grad([out for _, out in differentiable], leaves, incoming, allow_unused=True)
        except RuntimeError:  # torch has no derivative of it
            return Result(arrays, None, _after(watched))
        gradients = [
            np.zeros(leaf.shape, DTYPES[leaf.dtype]) if gradient is None else gradient.numpy()
            for leaf, gradient in zip(leaves, found, strict=True)
        ]
    return Result(arrays, gradients, _after(watched))


def by_engine(function: Callable[[], Any], watched: list[Tensor]) -> Result:
    """Do the same as ``by_torch`` with the engine."""
    outputs = flat(function())
    arrays = [as_array(output).copy() for output in outputs]
    leaves = [tensor for tensor in watched if tensor.requires_grad]
    try:
        for place, output in enumerate(outputs):
            if isinstance(output, Tensor) and output.requires_grad:
                output.backward(cotangent(place, output.shape, output.dtype), retain_graph=True)
    except Exception as error:
        raise InBackward from error
    gradients = [np.zeros(t.shape, t.dtype) if t.grad is None else t.grad.numpy() for t in leaves]
    return Result(arrays, gradients, _after(watched))


def _after(watched: list[Any]) -> list[np.ndarray]:
    return [as_array(tensor) for tensor in watched]
