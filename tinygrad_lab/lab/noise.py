"""The same noise on both sides.

The engine's random draws are recorded (``tinygrad_lab.random.record_draws``) and handed out again, one by one, where
PyTorch asks its own generator: a dispatch mode sits below autograd and answers ``bernoulli_`` and the normal draws.
Reference code needs no noise arguments, and torch's own modules (``nn.Dropout`` among them) are served too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

_IN_PLACE = {torch.ops.aten.bernoulli_.float, torch.ops.aten.bernoulli_.Tensor, torch.ops.aten.normal_.default}
_OUT_OF_PLACE = {
    torch.ops.aten.bernoulli.default,
    torch.ops.aten.bernoulli.p,
    torch.ops.aten.randn.default,
    torch.ops.aten.randn_like.default,
    torch.ops.aten.normal.Tensor_Tensor,
    torch.ops.aten.normal.float_float,
}


@contextmanager
def replayed(draws: Sequence[np.ndarray]) -> Iterator[None]:
    """Have PyTorch draw what was recorded inside the block: all of it, in order, and nothing else.

    Where nothing was recorded nothing is intercepted, which would slow every operation down: the state of torch's
    generator tells whether it was asked.

    Raises:
        RuntimeError: what ``ReplayDraws`` raises; draws that are left over; torch drew from its own generator.
    """
    before = torch.get_rng_state()
    replay = ReplayDraws(draws)
    with replay if draws else nullcontext():
        yield
    replay.check_all_used()
    if not torch.equal(before, torch.get_rng_state()):
        raise RuntimeError(
            f"shared noise: torch drew from its own generator, beside the {len(draws)} draws that the engine made"
        )


class ReplayDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch types only part of it
    """Answer PyTorch's random draws with recorded ones, in order.

    Raises:
        RuntimeError: torch draws more often than the engine did, another number of elements, another dtype, or from
            another distribution.
    """

    def __init__(self, draws: Iterable[np.ndarray]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch types only part of it
        self._draws = list(draws)
        self._used = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _IN_PLACE:
            return args[0].copy_(self._next(func, args[0], _given(func, args, kwargs)))
        if func in _OUT_OF_PLACE:
            with torch.random.fork_rng(devices=()):  # only its shape is wanted: torch's generator stays where it is
                like = func(*args, **kwargs)
            return self._next(func, like, _given(func, args, kwargs))
        return func(*args, **kwargs)

    def _next(self, func: Any, like: torch.Tensor, given: dict[str, Any]) -> torch.Tensor:
        shape = tuple(like.shape)
        if self._used == len(self._draws):
            raise RuntimeError(f"shared noise: torch draws {shape} by {func}, the engine made only {self._used} draws")
        draw = torch.from_numpy(np.array(self._draws[self._used]))
        self._used += 1
        mask = draw.dtype == torch.bool  # the engine's is one byte an element
        for ours, theirs in ((tuple(draw.shape), shape), (like.dtype if mask else draw.dtype, like.dtype)):
            if ours != theirs:
                raise RuntimeError(f"shared noise: draw {self._used} is {ours} on the engine, {theirs} in torch")
        if "bernoulli" in str(func):
            self._check_probability(draw, given["p"] if "p" in given else given["self"])
        elif draw.numel() and _is_binary(draw):
            raise RuntimeError(f"shared noise: draw {self._used} is 0 or 1 on the engine, a normal number in torch")
        return draw if "bernoulli" in str(func) else draw * given.get("std", 1.0) + given.get("mean", 0.0)

    def _check_probability(self, draw: torch.Tensor, probability: Any) -> None:
        """Refuse a mask with many more or fewer ones than torch asks for, which one in a hundred million has."""
        if not _is_binary(draw):
            raise RuntimeError(f"shared noise: draw {self._used} is a number on the engine, 0 or 1 in torch")
        p = torch.as_tensor(probability, dtype=torch.float64).broadcast_to(draw.shape)
        expected, spread = float(p.sum()), math.sqrt(float((p * (1 - p)).sum()))
        if abs(float(draw.sum()) - expected) > 6 * spread + 12:
            raise RuntimeError(
                f"shared noise: draw {self._used} has {float(draw.sum()):.0f} ones of {draw.numel()} on the engine, "
                f"torch expects {expected:.0f}"
            )

    def check_all_used(self) -> None:
        """Raise RuntimeError unless both sides drew equally often."""
        if self._used != len(self._draws):
            raise RuntimeError(f"shared noise: the engine drew {len(self._draws)} times, torch {self._used} times")


def _given(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, with defaults."""
    parameters = func._schema.arguments
    given = {p.name: p.default_value for p in parameters if p.has_default_value()}
    return given | dict(zip((p.name for p in parameters), args, strict=False)) | kwargs


def _is_binary(draw: torch.Tensor) -> bool:
    return bool(((draw == 0) | (draw == 1)).all())
