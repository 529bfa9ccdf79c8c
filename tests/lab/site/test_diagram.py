"""The drawing of a paper's graph."""

import re

import pytest

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import diagram, observation

PAPERS = registry.discover()


@pytest.mark.parametrize("slug", PAPERS)
def test_a_drawing_has_a_box_for_every_node_inside_its_frame(slug: str) -> None:
    for variant in PAPERS[slug].variants:
        graph = observation.graph(observation.observe(PAPERS[slug], variant, "tiny", training=True))
        drawing = diagram.draw(graph, "a title")
        left, top, width, height = map(int, re.search(r'viewBox="(-?\d+) (\d+) (\d+) (\d+)"', drawing).groups())
        boxes = [
            tuple(map(int, box))
            for box in re.findall(r'<rect x="(-?\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', drawing)
        ]
        assert len(boxes) == len(graph.nodes) <= observation.NODES
        assert drawing.count('class="edge') == len(graph.edges) >= len(graph.nodes) - 1
        assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in boxes)
        assert len(set(boxes)) == len(boxes)


def test_a_loop_is_drawn_as_one() -> None:
    graph = observation.graph(observation.observe(PAPERS["seq2seq_attention"], "input-feeding", "tiny", training=True))
    assert 'class="edge back"' in diagram.draw(graph, "")
