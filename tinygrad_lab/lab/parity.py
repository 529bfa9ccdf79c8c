"""The main job: both sides of a paper from the same weights, the same batch and the same noise must agree.

Per variant and dtype: every module's output (training mode, and the whole network in evaluation mode), the loss, every
gradient including the inputs', a training trajectory with the paper's own optimiser, the weights' way through a file to
the other side and back, and, where the model writes, the tokens it writes.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import checkpoint
from tinygrad_lab.lab import agreement, registry
from tinygrad_lab.lab.activations import imposed, recorded
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.noise import replayed
from tinygrad_lab.lab.sides import Arrays, Side, sides
from tinygrad_lab.lab.weights import check_weights
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator, record_draws
from tinygrad_lab.typing import Generator

PROMPTS = 10  # tried at most until one of the sides writes something
ITEMS = 8  # in a batch at sizes other than tiny: from here on convolution has all of its forms


def with_few_items(config: Any) -> Any:
    """At most ITEMS in a batch, and a learning rate smaller by as much: a recipe for many items may diverge on few."""
    items = min(config.batch_size, ITEMS)
    return replace(config, batch_size=items, learning_rate=config.learning_rate * items / config.batch_size)


class Parity:
    """Comparison of one variant of one paper in one dtype."""

    def __init__(self, paper: Paper, variant: str, size: str, dtype: str, seed: int, steps: int) -> None:
        self.labels = {"paper": paper.slug, "variant": variant, "dtype": dtype, "size": size}
        self.config = paper.variants[variant][size]
        if size != "tiny":  # agreement does not depend on the number of items, time does
            self.config = with_few_items(self.config)
        self.paper = paper
        self.dtype, self.seed, self.steps = dtype, seed, steps
        self.numpy, self.torch = sides(paper)
        self.example: Callable[[Any, Any], dict[str, Any]] = registry.part(paper, "data").example_batch

    def run(self) -> Iterator[Row]:
        """Run all checks, and yield each row as it is known."""
        weights = self.numpy.state(self.numpy.build(self.config, self.seed, self.dtype))
        yield from self.one_pass(weights)
        yield from self.trajectory(weights)
        yield from self.round_trip(weights)
        yield from self.generation(weights)

    # ---- forward, loss, gradients -----------------------------------------------------------------------------------
    def one_pass(self, weights: Arrays) -> Iterator[Row]:
        batch = self.example(self.config, generator(self.seed))
        clock = Clock()
        model = self.model(self.numpy, weights)
        with record_draws() as draws, recorded(model, self.numpy.array) as activations:
            ours = self._one_side(self.numpy, model, batch)
        theirs_model = self.model(self.torch, weights)  # before the replay: drawing initial weights is no noise
        with replayed(draws):
            theirs = self._one_side(self.torch, theirs_model, batch)
        if self.dtype == "float32" and self.labels["size"] != "tiny":  # among millions of units some are nearly tied
            theirs_model.zero_grad()
            with replayed(draws), imposed(theirs_model, activations):
                theirs["gradient"] = self._one_side(self.torch, theirs_model, batch)["gradient"]
        seconds = clock.lap()

        self.reduction = agreement.longest_reduction(theirs["forward"], weights)
        for check in ("forward", "loss", "gradient"):
            yield from self._rows(check, ours[check], theirs[check], agreement.floor(theirs[check]), seconds)

    def model(self, side: Side, weights: Arrays) -> Any:
        """A side's model with these weights."""
        model = side.build(self.config, self.seed, self.dtype)
        check_weights(model, weights, self.paper)
        side.load(model, weights)
        return model

    def _one_side(self, side: Side, model: Any, batch: dict[str, Any]) -> dict[str, Arrays]:
        inputs = side.batch(batch, self.dtype, requires_grad=True)
        losses: list[Any] = []
        model.train()
        outputs = side.outputs(model, lambda: losses.append(side.loss(model, inputs)))
        losses[0].backward()
        gradients = side.gradients(model.named_parameters())
        gradients |= {f"input {name}": g for name, g in side.gradients(inputs.items()).items()}
        model.eval()
        evaluated = side.outputs(model, lambda: side.loss(model, inputs))
        outputs |= {f"{n} in evaluation mode": out for n, out in evaluated.items() if n.partition("[")[0] == "output"}
        return {"forward": outputs, "loss": {"loss": side.array(losses[0])}, "gradient": gradients}

    # ---- training ---------------------------------------------------------------------------------------------------
    def trajectory(self, weights: Arrays) -> Iterator[Row]:
        """The paper's training loop on fresh batches; in float32 the loss curve only.

        Adam divides by the root of tiny second moments, so two equally correct float32 runs differ in weights.
        """
        clock = Clock()
        with record_draws() as draws:
            ours = self._trained(self.numpy, self.model(self.numpy, weights))
        theirs_model = self.model(self.torch, weights)
        with replayed(draws):
            theirs = self._trained(self.torch, theirs_model)
        losses, final = ours
        their_losses, their_final = theirs
        seconds = clock.lap()
        yield from self._rows("trajectory", {"losses": losses}, {"losses": their_losses}, 0.0, seconds)
        if self.dtype == "float64":
            yield from self._rows("trajectory", final, their_final, agreement.floor(their_final), 0.0)

    def _trained(self, side: Side, model: Any) -> tuple[np.ndarray, Arrays]:
        optimizer, scheduler = side.optimizer(model, self.config, self.steps)
        rng = generator(self.seed + 1)
        batches = (self.example(self.config, rng) for _ in range(self.steps))
        losses = list(side.train(model, optimizer, scheduler, batches, self.dtype))
        if len(losses) != self.steps:
            raise RuntimeError(f"{side.name} side: train() gave {len(losses)} losses for {self.steps} batches")
        return np.array(losses), side.state(model)

    # ---- weights ----------------------------------------------------------------------------------------------------
    def round_trip(self, weights: Arrays) -> Iterator[Row]:
        """Take weights from the engine to a file, to torch, to a file and back, bit for bit.

        What travels is unlike what any model starts with, or it could come from anywhere; and torch turns every sign,
        which rounds nothing, so that what comes back has been there.
        """
        from safetensors.torch import load_file, save_file

        clock = Clock()
        sent = unlike_initial(self.model(self.numpy, weights).state_dict(), generator(self.seed))
        with tempfile.TemporaryDirectory() as folder:
            there, back = Path(folder) / "there.safetensors", Path(folder) / "back.safetensors"
            checkpoint.save(there, sent, {})
            theirs = self.torch.build(self.config, self.seed + 1, self.dtype)
            theirs.load_state_dict(load_file(there))
            save_file({name: -value for name, value in theirs.state_dict().items()}, back)
            ours = self.numpy.build(self.config, self.seed + 2, self.dtype)
            ours.load_state_dict(checkpoint.load(back)[0])
        expected = {name: -value for name, value in sent.items()}
        yield from self._rows("weights", self.numpy.state(ours), expected, 0.0, clock.lap())

    # ---- generation -------------------------------------------------------------------------------------------------
    def generation(self, weights: Arrays) -> Iterator[Row]:
        """Check that both sides write the same tokens after the same prompt, the likeliest at every step.

        A model may end at once; then the next prompt is tried, for two silences agree in next to nothing. Nothing is
        compared for a variant that has no tokens to write, and so gives no example of a prompt.
        """
        clock = Clock()
        for seed in range(self.seed, self.seed + PROMPTS):
            prompt = registry.example_tokens(self.paper, self.config, seed)
            if not prompt:
                return
            ours, theirs = (self._written(side, weights, prompt) for side in (self.numpy, self.torch))
            if ours.size or theirs.size:
                break
        yield from self._rows("generation", {"tokens": ours}, {"tokens": theirs}, 0.0, clock.lap())

    def _written(self, side: Side, weights: Arrays, prompt: list[int]) -> np.ndarray:
        greedy = registry.part(self.paper, "inference").GREEDY
        return np.array(list(side.search(self.model(side, weights), self.config, prompt, greedy)), np.int64)

    # ---- reporting --------------------------------------------------------------------------------------------------
    def _rows(self, check: str, ours: Arrays, theirs: Arrays, floor: float, seconds: float) -> Iterator[Row]:
        bound = agreement.tolerance(check, self.dtype, self.reduction)
        names = [*theirs, *(name for name in ours if name not in theirs)]
        for name in names:
            missing = np.array(np.nan)
            worst, relative, where = agreement.compare(ours.get(name, missing), theirs.get(name, missing), floor)
            if name not in ours or name not in theirs:
                where = f"only {'torch' if name in theirs else 'numpy'} has it"
            passed = name in ours and name in theirs and relative <= bound
            yield Row(
                **self.labels, check=check, name=name, max_abs=worst, max_rel=relative,
                digits=agreement.digits(relative), tolerance=bound, passed=passed, seconds=seconds / len(names),
                worst="" if passed else where,
            )  # fmt: skip


def unlike_initial(state: Arrays, rng: Generator) -> Arrays:
    """Random values in place of a model's; tied ones, which are one place in memory, stay equal."""
    drawn: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}
    for value in state.values():
        draw = (100 * rng.standard_normal(value.shape)).astype(value.dtype)
        drawn.setdefault((value.ctypes.data, value.shape), draw)
    return {name: drawn[value.ctypes.data, value.shape].copy() for name, value in state.items()}


class Clock:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        elapsed, self._start = now - self._start, now
        return elapsed
