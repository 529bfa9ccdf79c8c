"""One side's activations imposed on the other, so that both decide alike where only rounding would decide.

Max-pooling picks one of two pixels that are equal but for rounding, and a rectified unit is 0 or just above it. In
float32 either side may be right, and the gradient then takes another way, off by a whole unit's share. With activations
imposed everything is compared but those choices.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Record = dict[str, list[np.ndarray]]  # by module path, one array a call
Hook = Callable[[Any, tuple[Any, ...], Any], None]  # (module, arguments, output)


@contextmanager
def recorded(model: Any, array: Callable[[Any], np.ndarray]) -> Iterator[Record]:
    """Copies of what every module gives out inside the block, where that is one tensor."""
    record: Record = defaultdict(list)

    def watch(path: str) -> Hook:
        def hook(_module: Any, _arguments: tuple[Any, ...], output: Any) -> None:
            if hasattr(output, "shape"):
                record[path].append(array(output))

        return hook

    with _hooked(model, watch):
        yield record


@contextmanager
def imposed(model: torch.nn.Module, record: Record) -> Iterator[None]:
    """Have every module give out what ``record`` has for this call; gradients flow as before."""
    calls = {path: iter(arrays) for path, arrays in record.items()}

    def watch(path: str) -> Hook:
        def hook(_module: Any, _arguments: tuple[Any, ...], output: Any) -> None:
            if path in calls:
                output.data.copy_(torch.from_numpy(next(calls[path])))

        return hook

    with _hooked(model, watch):
        yield


@contextmanager
def _hooked(model: Any, watch: Callable[[str], Hook]) -> Iterator[None]:
    handles = [module.register_forward_hook(watch(path)) for path, module in model.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
