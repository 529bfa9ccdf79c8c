"""What is timed: the two normalisations, and a token that is written."""

import time
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.random import generator
from tinygrad_lab.study import Lab, Side

from .. import inference
from ..config import PUBLISHED, VARIANTS, LlamaConfig
from ..model import normalisation
from .arms import QUICK

NORMS = {"RMSNorm": "llama", "LayerNorm": "layer-norm"}  # name -> variant

# tokens before the first new one
SIZES: dict[str, tuple[int, ...]] = {"cached": (16, 128, 512), "read anew": (16, 128)}
TOKENS = {"cached": 12, "read anew": 3}  # that are timed; the median counts


def measure_norms(lab: Lab) -> None:
    """Seconds of this process that the engine's two normalisations take, forward and backward, on a batch of states."""
    config = VARIANTS["llama"]["small"]
    shape = (config.batch_size * config.context, config.hidden_size)
    x, dy = generator(0).standard_normal((2, *shape), dtype=np.float32)
    modules = {name: normalisation(VARIANTS[variant]["small"]) for name, variant in NORMS.items()}
    times: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(3 if lab.quick else 200):
        for name, module in modules.items():
            start = time.process_time()
            for _ in range(10):
                module(Tensor(x, requires_grad=True)).backward(Tensor(dy))
            times[name].append((time.process_time() - start) / 10)
    seconds = {name: median(taken) for name, taken in times.items()}
    lab.save("norms", {"seconds": seconds, "shape": shape}, config)


def measure_speed(lab: Lab) -> None:
    """Seconds of a token after prompts of several lengths, for a network of SmolLM2's size with random weights."""
    config = PUBLISHED["SmolLM2 135M"]
    if lab.quick:
        config = replace(config, **QUICK | {"heads": 2, "kv_heads": 1})
    seconds: dict[str, dict[str, dict[str, float]]] = {}
    for side in ("numpy", "torch"):
        bench = lab.side(side)
        model = bench.build(config, 0)
        seconds[side] = {
            how: {str(length): seconds_a_token(bench, model, config, how, length) for length in lengths}
            for how, lengths in SIZES.items()
        }
        lab.log(f"seconds a token ({side}): {seconds[side]}")
        del model
    lab.save("speed", {"seconds": seconds}, VARIANTS["llama"]["small"])


def seconds_a_token(bench: Side, model: Any, config: LlamaConfig, how: str, length: int) -> float:
    """After so many tokens; "cached", or all of them "read anew" for every token."""
    prompt = generator(0).integers(0, config.vocab_size, length).tolist()
    if how == "read anew":
        options = replace(inference.GREEDY, length=1)
        return median(_seconds(bench.search(model, config, prompt, options), 1)[0] for _ in range(TOKENS[how]))
    options = replace(inference.GREEDY, length=TOKENS[how] + 2)
    stream = iter(bench.search(model, config, prompt, options))
    list(islice(stream, 2))  # the prompt is read; the first token after it warms up
    return median(_seconds(stream, TOKENS[how]))


def _seconds(tokens: Any, count: int) -> list[float]:
    """What each of the next tokens takes."""
    taken, stream = [], iter(tokens)
    for _ in range(count):
        start = time.perf_counter()
        next(stream)
        taken.append(time.perf_counter() - start)
    return taken
