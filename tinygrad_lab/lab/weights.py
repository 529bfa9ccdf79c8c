"""Whether both sides of a paper have the same weights; if not, which lines make those that differ."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from tinygrad_lab.lab.errors import SlipError
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.lab.slips import place, side_of
from tinygrad_lab.paper import Paper

SHOWN = 3  # names of a long list


def check_weights(model: Any, weights: Mapping[str, Any], paper: Paper) -> None:
    """See that a model has weights of these names and shapes.

    Raises:
        SlipError: it has others; names the lines that make them on both sides.
    """
    state = model.state_dict()
    ours = {name: tuple(value.shape) for name, value in weights.items()}
    theirs = {name: tuple(value.shape) for name, value in state.items()}
    if ours == theirs:
        return
    numpy_model = NumpySide(paper).build(next(iter(paper.variants.values()))["tiny"])
    raise SlipError("weights: " + "; ".join(_differences(ours, theirs, numpy_model, model, paper.slug)))


def _differences(ours: Any, theirs: Any, numpy_model: Any, torch_model: Any, slug: str) -> Iterator[str]:
    """Each kind of difference, with the first few names."""
    for here, there, model, side in ((ours, theirs, numpy_model, "numpy"), (theirs, ours, torch_model, "torch")):
        if alone := [name for name in here if name not in there]:
            named = [f"{name} ({source_of(model, name, slug)})" for name in alone[:SHOWN]]
            more = f" and {len(alone) - SHOWN} more" if len(alone) > SHOWN else ""
            yield f"only {side} has {', '.join(named)}{more}"
    for name in [name for name in ours if name in theirs and ours[name] != theirs[name]][:SHOWN]:
        where = f"{source_of(numpy_model, name, slug)}; {source_of(torch_model, name, slug)}"
        yield f"{name} has shape {ours[name]} on numpy, {theirs[name]} on torch ({where})"


def source_of(model: Any, name: str, slug: str) -> str:
    """Say where a weight is made: the paper's line that assigns it, or the layer that it belongs to."""
    modules = dict(model.named_modules())
    parts = name.split(".")
    for cut in range(len(parts) - 1, -1, -1):  # from the innermost module outwards
        module = modules.get(".".join(parts[:cut]))
        file = inspect.getsourcefile(type(module)) if module is not None else None
        if file and side_of(file, slug):
            return place(file, _assignment(type(module), parts[cut]), slug)
    return "in no file of the paper"


def _assignment(cls: type, attribute: str) -> int:
    """The line in which a class assigns ``self.attribute``, or else that of the class itself."""
    lines, start = inspect.getsourcelines(cls)
    for number, line in enumerate(lines):
        if f"self.{attribute} =" in line or f"self.{attribute}:" in line:
            return start + number
    return start
