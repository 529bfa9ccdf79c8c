"""A forward pass watched: which modules ran, what went from one to the other, how much was multiplied."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.trace import Forward, record

MANY = 100_000  # operations: far more than a page could show, these are only counted
NODES = 24  # that a diagram still shows; where there would be more, modules are drawn as parts of a larger one


@dataclass
class Node:
    """A place in the diagram.

    Attributes:
        name: a module's path, the name of an input, or an operation that joins what comes from several places.
        what: a module's class; "" for the others.
        shape: of what it gave out last.
        parameters: trainable numbers in it and below it.
    """

    name: str
    kind: str  # "input", "module", "join" or "loss"
    what: str = ""
    shape: tuple[int, ...] = ()
    parameters: int = 0


@dataclass
class Graph:
    """Nodes in the order in which they ran first, and what flows between them.

    Attributes:
        edges: (from, to), by the keys of the nodes -> the operations of the model itself on the way.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What one pass over one batch showed."""

    config: Any
    model: Any
    batch: dict[str, Any]
    steps: list[Forward]
    forward_steps: int  # those until the model gave its output; the others are the loss's

    @property
    def items(self) -> float | int:
        """What the batch's loss is divided by."""
        count: float | int = self.batch["count"]
        return count

    @property
    def unit(self) -> str:
        """What one of them is."""
        if self.items > self.config.batch_size:
            return "token"
        return "image" if "image" in self.batch else "sequence" if "sequence" in self.batch else "example"

    def multiply_adds(self) -> float:
        """Products of two elements in a forward pass, without the loss, for each item."""
        return sum(multiplications(step) for step in self.steps[: self.forward_steps]) / self.items


def observe(paper: Paper, variant: str, size: str, training: bool) -> Observation:
    """The loss of a fresh model of that size on its example batch (of one item at sizes other than tiny)."""
    config = registry.configuration(paper, variant, size)
    if size != "tiny":
        config = replace(config, batch_size=1)
    side = NumpySide(paper)
    model = side.build(config, 0)
    model.train(training)
    arrays = registry.part(paper, "data").example_batch(config, generator(0))
    batch = side.batch(arrays)
    names = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
    outputs_at: list[int] = []
    with no_grad(), record(names, MANY) as recorder:
        handle = model.register_forward_hook(lambda *_: outputs_at.append(len(recorder.steps)))
        side.loss(model, batch)
        handle.remove()
    steps = [step for step in recorder.steps if isinstance(step, Forward)]
    return Observation(config, model, batch, steps, outputs_at[-1] if outputs_at else len(steps))


# ---- counting -------------------------------------------------------------------------------------------------------
def multiplications(step: Forward) -> int:
    """How many products of two elements an operation makes.

    A fused operation makes those of its definition.  What has none, and is no product of tensors, makes none: sums,
    maxima, copies, and functions such as tanh, whose cost is not one of multiplying.
    """
    arrays = {item.parameter: item.value.array for item in step.inputs}
    if step.operation.name in PRODUCTS:
        return PRODUCTS[step.operation.name](step, arrays)
    if step.operation.definition is None:
        return 0
    tensors = {name: Tensor(array) for name, array in arrays.items()}
    settings = {name: Tensor(v) if isinstance(v, np.ndarray) else v for name, v in step.settings.items()}
    with no_grad(), record(limit=MANY) as inside:
        step.operation.definition(**tensors, **settings)
    return sum(multiplications(part) for part in inside.steps if isinstance(part, Forward))


def _made(step: Forward) -> int:
    return step.outputs[0].array.size


def _contracted(step: Forward, arrays: dict[str, np.ndarray]) -> int:
    """All combinations of the labels of an einsum."""
    labels = step.settings["equation"].split("->")[0].split(",")
    pairs = zip(labels, arrays.values(), strict=True)
    sizes = {label: size for term, x in pairs for label, size in zip(term, x.shape, strict=True)}
    return int(math.prod(sizes.values())) * max(1, len(labels) - 1)


