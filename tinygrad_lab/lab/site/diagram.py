"""Graphs as SVG: the drawing of a model, and its silhouette.  Colours come from the page's stylesheet."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from tinygrad_lab.lab.site.observation import Graph, Node

WIDTH, HEIGHT = 240, 44  # of a node
BESIDE, BELOW = 20, 34  # between nodes
LANE = 14  # between the lines that pass by
MARGIN = 10


@dataclass(frozen=True)
class Place:
    """Where a node stands: its rank, its centre, and whether it is the first or the last of its rank."""

    rank: int
    x: float
    y: float
    first: bool
    last: bool


def draw(graph: Graph, title: str, name: str = "") -> str:
    """The graph from top to bottom.  What skips ranks passes on the right, what goes back on the left, dashed.

    Args:
        name: tells the drawing's arrow from those of others on the page.
    """
    places, width = _layout(graph)
    skipping = [e for e in graph.edges if places[e[1]].rank > places[e[0]].rank + 1]
    returning = [e for e in graph.edges if places[e[1]].rank <= places[e[0]].rank]
    left = MARGIN + LANE * len(returning) + (LANE if returning else 0)
    right = LANE * len(skipping) + MARGIN
    lines = [_direct(places, edge, way) for edge, way in graph.edges.items() if edge not in {*skipping, *returning}]
    lines += [_by_lane(places, edge, width + LANE * (k + 1), 1, "skip") for k, edge in enumerate(skipping)]
    lines += [_by_lane(places, edge, -LANE * (k + 1), -1, "back") for k, edge in enumerate(returning)]
    boxes = [_box(places[key], node) for key, node in graph.nodes.items()]
    height = max((place.y for place in places.values()), default=0) + HEIGHT / 2 + MARGIN
    total = left + width + right
    return (
        f'<svg class="diagram" role="img" aria-label="{escape(title)}" width="{total:.0f}" height="{height:.0f}" '
        f'viewBox="{-left:.0f} 0 {total:.0f} {height:.0f}"><defs><marker id="arrow-{escape(name)}" viewBox="0 0 8 8" '
        'refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/>'
        f'</marker></defs><g style="marker-end:url(#arrow-{escape(name)})">{"".join(lines)}</g>{"".join(boxes)}</svg>'
    )


def silhouette(graph: Graph) -> str:
    """A bar for each place in turn, as high as the logarithm of how many numbers are there."""
    sizes = [(node.kind, math.prod(node.shape)) for node in graph.nodes.values() if node.kind in ("input", "module")]
    most = max((math.log2(1 + size) for _, size in sizes), default=1)
    step = 100 / max(1, len(sizes))
    bars = []
    for position, (kind, size) in enumerate(sizes):
        height = max(1.5, 40 * math.log2(1 + size) / most)
        bars.append(
            f'<rect class="{kind}" x="{position * step + 0.15 * step:.1f}" y="{20 - height / 2:.1f}" '
            f'width="{0.7 * step:.1f}" height="{height:.1f}"/>'
        )
    frame = 'viewBox="0 0 100 40" preserveAspectRatio="xMinYMid"'
    return f'<svg class="silhouette" {frame} aria-hidden="true">{"".join(bars)}</svg>'


# ---- where nodes stand ----------------------------------------------------------------------------------------------
def _layout(graph: Graph) -> tuple[dict[str, Place], int]:
    """Places of all nodes, and the width of the widest rank."""
    ranks = _ranks(graph)
    rows: dict[int, list[str]] = {}
    for key in graph.nodes:
        rows.setdefault(ranks[key], []).append(key)
    widest = max((len(row) for row in rows.values()), default=1)
    width = widest * (WIDTH + BESIDE) - BESIDE
    places: dict[str, Place] = {}
    for rank in sorted(rows):
        row = sorted(rows[rank], key=lambda key: _mean(places[s].x for s, t in graph.edges if t == key and s in places))
        start = (width - len(row) * (WIDTH + BESIDE) + BESIDE) / 2
        for position, key in enumerate(row):
            x = start + position * (WIDTH + BESIDE) + WIDTH / 2
            places[key] = Place(
                rank, x, MARGIN + HEIGHT / 2 + rank * (HEIGHT + BELOW), position == 0, position == len(row) - 1
            )
    return places, width


def _ranks(graph: Graph) -> dict[str, int]:
    """The longest way to each node, loops left out; an input stands right above the first that reads it."""
    order = {key: position for position, key in enumerate(_in_order(graph))}
    ranks: dict[str, int] = {}
    for key in order:
        before = [ranks[s] for s, t in graph.edges if t == key and order[s] < order[key]]
        ranks[key] = max(before, default=-1) + 1
    for key, node in graph.nodes.items():
        if node.kind == "input":
            ranks[key] = max(0, min([ranks[t] for s, t in graph.edges if s == key], default=1) - 1)
    lowest = min(ranks.values(), default=0)
    return {key: rank - lowest for key, rank in ranks.items()}


def _in_order(graph: Graph) -> list[str]:
    """Return inputs first, then the modules as they ran."""
    return sorted(graph.nodes, key=lambda key: graph.nodes[key].kind != "input")


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.inf


# ---- marks ----------------------------------------------------------------------------------------------------------
def _direct(places: dict[str, Place], edge: tuple[str, str], way: tuple[str, ...]) -> str:
    start, end = places[edge[0]], places[edge[1]]
    top, bottom = start.y + HEIGHT / 2, end.y - HEIGHT / 2 - 1
    middle = (top + bottom) / 2
    path = f"M{start.x:.0f} {top:.0f}C{start.x:.0f} {middle:.0f} {end.x:.0f} {middle:.0f} {end.x:.0f} {bottom:.0f}"
    words = ", ".join(way[:3]) + (" …" if len(way) > 3 else "")
    label = f'<text class="way" x="{(start.x + end.x) / 2 + 8:.0f}" y="{middle + 3:.0f}">{escape(words)}</text>'
    return f'<path class="edge" d="{path}"/>' + (label if words else "")


def _by_lane(places: dict[str, Place], edge: tuple[str, str], lane: int, side: int, kind: str) -> str:
    """Draw a line out of a node's side, along a lane, into the other's side, past the neighbours on the way."""
    start, end = places[edge[0]], places[edge[1]]
    free = [place.last if side > 0 else place.first for place in (start, end)]
    edges = [place.x + side * WIDTH / 2 for place in (start, end)]
    corners = [x - side * 16 for x in edges]
    out = (
        f"M{edges[0]:.0f} {start.y:.0f}H{lane:.0f}"
        if free[0]
        else f"M{corners[0]:.0f} {start.y + HEIGHT / 2:.0f}v{BELOW / 3:.0f}H{lane:.0f}"
    )
    into = (
        f"V{end.y + (-6 if end.y > start.y else 6):.0f}H{edges[1] + 2 * side:.0f}"
        if free[1]
        else f"V{end.y - HEIGHT / 2 - BELOW / 3:.0f}H{corners[1]:.0f}V{end.y - HEIGHT / 2 - 1:.0f}"
    )
    return f'<path class="edge {kind}" d="{out}{into}"/>'


def _box(place: Place, node: Node) -> str:
    x, y = place.x - WIDTH / 2, place.y - HEIGHT / 2
    shape = " × ".join(map(str, node.shape)) or ("one number" if node.kind == "loss" else "")
    count = f"{node.parameters:,} parameters" if node.parameters else ""
    what = f' <tspan class="what">{escape(_short(node.what, 30 - len(node.name)))}</tspan>' if node.what else ""
    return (
        f'<g class="node {node.kind}"><title>{escape(f"{node.name} {node.what} {shape} {count}")}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + 10:.0f}" y="{y + 18:.0f}">{escape(_short(node.name, 28))}{what}</text>'
        f'<text class="shape" x="{x + 10:.0f}" y="{y + 35:.0f}">{escape(shape)}</text>'
        f'<text class="count" x="{x + WIDTH - 10:.0f}" y="{y + 35:.0f}">{escape(count)}</text></g>'
    )


def _short(text: str, length: int) -> str:
    return text if len(text) <= max(4, length) else text[: max(3, length - 1)] + "…"
