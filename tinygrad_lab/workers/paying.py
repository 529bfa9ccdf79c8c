"""The rule on sizes: into how many parts a batch is cut.

A part costs its worker about half a millisecond of messages, and every parameter about five passes
over memory: the copy that the worker reads, the gradient that it leaves, the sum of the two.  What
it saves is arithmetic, six operations for each use of a parameter.  So a part must use parameters
often enough in all; and each weight often enough, unless all of them fit a cache, where a pass is
nearly free.

How often, the shapes say.  A weight is used once for each token; once for each item where items are
images or vectors.  A kernel, with three axes or more, is used for each patch of its size that the
images are cut into: deeper in a network there are fewer, and near its input they overlap.

Measured at size ``small`` on two cores, time in two parts against that of the whole batch, whose
products have both cores: seq2seq 0.64, Mamba 0.65, AlexNet 0.76, Transformer 0.79, BERT 0.84, LoRA
0.85, FoX 0.86, LLaMA 0.88, LeNet 0.94, LSTM 0.96.  The autoencoder (1.24) and the network of the
dropout paper (1.43) are all products, and 128 images are few uses of each of their weights: they
stay whole, as AlexNet does at size ``paper`` (1.05 with 16 images).
"""

import math
from collections.abc import Sequence

from tinygrad_lab import cores
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers import shared

WORTHWHILE = 5e7  # uses of parameters in a part
EACH = 128  # uses of one weight in a part
CACHED = 2**18  # weights, a megabyte of them, that a part may use less often


def parts_that_pay(batch: Sequence[Tensor], parameters: Sequence[Tensor]) -> int:
    """Return the number of parts, for at most one item each and one core each."""
    places = max(_places(tensor) for tensor in batch)
    pixels = max(_pixels(tensor) for tensor in batch)
    pays = sum(_uses(parameter, places, pixels) for parameter in parameters) // max(WORTHWHILE, 1)
    weights = sum(parameter.numel() for parameter in parameters if parameter.ndim < 3)
    if weights > CACHED:
        pays = min(pays, places // EACH)
    return max(1, min(len(batch[0]), cores.cores(), int(pays)))


def _uses(parameter: Tensor, places: int, pixels: int) -> int:
    patch = max(math.prod(parameter.shape[2:]), 1)
    return parameter.numel() * (pixels // patch if parameter.ndim > 2 else places)


def _places(tensor: Tensor) -> int:
    """How often a weight meets it: (B, ...) tokens, (B, T, F) vectors, others once an item."""
    if tensor.dtype.kind != "f":
        return tensor.numel()
    return math.prod(tensor.shape[:2]) if tensor.ndim == 3 else len(tensor)


def _pixels(tensor: Tensor) -> int:
    """How many pixels it has: (B, C, H, W) images."""
    channels = tensor.shape[1] if tensor.ndim > 2 and tensor.dtype.kind == "f" else 1
    return tensor.numel() // max(channels, 1)


def described() -> str:
    """Say who works on the parts of a step here, for reports."""
    if cores.cores() == 1:
        return "one process"
    return f"up to {cores.cores()} processes" if shared.possible() else "up to 2 threads"
