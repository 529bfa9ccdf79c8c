"""The case study of LLaMA: against nanoGPT's number, its parts, its sizes, and what a token costs.

tinygrad-lab claims llama
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import LlamaConfig
from .arms import (
    CONFIRMED,
    CONFIRMING,
    PART_RATES,
    PART_SEEDS,
    PARTS,
    SIZE_RATES,
    SIZE_SEEDS,
    SIZES,
    TUNED_AT,
    YARDSTICK_SEEDS,
    choosing,
    part,
    pieces,
    sized,
    whole,
    yardstick,
)
from .timing import measure_norms, measure_speed

Call = Callable[[], Run]


def measure(lab: Lab) -> None:
    """Everything, saved piece by piece."""
    measure_whole(lab)
    measure_parts(lab)
    measure_sizes(lab)
    measure_norms(lab)
    measure_speed(lab)


# ---- the published size ----------------------------------------------------------------------------------------------


def measure_whole(lab: Lab) -> None:
    """nanoGPT's size by our recipe on both sides, on byte pairs, and by nanoGPT's recipe under every seed."""
    ours, theirs, bytes_ = whole(lab.quick), yardstick(lab.quick), pieces(lab.quick)
    train = partial(lab.train, at_end=("test",))
    calls: list[Call] = [
        partial(train, ours, 0, "torch", "characters", each_epoch=True),
        partial(train, ours, 0, label="characters", each_epoch=True),
        *(partial(train, theirs, seed, label="nanoGPT's recipe") for seed in lab.seeds(YARDSTICK_SEEDS)),
        partial(train, bytes_, 0, label="byte pairs"),
    ]
    torch, numpy, *others, byte_pairs = lab.together(calls)
    lab.save("characters", {"runs": [numpy.record(), torch.record()]}, ours)
    lab.save("yardstick", {"runs": [run.record() for run in others]}, theirs)
    samples = {"untrained": lab.side("numpy").build(ours, 0), "trained": numpy.model}
    written = {name: sample(lab, model, ours) for name, model in samples.items()}
    written["byte pairs"] = sample(lab, byte_pairs.model, bytes_)
    lab.save("pieces", {"runs": [byte_pairs.record()], "samples": written}, bytes_)


def sample(lab: Lab, model: Any, config: LlamaConfig) -> str:
    """What the network writes now."""
    options = replace(inference.OPTIONS, length=20 if lab.quick else 240, temperature=0.8, top_p=0.95)
    prompt = "ROMEO:\n" if config.dataset != "topics" else "The "
    return lab.sample(model, config, prompt, options, lab.data.vocabularies(config))


# ---- its parts -------------------------------------------------------------------------------------------------------


def measure_parts(lab: Lab) -> None:
    """A bracketed rate for every exchange; then every seed with it; and two comparisons again in PyTorch."""
    scores = {name: tuned(lab, partial(_part, name, lab.quick), PART_RATES, name) for name in PARTS}
    configs = {name: part(name, best_rate(rates), lab.quick) for name, rates in scores.items()}
    train = partial(lab.train, at_end=("test",))
    seeds = lab.seeds(PART_SEEDS)
    calls = {(name, seed): partial(train, configs[name], seed, label=name) for name in PARTS for seed in seeds}
    again = CONFIRMING[: 2 if lab.quick else None]
    confirming = {
        (name, seed): partial(train, configs[name], seed, "torch", name) for name in CONFIRMED for seed in again
    }
    runs = by_arm(lab, calls | confirming)
    lab.save("parts", {"rates": scores, "runs": runs}, configs["llama"])


def _part(name: str, quick: bool, rate: float) -> LlamaConfig:
    return part(name, rate, quick)


def tuned(
    lab: Lab, config_of: Callable[[float], LlamaConfig], rates: tuple[float, ...], label: str
) -> dict[str, float]:
    """Nats of the validation split by learning rate, of networks that were trained without it."""
    return lab.bracket(
        lambda rate: choosing(config_of(rate)), rates, label, lambda run: lab.evaluate(run, "validation")["loss"]
    )


def by_arm(lab: Lab, calls: Mapping[tuple[str, int], Call]) -> dict[str, list[Record]]:
    """Make all calls side by side; the records of each arm."""
    runs = lab.together(list(calls.values()))
    records: dict[str, list[Record]] = {name: [] for name, _ in calls}
    for (name, _), run in zip(calls, runs, strict=True):
        records[name].append(run.record("losses", "history", "train_metrics"))
    return records


# ---- sizes -----------------------------------------------------------------------------------------------------------


def measure_sizes(lab: Lab) -> None:
    """A bracketed rate for every size; then every seed of every number of steps with it."""
    scores = {
        str(width): tuned(lab, partial(_size, width, TUNED_AT[width], lab.quick), SIZE_RATES, f"width {width}")
        for width in SIZES
    }
    calls = {
        (f"{width}, {steps}", seed): partial(
            lab.train,
            sized(width, steps, best_rate(scores[str(width)]), lab.quick),
            seed,
            label=f"width {width}, {steps} steps",
            at_end=("test",),
        )
        for width, lengths in SIZES.items()
        for steps in sorted(lengths, reverse=True)  # the longest first: no core waits for the other at the end
        for seed in lab.seeds(SIZE_SEEDS)
    }
    config = sized(16, 1024, SIZE_RATES[0], lab.quick)
    lab.save("sizes", {"rates": scores, "runs": by_arm(lab, calls)}, config)


def _size(width: int, steps: int, quick: bool, rate: float) -> LlamaConfig:
    return sized(width, steps, rate, quick)


if __name__ == "__main__":
    as_command("llama")
