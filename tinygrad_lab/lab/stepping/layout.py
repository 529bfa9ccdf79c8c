"""Where the nodes of a graph are drawn: layers from the top down, each node near those that it is joined to.

Values and operations take turns: an operation stands just above its first use, where its inputs let it, its outputs
below it, and a value that nothing computed just above its first use.  A long line passes through invisible nodes, one
in each layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

LAYER = 58  # between layers
GAP = 18  # between nodes of a layer
LETTER, SMALL, PADDING = 7.0, 6.2, 22  # width of a letter of a name and of the line below, of what is around them
LONGEST = 20  # letters of a label
FAR = 24  # layers that a line passes through invisible nodes in; a longer one goes straight
SWEEPS = 8


Node = tuple[str, int]  # ("value", number) or ("step", index)


@dataclass
class Spot:
    """A node, or an invisible one of a line."""

    layer: int
    width: float
    x: float = 0.0
    above: list["Spot"] = field(default_factory=list)
    below: list["Spot"] = field(default_factory=list)


def label(name: str) -> str:
    """A name as it fits into a node: of a long one the end, which says most of a parameter's path."""
    return name if len(name) <= LONGEST else "…" + name[1 - LONGEST :]


def arrange(trace: dict[str, Any], below: Mapping[int, str]) -> dict[str, Any]:
    """Where the nodes of a trace in JSON are drawn, and how wide they are.

    Args:
        trace: the trace, or one inside it.
        below: what stands below a value's name, at its longest, by number.

    Returns:
        {"width", "height", "values": {number: [x, y, width]}, "steps": {index: [x, y, width]}, "lines": {"3>17":
        [[x, y], ...]}}: centres, and the places that the line from value 3 to step 17 passes ("17<4": back to value 4).
    """
    forward = [step for step in trace["steps"] if step["phase"] == "forward"]
    widths: dict[Node, float] = {
        ("value", value["number"]): _width(value["name"], below.get(value["number"], "")) for value in trace["values"]
    }
    widths |= {("step", step["index"]): _width(step["operation"]) for step in forward}
    layers_of = _layers(forward)
    spots = {node: Spot(layer, widths[node]) for node, layer in layers_of.items()}
    lines = _lines(forward, spots)
    layers: list[list[Spot]] = [[] for _ in range(max(spot.layer for spot in spots.values()) + 1)]
    for spot in [*spots.values(), *(spot for line in lines.values() for spot in line)]:
        layers[spot.layer].append(spot)
    _settle(layers)
    left = min(spot.x - spot.width / 2 for layer in layers for spot in layer) - GAP
    width = max(spot.x + spot.width / 2 for layer in layers for spot in layer) + GAP - left

    def centre(spot: Spot) -> list[int]:
        return [round(spot.x - left), spot.layer * LAYER + LAYER // 2]

    return {
        "width": round(width),
        "height": len(layers) * LAYER,
        "values": {key[1]: [*centre(spot), round(spot.width)] for key, spot in spots.items() if key[0] == "value"},
        "steps": {key[1]: [*centre(spot), round(spot.width)] for key, spot in spots.items() if key[0] == "step"},
        "lines": {name: [centre(spot) for spot in line] for name, line in lines.items() if line},
    }


def _layers(forward: Sequence[dict[str, Any]]) -> dict[Node, int]:
    """The layer of every node, in the order of the computation."""
    layers: dict[Node, int] = {}
    made = {number for step in forward for number in step["outputs"]}
    for step in forward:  # as high as the inputs let it
        above = [layers["value", item["value"]] for item in step["inputs"] if item["value"] in made]
        layers["step", step["index"]] = layer = 1 + max(above, default=0)
        layers |= {("value", number): layer + 1 for number in step["outputs"]}
    first_use: dict[int, int] = {}
    for step in reversed(forward):  # as low as the uses let it
        uses = [first_use[number] for number in step["outputs"] if number in first_use]
        layer = min(uses) - 2 if uses else layers["step", step["index"]]
        layers["step", step["index"]] = layer
        layers |= {("value", number): layer + 1 for number in step["outputs"]}
        first_use |= {item["value"]: min(layer, first_use.get(item["value"], layer)) for item in step["inputs"]}
    return layers | {("value", number): layer - 1 for number, layer in first_use.items() if number not in made}


def _width(name: str, small: str = "") -> float:
    return PADDING + max(LETTER * max(6, len(label(name))), SMALL * len(small))


def _lines(forward: Sequence[dict[str, Any]], spots: dict[Node, Spot]) -> dict[str, list[Spot]]:
    """The invisible nodes of each line; joins all that are neighbours on it."""
    lines: dict[str, list[Spot]] = {}
    for step in forward:
        ends: list[tuple[str, Node, Node]] = [
            (f"{item['value']}>{step['index']}", ("value", item["value"]), ("step", step["index"]))
            for item in step["inputs"]
        ]
        ends += [(f"{step['index']}<{n}", ("step", step["index"]), ("value", n)) for n in step["outputs"]]
        for name, start, end in ends:
            top, bottom = spots[start], spots[end]
            between = range(top.layer + 1, bottom.layer)
            line = [Spot(layer, 0.0) for layer in between] if len(between) <= FAR else []
            if name not in lines:
                lines[name] = line
                chain = [top, *line, bottom]
                for upper, lower in pairwise(chain):
                    upper.below.append(lower)
                    lower.above.append(upper)
    return lines


def _settle(layers: list[list[Spot]]) -> None:
    """Order and place the nodes of each layer: below their parents, then above their children, a few times over."""
    for layer in layers:
        _place(layer, [index * 100.0 for index in range(len(layer))])
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_mean(spot.above if sweep % 2 == 0 else spot.below, spot.x) for spot in layer]
            order = sorted(range(len(layer)), key=wanted.__getitem__)
            layer[:] = [layer[i] for i in order]
            _place(layer, [wanted[i] for i in order])
    for layer in [*layers, *reversed(layers)]:
        _place(layer, [_mean([*spot.above, *spot.below], spot.x) for spot in layer])


def _mean(spots: Sequence[Spot], otherwise: float) -> float:
    return sum(spot.x for spot in spots) / len(spots) if spots else otherwise


def _place(layer: Sequence[Spot], wanted: Sequence[float]) -> None:
    """Place them as near as can be, in squares, to where each wants to be, in this order, not overlapping.

    With the room that all before a node need taken off, places must only not decrease: isotonic regression.
    """
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    blocks: list[tuple[float, int]] = []  # (mean, size), increasing
    for place, offset in zip(wanted, offsets, strict=False):
        mean, size = place - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    places = [mean for mean, size in blocks for _ in range(size)]
    for spot, place, offset in zip(layer, places, offsets, strict=False):
        spot.x = place + offset
