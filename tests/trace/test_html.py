"""Traces in a notebook: readable without the lab, harmless with anything in them."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tinygrad_lab import tensor
from tinygrad_lab.trace import html, record, trace


@pytest.fixture
def steps():
    w, x, b = tensor(2.0, requires_grad=True), tensor([1.0, -5.0]), tensor(3.0, requires_grad=True)
    with record():
        y = (w * x + b + b).relu().sum()
    return trace(y)


def text(source):
    """What a reader sees; fails on a tag that is not closed."""
    seen, opened = [], []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag != "br":
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

        def handle_data(self, data):
            seen.append(data)

    Parser().feed(source)
    assert not opened
    return " ".join(seen)


def test_a_trace_is_a_table(steps):
    rows = steps._repr_html_().split("<tr>")
    assert len(rows) == 2 + len(steps)
    assert "multiply(w, x) -> w * x = [2, -10]" in text(rows[2].removesuffix("</tr>"))


def test_a_forward_step_shows_its_operands(steps):
    seen = text(steps[0]._repr_html_())
    assert re.search(r"0. forward of\s+multiply", seen)
    assert "w 2 x 1 -5 result w * x 2 -10" in seen


def test_a_backward_step_shows_its_rule_with_numbers_and_the_sum(steps):
    second = next(step for step in steps if step.phase == "backward" and not step.contributions[-1].first)
    seen = text(second._repr_html_())
    assert "∂b = Σ copies ∂(w * x + b) ∂b = Σ copies [1 0] = 1" in seen
    assert "it took value w * x 2 -10 b 3" in seen
    assert "∂b 1 2" in seen  # this contribution, and both together


def test_large_tensors_are_described_and_small_ones_shown():
    assert html.numbers(np.float32([3.0])) == "3"
    assert html.numbers(np.zeros((2, 0))) == "2 × 0, empty"
    assert html.numbers(np.arange(65.0)) == "65, from 0 to 64, norm 299.1"
    assert html.numbers(np.eye(2)).count("<td>") == 4


def test_names_and_settings_are_escaped():
    x = tensor([1.0], requires_grad=True)
    with record({"<script>": x}):
        y = x.sum()
    steps = trace(y)
    for shown in (html.of_trace(steps), *(step._repr_html_() for step in steps)):
        assert "<script>" not in shown
        text(shown)


def test_its_own_name_is_short(steps):
    assert repr(steps[0]) == str(steps[0])
    assert repr(steps[0].inputs[0].value) == "w = 2"
    assert repr(steps) == f"Trace of {len(steps)} steps to {steps.result.name} = 8"
