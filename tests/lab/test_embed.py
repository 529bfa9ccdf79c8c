"""A trace in a notebook: the stepper's page in a frame, nothing of it outside."""

from html.parser import HTMLParser

import pytest

from tinygrad_lab import tensor
from tinygrad_lab.lab.stepping import embed
from tinygrad_lab.trace import Trace, record, trace


@pytest.fixture
def steps() -> Trace:
    x = tensor([1.0, 2.0], requires_grad=True)
    with record({'"><script>': x}):
        y = (x * x).sum()
    return trace(y)


def tags(source: str) -> list[tuple[str, dict]]:
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(source)
    return found


def test_a_trace_shows_the_page_in_a_frame(steps: Trace) -> None:
    ((tag, attributes),) = tags(embed.Page(steps)._repr_html_())
    # one element: the whole page is inside an attribute of it
    assert tag == "iframe"
    assert attributes["srcdoc"].lstrip().lower().startswith("<!doctype html>")
    assert '"multiply"' in attributes["srcdoc"]
    assert repr(embed.Page(steps)) == repr(steps)  # what a saved notebook keeps


def test_titles_are_escaped(steps: Trace) -> None:
    ((_, attributes),) = tags(embed.frame(steps, title='"><script>alert(1)</script>'))
    assert attributes["title"] == 'stepper: "><script>alert(1)</script>'
    assert "<script>alert(1)" not in attributes["srcdoc"]
