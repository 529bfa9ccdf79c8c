"""What a trained network does at other lengths and with its step sizes, and what writing and scanning cost."""

from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int64

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.costs import megabytes, milliseconds
from tinygrad_lab.nn import functional as F
from tinygrad_lab.ops.selective_scan import selective_scan
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Array

from ..config import MambaConfig
from ..inference import GREEDY, fresh, read, search
from ..model import Mamba
from ..tasks import synthetic

READ_AT_ONCE = 2**13  # tokens of all sequences together
BLOCK = 50  # characters whose times are put together
FAR = 4  # places after a token from where on the convolution, of four taps, holds nothing of it


def accuracy_at(model: Mamba, config: MambaConfig, length: int, items: int) -> float:
    """Percent of ``items`` induction sequences of any length that end with the right token.

    They are read whole, a few at a time.
    """
    batch = synthetic.draw(replace(config, length=length), items, generator(synthetic.TEST_SEED + length))
    model.eval()
    rows, right = max(1, READ_AT_ONCE // length), 0
    with no_grad():
        for start in range(0, items, rows):
            answers = model(Tensor(batch["tokens"][start : start + rows])).numpy()[:, -1].argmax(-1)
            right += int((answers == batch["target"][start : start + rows, -1]).sum())
    return 100 * right / items


def step_sizes(model: Mamba, tokens: Int64[Array, "b t"]) -> list[Float[Array, "b t"]]:
    """Δ at every token, the mean over the channels; one array for each block of a selective network."""
    sizes: list[Float[Array, "b t"]] = []

    def keep(_module: Any, _args: Any, output: Tensor) -> None:
        sizes.append(F.softplus(output).numpy().mean(axis=-1))

    handles = [block.mixer.dt_proj.register_forward_hook(keep) for block in cast(Any, model.backbone.layers)]
    try:
        with no_grad():
            model.eval()(Tensor(tokens))
    finally:
        for handle in handles:
            handle.remove()
    return sizes


def since_a_token(tokens: Int64[Array, "b t"]) -> Int64[Array, "b t"]:
    """Places since the last token to copy, FAR at most; -1 before the first of a sequence."""
    places = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    last = np.maximum.accumulate(np.where(tokens != synthetic.NOISE, places, -1), axis=1)
    return np.where(last < 0, -1, np.minimum(places - last, FAR))


def sizes_since(sizes: list[Float[Array, "b t"]], since: Int64[Array, "b t"]) -> list[list[float]]:
    """Mean step size of each block at a token, and so many places after the last one; last those FAR from any."""
    return [[float(block[since == places].mean()) for places in range(FAR + 1)] for block in sizes]


def writing(model: Mamba, config: MambaConfig, positions: list[int]) -> dict[str, list[float]]:
    """Milliseconds for a character that is written around each position, and kilobytes of what is kept of those before.

    The text is written in one go, to the last position.
    """
    states = fresh(model, config)
    kept = sum(array.numpy().nbytes for state in states for array in (state.past, state.h)) / 1e3
    stream = iter(search(model, config, [0], replace(GREEDY, length=max(positions) + BLOCK)))
    times = [milliseconds(lambda: next(stream)) for _ in range(max(positions) + BLOCK)]
    return {
        "milliseconds": [median(times[position : position + BLOCK]) for position in positions],
        "kilobytes": [kept] * len(positions),
    }


def rereading(model: Mamba, config: MambaConfig, positions: list[int]) -> list[float]:
    """Milliseconds for a character when nothing is kept and the text is read again from its beginning."""
    tokens = generator(0).integers(0, config.vocab_size, max(positions)).tolist()

    def read_to(position: int) -> None:
        read(model, tokens[:position], fresh(model, config))

    return [milliseconds(partial(read_to, position), times=3) for position in positions]


def scanning(steps: int, channels: int = 128, states: int = 16) -> dict[str, dict[str, float]]:
    """Milliseconds and megabytes, forward and backward, of the scan as one operation and step by step."""
    rng = generator(0)
    arrays = {
        "u": rng.standard_normal((1, steps, channels)),
        "delta": rng.uniform(0.001, 0.1, (1, steps, channels)),
        "A": -np.tile(np.arange(1.0, states + 1), (channels, 1)),
        "B": rng.standard_normal((1, steps, states)),
        "C": rng.standard_normal((1, steps, states)),
    }
    costs = {}
    for name, scan in (("fused", selective_scan), ("step by step", selective_scan.info.definition)):
        inputs = {key: Tensor(array.astype(np.float32), requires_grad=True) for key, array in arrays.items()}

        def both_ways(scan: Any = scan, inputs: dict[str, Tensor] = inputs) -> None:
            y, _ = scan(**inputs)
            y.backward(np.ones(y.shape, np.float32))

        costs[name] = {"milliseconds": milliseconds(both_ways, times=3), "megabytes": megabytes(both_ways)}
    return costs
