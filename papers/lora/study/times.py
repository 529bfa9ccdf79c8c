"""What a step takes: the base, the merged and the unmerged adapter in use, and both methods in training, in turns.

Taken in turns, whatever else the machine does slows all of them alike.  Of a pass in use the operations are counted,
too: an adapter apart costs so little time that a bound with room for another machine could not tell it from none.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tinygrad_lab import no_grad
from tinygrad_lab.random import generator
from tinygrad_lab.study import Lab
from tinygrad_lab.trace import Forward, record

from ..config import LoRAConfig
from ..decoder import Decoder
from ..model import build, loss, merge

UPDATE = 0.02  # standard deviation of B, so that there is something to merge

Times = dict[str, list[float]]  # name -> seconds of every round
Calls = dict[str, Callable[[], object]]


def in_use(lab: Lab, config: LoRAConfig) -> Calls:
    """Forward passes over a batch: of the base, and of it with adapters, merged or apart."""
    adapted = replace(config, initial_b=UPDATE)
    models = {"base": build(replace(config, method="full")), "merged": build(adapted), "apart": build(adapted)}
    merge(models["merged"])
    batch = lab.side("numpy").batch(lab.data.example_batch(config, generator(0)))
    return {name: _use(model.eval(), batch) for name, model in models.items()}


def operations(call: Callable[[], object]) -> dict[str, int]:
    """How often a call runs each operation of the engine, on inputs of which shapes."""
    with record() as recorder:
        call()
    return dict(Counter(_named(step) for step in recorder.steps if isinstance(step, Forward)))


def _named(step: Forward) -> str:
    return " ".join([step.operation.name, *(str(given.value.array.shape) for given in step.inputs)])


def step_times(lab: Lab, full: LoRAConfig, lora: LoRAConfig, rounds: int) -> Times:
    """Training steps of full fine-tuning and of LoRA."""
    steps = {"full": lab.steps(full), "lora": lab.steps(lora)}
    return in_turns({name: losses.__next__ for name, losses in steps.items()}, rounds)


def in_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Seconds of each call, one after the other and round after round; a first round warms up and is not counted."""
    found: Times = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - begin)
    return {name: seconds[1:] for name, seconds in found.items()}


def _use(model: Decoder, batch: Any) -> Callable[[], float]:
    def use() -> float:
        with no_grad():
            return float(loss(model, batch).item())

    return use
