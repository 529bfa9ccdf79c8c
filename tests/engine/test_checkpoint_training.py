"""Checkpoints of a training run: resumed runs are the same runs, and nothing changes unless everything fits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tinygrad_lab import optim
from tinygrad_lab.checkpoint import CheckpointError, load, load_training, load_weights, save, save_training
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.optim import lr_scheduler
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor


class Net(Module):
    """Two tied weights, a buffer; the gradient of the loss |w x + b|² by hand."""

    def __init__(self, seed: int = 0, width: int = 3) -> None:
        super().__init__()
        self.weight = Parameter(np.random.default_rng(seed).standard_normal((width, 2)).astype(np.float32))
        self.bias = Parameter(np.zeros(width, np.float32))
        self.tied = self.weight
        self.register_buffer("steps", Tensor(np.array(0)))

    def backward(self, x: np.ndarray) -> None:
        y = self.weight.numpy() @ x + self.bias.numpy()
        self.weight.grad = from_numpy(2 * np.outer(y, x))
        self.bias.grad = from_numpy(2 * y)
        self.steps.writable()[...] += 1


class Run:
    """All that a training run consists of."""

    def __init__(
        self, kind: str = "AdamW", width: int = 3, seed: int = 0, schedule: bool = True, **options: Any
    ) -> None:
        self.model = Net(seed, width)
        groups = [{"params": [self.model.weight]}, {"params": [self.model.bias], "weight_decay": 0.0}]
        self.optimizer = getattr(optim, kind)(groups, lr=0.05, **options)
        self.scheduler = lr_scheduler.CosineWithWarmup(self.optimizer, 3, 40) if schedule else None
        self.generators = {"data": generator(seed), "noise": np.random.default_rng(seed)}

    def train(self, steps: int) -> None:
        for _ in range(steps):
            x = self.generators["data"].standard_normal(2, np.float32)
            x += self.generators["noise"].standard_normal(2).astype(np.float32)
            self.model.backward(x)
            self.optimizer.step()
            if self.scheduler is not None:
                self.scheduler.step()

    def save(self, path: Path, **more: Any) -> None:
        save_training(path, self.model, self.optimizer, self.scheduler, self.generators, **more)

    def load(self, path: Path, **more: Any) -> Any:
        return load_training(path, self.model, self.optimizer, self.scheduler, self.generators, **more)

    def everything(self) -> tuple:
        """All state, as something that can be compared bit for bit."""
        slots = [
            {name: np.asarray(value).tobytes() for name, value in entries.items()}
            for entries in self.optimizer.state_dict()["state"].values()
        ]
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.optimizer.param_groups]
        weights = {name: array.tobytes() for name, array in self.model.state_dict().items()}
        states = [str(rng.bit_generator.state) for rng in self.generators.values()]
        return weights, slots, groups, self.scheduler and self.scheduler.state_dict(), states


@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {}), ("RMSprop", {"centered": True})],
)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, kind: str, options: dict) -> None:
    straight = Run(kind, **options)
    straight.train(20)
    first = Run(kind, **options)
    first.train(7)
    first.save(tmp_path / "run", position={"epoch": 1, "batch": 7})
    second = Run(kind, seed=99, **options)
    assert second.load(tmp_path / "run") == {"epoch": 1, "batch": 7}
    assert second.everything() == first.everything()
    second.train(13)
    assert second.everything() == straight.everything()
    assert second.model.tied is second.model.weight


def test_names_in_the_file(tmp_path: Path) -> None:
    run = Run()
    run.train(1)
    run.save(tmp_path / "run")
    assert set(load_file(tmp_path / "run")) == {
        *("weight", "bias", "steps"),
        *(f"optimizer.{name}.{slot}" for name in ("weight", "bias") for slot in ("exp_avg", "exp_avg_sq")),
    }


def test_weights_alone(tmp_path: Path) -> None:
    run, model = Run(), Net(seed=5)
    run.train(2)
    run.save(tmp_path / "run")
    load_weights(tmp_path / "run", model)
    np.testing.assert_array_equal(model.weight.numpy(), run.model.weight.numpy())
    save(tmp_path / "weights", run.model.state_dict())
    load_weights(tmp_path / "weights", Net(seed=6))
    with pytest.raises(CheckpointError, match=r"weights does not fit: .*weight has shape \(3, 2\)"):
        load_weights(tmp_path / "weights", Net(width=4))
    with pytest.raises(CheckpointError, match="holds weights, not a training run"):
        run.load(tmp_path / "weights")


def other_generator(run: Run) -> None:
    run.generators["data"] = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (lambda: Run("Adam"), None, "optimizer: saved 'AdamW', here 'Adam'"),
        (lambda: Run(width=4), None, r"shape \(3, 2\)"),
        (lambda: Run(schedule=False), None, "scheduler: saved 'CosineWithWarmup', here None"),
        (Run, lambda run: run.model.register_buffer("more", Tensor([1.0])), r"missing \['more'\]"),
        (Run, lambda run: run.model.to(np.float64), "dtype of weight: saved 'float32', here 'float64'"),
        (Run, lambda run: run.generators.pop("data"), r"generators: saved \['data', 'noise'\], here \['noise'\]"),
        (Run, other_generator, "bit generator of 'data': saved 'SFC64', here 'PCG64'"),
        (Run, lambda run: run.optimizer.param_groups.reverse(), "parameter groups: saved"),
    ],
)
def test_nothing_changes_unless_everything_fits(
    tmp_path: Path, make: Callable[[], Run], change: Callable | None, message: str
) -> None:
    saved = Run()
    saved.train(5)
    saved.save(tmp_path / "run")
    other = make()
    other.train(2)
    if change:
        change(other)
    before = other.everything()
    with pytest.raises(CheckpointError, match=f"run does not fit: .*{message}"):
        other.load(tmp_path / "run")
    assert other.everything() == before


def test_nothing_changes_when_a_file_has_a_bad_optimiser_state(tmp_path: Path) -> None:
    run, other = Run(), Run(seed=1)
    run.train(3)
    run.save(tmp_path / "run")
    tensors, metadata = load(tmp_path / "run")
    del metadata["training"]["optimizer"]["groups"][1]["eps"]
    save(tmp_path / "run", tensors, metadata)
    before = other.everything()
    with pytest.raises(CheckpointError, match=r"fit: optimizer: .* lacks the options \['eps'\] of AdamW"):
        other.load(tmp_path / "run")
    assert other.everything() == before


@pytest.mark.parametrize(("entry", "wrong"), [
    ("last_epoch", "3"),
    ("base_lrs", 0.05),
    ("base_lrs", [0.05]),
    ("base_lrs", [0.05, "0.05"]),
    ("base_lrs", [float("nan"), 0.05]),
])  # fmt: skip
def test_nothing_changes_when_a_schedule_has_something_else_for_a_number(
    tmp_path: Path, entry: str, wrong: object
) -> None:
    run, other = Run(), Run(seed=1)
    run.save(tmp_path / "run")
    tensors, metadata = load(tmp_path / "run")
    metadata["training"]["scheduler"]["state"][entry] = wrong
    save(tmp_path / "run", tensors, metadata)
    before = other.everything()
    with pytest.raises(CheckpointError, match=f"scheduler: {entry}"):
        other.load(tmp_path / "run")
    assert other.everything() == before


def test_configurations_are_compared(tmp_path: Path) -> None:
    run = Run()
    run.save(tmp_path / "run", config={"layers": 2, "sizes": (3, 4)})
    run.load(tmp_path / "run")
    run.load(tmp_path / "run", config={"layers": 2, "sizes": (3, 4)})
    with pytest.raises(CheckpointError, match="config field 'layers': saved 2, here 3"):
        run.load(tmp_path / "run", config={"layers": 3, "sizes": (3, 4)})
    with pytest.raises(CheckpointError, match="config field 'more': saved None, here 1"):
        run.load(tmp_path / "run", config={"layers": 2, "sizes": (3, 4), "more": 1})


def test_a_parameter_the_model_does_not_have(tmp_path: Path) -> None:
    run = Run()
    run.optimizer.add_param_group({"params": [Parameter(np.ones(7))]})
    with pytest.raises(ValueError, match=r"a parameter of shape \(7,\) that the model has not"):
        run.save(tmp_path / "run")
