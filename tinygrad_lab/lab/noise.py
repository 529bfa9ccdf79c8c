"""The same noise on both sides.

The engine's random draws are recorded (``tinygrad_lab.random.record_draws``) and handed out again, one by one, where
PyTorch asks its own generator: a dispatch mode sits below autograd and answers ``bernoulli_`` and the normal draws.
Reference code needs no noise arguments, and torch's own modules (``nn.Dropout`` among them) are served too.
"""

from collections.abc import Iterable
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


class ReplayDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch types only part of it
    """Answer PyTorch's random draws with recorded ones, in order.

    Raises:
        RuntimeError: torch draws more often than the engine did, or a different number of elements.
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
            return args[0].copy_(self._next(func, tuple(args[0].shape)))
        if func in _OUT_OF_PLACE:
            like = func(*args, **kwargs)
            return self._next(func, tuple(like.shape)).to(like.dtype)
        return func(*args, **kwargs)

    def _next(self, func: Any, shape: tuple[int, ...]) -> torch.Tensor:
        if self._used == len(self._draws):
            raise RuntimeError(f"shared noise: torch draws {shape} by {func}, the engine made only {self._used} draws")
        draw = self._draws[self._used]
        self._used += 1
        if draw.shape != shape:
            raise RuntimeError(f"shared noise: draw {self._used} is {draw.shape} on the engine, {shape} in torch")
        return torch.from_numpy(np.array(draw))

    def check_all_used(self) -> None:
        """Raise RuntimeError unless both sides drew equally often."""
        if self._used != len(self._draws):
            raise RuntimeError(f"shared noise: the engine drew {len(self._draws)} times, torch {self._used} times")
