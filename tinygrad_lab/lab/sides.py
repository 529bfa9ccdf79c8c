"""The two sides of a paper behind one interface: arrays in, arrays out.

``NumpySide`` is the engine, ``TorchSide`` PyTorch.  Whatever compares them (parity, benchmarks, experiments) speaks to
this interface; only this module knows how each library spells a conversion.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, checkpoint, places
from tinygrad_lab.lab import slips
from tinygrad_lab.lab.errors import SlipError
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.resuming import Check

Arrays = dict[str, np.ndarray]
Batch = dict[str, Any]  # arrays (or one library's tensors) by name, and the plain number "count"


class Side(ABC):
    """One implementation of one paper."""

    name: str
    folder: str

    def __init__(self, paper: Paper, models: str = "model") -> None:
        self.slug = paper.slug
        self.model_module = self.module(models, "build", "loss")
        self.train_module = self.module("train", "configure_optimizer", "train", "evaluate")

    def module(self, name: str, *functions: str) -> Any:
        """A module of this side's folder.

        Raises:
            SlipError: it has not got all of these functions.
        """
        found = importlib.import_module(places.module(self.folder, f"{self.slug}.{name}"))
        if lacking := [function for function in functions if not hasattr(found, function)]:
            raise SlipError(slips.undefined(found, ", ".join(lacking)))
        return found

    @abstractmethod
    def build(self, config: Any, seed: int = 0, dtype: str = "float32") -> Any:
        """A freshly initialised model."""

    @abstractmethod
    def tensor(self, array: np.ndarray, requires_grad: bool = False) -> Any:
        """The library's tensor of these values."""

    @abstractmethod
    def array(self, tensor: Any) -> np.ndarray:
        """A copy of a tensor's values."""

    @abstractmethod
    def state(self, model: Any) -> Arrays:
        """Copies of all parameters and persistent buffers by name."""

    @abstractmethod
    def load(self, model: Any, state: Arrays, strict: bool = True) -> None:
        """Copy values into the model; not ``strict``, into those of its tensors that ``state`` has."""

    @abstractmethod
    def save(self, path: Path, model: Any, optimizer: Any, scheduler: Any, position: Any, config: Any) -> None:
        """Write everything a training run needs to go on."""

    @abstractmethod
    def resume(
        self, path: Path, model: Any, optimizer: Any, scheduler: Any, config: Any, check: Check | None = None
    ) -> Any:
        """Put a run back where ``save`` left it, unless ``check`` refuses it; returns its position."""

    @abstractmethod
    def random_state(self) -> Any:
        """Where the generator stands that the model built last draws from."""

    @abstractmethod
    def restore_random_state(self, state: Any) -> None:
        """Put that generator back."""

    def batch(self, batch: Batch, dtype: str = "float32", requires_grad: bool = False) -> Batch:
        """A batch of arrays as the library's tensors; floating point ones in ``dtype``."""

        def convert(value: Any) -> Any:
            if not isinstance(value, np.ndarray):
                return value
            floating = value.dtype.kind == "f"
            return self.tensor(value.astype(dtype) if floating else value, requires_grad and floating)

        return {name: convert(value) for name, value in batch.items()}

    def loss(self, model: Any, batch: Batch) -> Any:
        """The scalar loss, ready for backward()."""
        return self.model_module.loss(model, batch)

    def gradients(self, named: Iterable[tuple[str, Any]]) -> Arrays:
        """The gradients of named tensors, of those that have one."""
        return {name: self.array(t.grad) for name, t in named if getattr(t, "grad", None) is not None}

    def optimizer(self, model: Any, config: Any, steps: int) -> tuple[Any, Any]:
        """The paper's optimiser and learning-rate schedule over ``steps`` steps."""
        optimizer, scheduler = self.train_module.configure_optimizer(model, config, steps)
        return optimizer, scheduler

    def train(
        self, model: Any, optimizer: Any, scheduler: Any, batches: Iterable[Batch], dtype: str = "float32"
    ) -> Iterator[float]:
        """The paper's own training loop; yields the loss of each step."""
        converted = (self.batch(batch, dtype) for batch in batches)
        losses: Iterator[float] = self.train_module.train(model, optimizer, scheduler, converted)
        return losses

    def evaluate(self, model: Any, batches: Iterable[Batch]) -> dict[str, float]:
        """The paper's own metrics."""
        metrics: dict[str, float] = self.train_module.evaluate(model, (self.batch(batch) for batch in batches))
        return metrics

    def search(self, model: Any, config: Any, tokens: list[int], options: Any) -> Iterable[int]:
        """What the model writes after ``tokens``, in evaluation mode, token by token."""
        model.eval()
        inference = self.module("inference", "search")
        tokens_written: Iterable[int] = inference.search(model, config, tokens, options)
        return tokens_written

    def outputs(self, model: Any, run: Callable[[], Any]) -> Arrays:
        """Call ``run``; return what every module of ``model`` gave out, by module path (the root is "output")."""
        collected: Arrays = {}

        def watch(path: str) -> Callable[[Any, tuple[Any, ...], Any], None]:
            def hook(_module: Any, _args: tuple[Any, ...], output: Any) -> None:
                parts = output if isinstance(output, tuple) else (output,)
                for position, part in enumerate(parts):
                    name = path if len(parts) == 1 else f"{path}[{position}]"
                    if hasattr(part, "shape"):
                        collected[name] = self.array(part)

            return hook

        handles = [m.register_forward_hook(watch(path or "output")) for path, m in model.named_modules()]
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
        return collected


