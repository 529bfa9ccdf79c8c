"""What a run of parity, made while the site is built, says about each block of a paper's sources."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_lab import places
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.paper import Paper

STEPS = 5  # of the trajectory: enough to see an optimiser go wrong
DTYPES = ("float64", "float32")

FUNCTIONS = {  # what is compared when a function of that name has run
    ("model", "loss"): "loss",
    ("model", "build"): "weights",
    ("train", "configure_optimizer"): "trajectory",
    ("train", "train"): "trajectory",
    ("inference", "search"): "generation",
}

Found = dict[str, dict[str, str]]  # check -> dtype -> digits of the worst quantity


@dataclass(frozen=True)
class Evidence:
    """The rows of one paper.

    Attributes:
        rows: of all variants and dtypes.
        modules: variant -> path of each of its modules -> the names of the module's classes, its own and inherited.
    """

    rows: list[Row]
    modules: dict[str, dict[str, set[str]]]

    def of_variant(self, variant: str) -> Found:
        """All checks of a variant."""
        rows = [row for row in self.rows if row.variant == variant]
        return {check: _worst(row for row in rows if row.check == check) for check in _checks(rows)}

    def of_block(self, file: str, name: str) -> Found:
        """The agreement of what a block computes, at its worst in all variants that use it; nothing where it is used
        in none, or computes nothing that is compared.

        A class stands for the outputs of its modules and all gradients in them, ``loss`` for the loss, ``build`` for
        the weights' way to the other side, the training loop for the trajectory, the search for what was written.
        """
        check = FUNCTIONS.get((file, name.rpartition(".")[2]))
        if check:
            candidates = {check: _worst(row for row in self.rows if row.check == check)}
        elif file == "model":
            candidates = {check: _worst(self._of_class(name, check)) for check in ("forward", "gradient")}
        else:
            candidates = {}
        return {check: worst for check, worst in candidates.items() if worst}

    def _of_class(self, owner: str, check: str) -> Iterable[Row]:
        for row in self.rows:
            if row.check != check or row.variant not in self.modules:
                continue
            for path, classes in self.modules[row.variant].items():
                if owner in classes and _belongs(row.name, path, check):
                    yield row
                    break


def gather(paper: Paper, rows: Sequence[Row]) -> Evidence:
    """The paper's own rows, and the classes of its modules."""
    side = NumpySide(paper)
    modules = {}
    for variant in paper.variants:
        model = side.build(registry.configuration(paper, variant, "tiny"))
        modules[variant] = {path: _classes(module, paper) for path, module in model.named_modules()}
    return Evidence([row for row in rows if row.paper == paper.slug], modules)


def _classes(module: Any, paper: Paper) -> set[str]:
    """Return which of the paper's classes a module stands for: its own, and the one whose ``forward`` it runs."""
    owners = [kind for kind in inspect.getmro(type(module)) if "forward" in vars(kind)]
    own = type(module).__module__.startswith(places.module("papers", f"{paper.slug}."))
    return {owners[0].__name__, type(module).__name__} if owners and own else set()


def _belongs(name: str, path: str, check: str) -> bool:
    """Whether a row is about the output of the module at ``path``, or about a gradient in it."""
    if check == "forward":
        return name.removesuffix(" in evaluation mode").partition("[")[0] == (path or "output")
    return path == "" or name.startswith(f"{path}.")


def _checks(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.check for row in rows))


def _worst(rows: Iterable[Row]) -> dict[str, str]:
    """Return by dtype "exact", the digits of the worst row, or that one failed."""
    by_dtype: dict[str, list[Row]] = {}
    for row in rows:
        by_dtype.setdefault(row.dtype, []).append(row)
    return {dtype: _digits(by_dtype[dtype]) for dtype in DTYPES if dtype in by_dtype}


def _digits(rows: Sequence[Row]) -> str:
    if not all(row.passed for row in rows):
        return "FAILED"
    return "exact" if all(row.max_rel == 0 for row in rows) else f"{min(row.digits for row in rows):.1f}"
