"""The case study of LLaMA: nanoGPT's smallest setting on as many tokens, what each part brings, what a token costs.

tinygrad-lab claims llama
"""

import time
from dataclasses import replace
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.random import generator
from tinygrad_lab.study import Lab, Record, Side, as_command, best_rate

from .. import inference
from ..config import PUBLISHED, VARIANTS, LlamaConfig
from ..model import normalisation

# What the whole is compared with: one part exchanged, as many parameters or nearly so.
PARTS = ("llama", "layer-norm", "gelu", "learned")
RATES = (2e-3, 4e-3)  # tried beforehand and left out: 8e-3, and 1e-3 for learned positions, which were worse
SWEEP_STEPS, PART_STEPS = 250, 500
GROUPED = "grouped queries"  # half as many heads of keys and values; at the learning rate of the whole

NORMS = {"RMSNorm": "llama", "LayerNorm": "layer-norm"}  # name -> variant

PIECES = 512  # of byte pair encoding, about two characters each
PIECE_STEPS = 1000  # so about as many characters as the model of characters reads

QUICK: Record = {"layers": 1, "hidden_size": 16, "feed_forward": 24}  # a token size

# tokens before the first new one
SIZES: dict[str, tuple[int, ...]] = {"cached": (16, 128, 512), "read anew": (16, 128)}
TOKENS = {"cached": 12, "read anew": 2}  # that are timed


# ---- what each experiment trains -------------------------------------------------------------------------------------


def shortened(config: LlamaConfig, steps: int, quick: bool) -> LlamaConfig:
    """One epoch of so many steps."""
    if quick:
        config, steps = replace(config, **QUICK), 4
    return replace(config, windows=steps * config.batch_size, epochs=1)


def whole(quick: bool) -> LlamaConfig:
    """nanoGPT's setting: 4 layers, 4 heads, width 128, context 64, 2,000 batches of 12."""
    config = VARIANTS["llama"]["small"]
    return replace(config, **QUICK, windows=24, epochs=2) if quick else config


def part(name: str, rate: float, steps: int, quick: bool) -> LlamaConfig:
    """LLaMA with that part exchanged."""
    variant = "llama" if name == GROUPED else name
    config = replace(VARIANTS[variant]["small"], learning_rate=rate)
    if name == GROUPED:
        config = replace(config, kv_heads=config.heads // 2)
    return shortened(config, steps, quick)


def pieces(quick: bool) -> LlamaConfig:
    """The same network on byte pairs."""
    config = replace(VARIANTS["llama"]["small"], tokens="bpe", vocab_size=PIECES)
    return shortened(config, PIECE_STEPS, quick)


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Everything, saved piece by piece."""
    measure_whole(lab)
    measure_parts(lab)
    measure_pieces(lab)
    measure_norms(lab)
    measure_speed(lab)


def measure_whole(lab: Lab) -> None:
    """Three seeds on the engine, the first also on PyTorch; what the first writes on its way."""
    config, (first, *others) = whole(lab.quick), lab.seeds(3)
    samples: list[str] = []
    train = partial(lab.train, config, label="characters", each_epoch=True)
    runs = [train(first, watch=lambda model: samples.append(sample(lab, model, config)))]
    runs += [*(train(seed) for seed in others), train(first, "torch")]
    lab.save("characters", {"runs": [run.record() for run in runs], "samples": samples}, config)


def measure_parts(lab: Lab) -> None:
    """Every learning rate for every exchange, briefly; then three seeds of each with its best."""
    losses: dict[str, dict[str, float]] = {}
    for name in PARTS:
        configs = {rate: part(name, rate, SWEEP_STEPS, lab.quick) for rate in RATES}
        losses[name] = lab.sweep(configs, name, lambda run: lab.evaluate(run, "test")["loss"])
    rates = {name: best_rate(scores) for name, scores in losses.items()}
    rates[GROUPED] = rates["llama"]
    records = {}
    for name, rate in rates.items():
        config = part(name, rate, PART_STEPS, lab.quick)
        records[name] = [lab.train(config, seed, label=name).record() for seed in lab.seeds(3)]
    lab.save("parts", {"rates": losses, "runs": records}, config)


def measure_pieces(lab: Lab) -> None:
    """One run on byte pairs, and what it writes."""
    config = pieces(lab.quick)
    samples: list[str] = []
    run = lab.train(
        config,
        0,
        label="byte pairs",
        watch=lambda model: samples.append(sample(lab, model, config)),
    )
    lab.save("pieces", {"runs": [run.record()], "samples": samples}, config)


def sample(lab: Lab, model: Any, config: LlamaConfig) -> str:
    """What the network writes now."""
    options = replace(inference.OPTIONS, length=20 if lab.quick else 240, temperature=0.8, top_p=0.95)
    prompt = "ROMEO:\n" if config.dataset != "topics" else "The "
    return lab.sample(model, config, prompt, options, lab.data.vocabularies(config))


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
        config = replace(config, **QUICK, heads=2, kv_heads=1)
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
        start = time.perf_counter()
        for _ in range(TOKENS[how]):
            prompt += list(bench.search(model, config, prompt, options))
    else:
        options = replace(inference.GREEDY, length=TOKENS[how] + 2)
        stream = iter(bench.search(model, config, prompt, options))
        list(islice(stream, 2))  # the prompt is read; the first token after it warms up
        start = time.perf_counter()
        list(islice(stream, TOKENS[how]))
    return (time.perf_counter() - start) / TOKENS[how]


if __name__ == "__main__":
    as_command("llama")