class NumpySide(Side):
    """The engine."""

    name = "numpy"
    folder = "papers"

    def build(self, config: Any, seed: int = 0, dtype: str = "float32") -> Any:
        self.generator = generator(seed)  # initial weights and noise of the model built last
        return self.model_module.build(config, self.generator).to(np.dtype(dtype))

    def tensor(self, array: np.ndarray, requires_grad: bool = False) -> Tensor:
        return Tensor(array, requires_grad=requires_grad)

    def array(self, tensor: Tensor) -> np.ndarray:
        return tensor.numpy().copy()

    def state(self, model: Any) -> Arrays:
        return {name: value.copy() for name, value in model.state_dict().items()}

    def load(self, model: Any, state: Arrays, strict: bool = True) -> None:
        model.load_state_dict(state, strict)

    def save(self, path: Path, model: Any, optimizer: Any, scheduler: Any, position: Any, config: Any) -> None:
        checkpoint.save_training(path, model, optimizer, scheduler, {"model": self.generator}, position, config)

    def resume(
        self, path: Path, model: Any, optimizer: Any, scheduler: Any, config: Any, check: Check | None = None
    ) -> Any:
        return checkpoint.load_training(path, model, optimizer, scheduler, {"model": self.generator}, config, check)

    def random_state(self) -> Any:
        return self.generator.bit_generator.state

    def restore_random_state(self, state: Any) -> None:
        self.generator.bit_generator.state = state


class TorchSide(Side):
    """PyTorch."""

    name = "torch"
    folder = "reference"

    def __init__(self, paper: Paper, models: str = "model") -> None:
        import torch  # only when the other side is wanted: the engine works without it

        self.torch = torch
        super().__init__(paper, models)

    def build(self, config: Any, seed: int = 0, dtype: str = "float32") -> Any:
        self.torch.manual_seed(seed)
        return self.model_module.build(config).to(getattr(self.torch, dtype))

    def tensor(self, array: np.ndarray, requires_grad: bool = False) -> Any:
        return self.torch.from_numpy(np.array(array)).requires_grad_(requires_grad)

    def array(self, tensor: Any) -> np.ndarray:
        values: np.ndarray = tensor.detach().numpy().copy()
        return values

    def state(self, model: Any) -> Arrays:
        return {name: self.array(value) for name, value in model.state_dict().items()}

    def load(self, model: Any, state: Arrays, strict: bool = True) -> None:
        model.load_state_dict({name: self.torch.from_numpy(np.array(value)) for name, value in state.items()}, strict)

    def save(self, path: Path, model: Any, optimizer: Any, scheduler: Any, position: Any, config: Any) -> None:
        from tinygrad_lab.lab import torch_checkpoint

        torch_checkpoint.save_training(path, model, optimizer, scheduler, position, config)

    def resume(
        self, path: Path, model: Any, optimizer: Any, scheduler: Any, config: Any, check: Check | None = None
    ) -> Any:
        from tinygrad_lab.lab import torch_checkpoint

        return torch_checkpoint.load_training(path, model, optimizer, scheduler, config, check)

    def random_state(self) -> Any:
        return self.torch.get_rng_state()

    def restore_random_state(self, state: Any) -> None:
        self.torch.set_rng_state(state)


def one_side(paper: Paper, name: str, models: str = "model") -> Side:
    """The side called ``"numpy"`` or ``"torch"``, with the models of the paper's module of that name."""
    return {side.name: side for side in (NumpySide, TorchSide)}[name](paper, models)


def sides(paper: Paper) -> tuple[NumpySide, TorchSide]:
    """Both sides of a paper."""
    return NumpySide(paper), TorchSide(paper)