PRODUCTS: dict[str, Callable[[Forward, dict[str, np.ndarray]], int]] = {
    "multiply": lambda step, x: _made(step) if len(x) == 2 else 0,  # scaling by a constant is not counted
    "square": lambda step, _: _made(step),
    "matmul": lambda step, x: _made(step) * x["input"].shape[-1],
    "linear": lambda step, x: _made(step) * x["weight"].shape[1],
    "conv2d": lambda step, x: _made(step) * x["weight"][0].size,
    "conv_transpose2d": lambda _, x: x["input"].size * x["weight"][0].size,
    "contract": _contracted,
    "embedding": lambda *_: 0,  # a row is looked up; as a product with one-hot rows it is only defined
}


# ---- the graph ------------------------------------------------------------------------------------------------------
def graph(seen: Observation) -> Graph:
    """The modules that ran and what flowed between them.

    A module that runs again later is drawn again, unless the diagram gets too large: then each has one place, and what
    goes back to an earlier one is a loop.  The model's own operations between two modules become labels of an edge;
    where they join what came from several places they are a node.  What comes after the model's output is one node,
    the loss.  What the loss does not depend on is left out.  Modules are drawn as deep as NODES allow.
    """
    deepest = max(len(step.module.split(".")) for step in seen.steps)
    for depth in range(deepest, 0, -1):
        for unroll in (True, False):
            drawn = _used(_Builder(seen, depth, unroll).graph)
            if len(drawn.nodes) <= NODES:
                return drawn
    return drawn


def _used(whole: Graph) -> Graph:
    """The part of a graph from which its end can be reached: the loss, or else the node that ran last."""
    reached = {"loss" if "loss" in whole.nodes else list(whole.nodes)[-1]}
    while more := {source for source, target in whole.edges if target in reached} - reached:
        reached |= more
    return Graph(
        {key: node for key, node in whole.nodes.items() if key in reached},
        {edge: way for edge, way in whole.edges.items() if reached.issuperset(edge)},
    )


Sources = dict[str, tuple[str, ...]]  # a value comes from these nodes, by these operations of the model itself


class _Builder:
    def __init__(self, seen: Observation, depth: int, unroll: bool) -> None:
        self.seen, self.depth, self.unroll, self.graph = seen, depth, unroll, Graph()
        self.modules = dict(seen.model.named_modules())
        self.sources: dict[int, Sources] = {}  # by number of the value
        self.running, self.runs = "", Counter[str]()
        for step in seen.steps:
            self._add(step, step.index >= seen.forward_steps)

    def _add(self, step: Forward, loss: bool) -> None:
        sources = self._of_inputs(step)
        if loss:
            passed = self._arrive("loss", Node("loss", "loss"), sources, step)
        elif step.module:
            passed = self._arrive(*self._module(step), sources, step)
        elif len(sources) > 1:
            key = f"{step.operation.name} in line {step.line}"
            passed = self._arrive(key, Node(step.operation.name, "join"), sources, step)
        else:
            passed = {name: (*way, step.operation.name) for name, way in sources.items()}
        for value in step.outputs:
            self.sources[value.number] = passed

    def _module(self, step: Forward) -> tuple[str, Node]:
        path = ".".join(step.module.split(".")[: self.depth])
        if path != self.running:
            self.running = path
            self.runs[path] += 1
        module = self.modules[path]
        node = Node(path, "module", type(module).__name__, (), count_parameters(module))
        return f"{path} run {self.runs[path]}" if self.unroll else path, node

    def _of_inputs(self, step: Forward) -> Sources:
        origins: Sources = {}
        for item in step.inputs:
            value = item.value
            if value.name in self.seen.batch and value.number not in self.sources:
                self.graph.nodes.setdefault(f"input {value.name}", Node(value.name, "input", "", value.array.shape))
                self.sources[value.number] = {f"input {value.name}": ()}
            origins |= self.sources.get(value.number, {})
        return origins

    def _arrive(self, key: str, node: Node, sources: Sources, step: Forward) -> Sources:
        """Edges into a node; what it makes comes from nowhere else."""
        self.graph.nodes.setdefault(key, node).shape = step.outputs[0].array.shape
        for name, way in sources.items():
            if name != key:
                self.graph.edges.setdefault((name, key), tuple(dict.fromkeys(way)))
        return {key: ()}
