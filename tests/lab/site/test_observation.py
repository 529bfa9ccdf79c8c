"""A run that is watched: what it multiplies, and the graph of its modules."""

from itertools import pairwise

import pytest

from tinygrad_lab import einsum, ones
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import observation
from tinygrad_lab.nn import functional as F
from tinygrad_lab.trace import record

PAPERS = registry.discover()


def test_multiply_adds_of_lenet_are_those_of_its_layers() -> None:
    seen = observation.observe(PAPERS["lenet"], "modern", "small", training=False)
    assert seen.unit == "image"
    assert seen.multiply_adds() == (28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 120 * 16 * 25 + 120 * 84 + 84 * 10)


@pytest.mark.parametrize(
    ("run_it", "count"),
    [
        (lambda: ones(3, 4) @ ones(4, 5), 60),
        (lambda: ones(3, 4) * ones(4), 12),
        (lambda: einsum("bij,bjk->bik", ones(2, 3, 4), ones(2, 4, 5)), 120),
        (lambda: 2 * ones(3, 4).tanh() + 1, 0),
        (lambda: F.conv2d(ones(1, 4, 5, 5), ones(6, 2, 3, 3), groups=2), 6 * 9 * 18),
    ],
)
def test_multiplications_of_operations(run_it, count: int) -> None:
    with record() as recorder:
        run_it()
    assert sum(observation.multiplications(step) for step in recorder.steps) == count


def test_a_fused_operation_multiplies_as_its_definition_does() -> None:
    seen = observation.observe(PAPERS["lstm"], "2000", "tiny", training=False)
    fused = [step for step in seen.steps if step.operation.name == "lstm"]
    config = seen.config
    widths = [config.embedding, *[config.hidden] * (config.layers - 1)]
    tokens, h = seen.items, config.hidden
    assert len(fused) == config.layers
    assert [observation.multiplications(step) for step in fused] == [
        tokens * (4 * h * (width + h) + 3 * h)
        for width in widths  # four gates; f * c, i * g, o * tanh c
    ]


def test_the_graph_of_lenet() -> None:
    graph = observation.graph(observation.observe(PAPERS["lenet"], "1998", "tiny", training=True))
    names = {key: node.name for key, node in graph.nodes.items()}
    edges = {(names[a], names[b]): way for (a, b), way in graph.edges.items()}
    path = ["image", "c1", "s2", "c3", "s4", "c5", "f6", "rbf", "loss"]
    assert set(edges) == {*pairwise(path), ("label", "loss")}
    assert edges["c1", "s2"] == ("multiply", "tanh")
    node = next(node for node in graph.nodes.values() if node.name == "c3")
    assert (node.what, node.shape, node.parameters) == ("PartialConvolution", (4, 16, 2, 2), 1516)
