"""Where nodes are drawn: layers in the order of computation, nothing on top of another."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.stepping.layout import GAP, LONGEST, Spot, _place, arrange, label
from tinygrad_lab.lab.stepping.target import trace_target
from tinygrad_lab.trace.schema import as_json


def check(trace: dict[str, Any]) -> None:
    layout = arrange(trace, {})
    values, steps = layout["values"], layout["steps"]
    forward = [step for step in trace["steps"] if step["phase"] == "forward"]
    assert set(steps) == {step["index"] for step in forward}
    for step in forward:
        for given_ in step["inputs"]:
            assert values[given_["value"]][1] < steps[step["index"]][1]
        for number in step["outputs"]:
            assert values[number][1] > steps[step["index"]][1]
    layers: dict[int, list[list[int]]] = {}
    for x, y, width in [*values.values(), *steps.values()]:
        assert x - width / 2 >= 0
        assert x + width / 2 <= layout["width"]
        assert 0 <= y <= layout["height"]
        layers.setdefault(y, []).append([x, width])
    for nodes in layers.values():
        for (left, left_width), (right, right_width) in pairwise(sorted(nodes)):
            assert right - left >= (left_width + right_width) / 2 + GAP - 2  # places are rounded


@pytest.mark.parametrize("slug", list(registry.discover()))
def test_papers(slug: str) -> None:
    check(as_json(trace_target(slug).trace, open_fused=False))


def test_what_is_inside_an_lstm() -> None:
    steps = as_json(trace_target("lstm", module="layers.0").trace)["steps"]
    check(steps[0]["inside"])


def test_a_chain_is_a_straight_line() -> None:
    layout = arrange(as_json(trace_target("exp(sin(cos(x)))", ["x=1"]).trace), {})
    assert len({place[0] for place in [*layout["values"].values(), *layout["steps"].values()]}) == 1


def test_an_operation_on_parameters_stands_near_its_use() -> None:
    layout = arrange(as_json(trace_target("exp(sin(cos(x))) * exp(w)", ["x=1", "w=2"]).trace), {})
    assert layout["steps"][3][1] == layout["steps"][2][1]  # exp(w) beside exp(sin(...)), not beside cos(x)


def test_a_long_line_passes_between_the_nodes() -> None:
    layout = arrange(as_json(trace_target("exp(sin(cos(x))) * x", ["x=1"]).trace), {})
    assert len(layout["lines"]["0>3"]) == 6
    nodes = {(x, y) for x, y, _ in [*layout["values"].values(), *layout["steps"].values()]}
    assert all(abs(x - other) > 20 for x, y in layout["lines"]["0>3"] for other, level in nodes if level == y)


@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(10, 100)), min_size=1, max_size=12))
def test_placing_is_as_near_as_can_be(nodes: list[tuple[float, float]]) -> None:
    """No node can be moved alone without overlap and come nearer, in squares: the optimum of a convex problem."""
    layer = [Spot(0, width) for _, width in nodes]
    wanted = [place for place, _ in nodes]
    _place(layer, wanted)
    for left, right in pairwise(layer):
        assert right.x - left.x >= (left.width + right.width) / 2 + GAP - 1e-6
    for place, spot in enumerate(layer):
        aim = wanted[place] - spot.x
        beside = layer[place + 1 :][:1] if aim > 0 else layer[:place][-1:]
        room = [abs(other.x - spot.x) - (other.width + spot.width) / 2 - GAP for other in beside]
        assert abs(aim) < 1e-6 or (room and room[0] < 1e-6)


def test_labels_keep_the_end_of_a_path() -> None:
    assert label("w") == "w"
    assert label("decoder.attention.score.W_a.weight") == "…on.score.W_a.weight"
    assert len(label("decoder.attention.score.W_a.weight")) == LONGEST
