"""A trace's page in a notebook."""

from html import escape

from tinygrad_lab.lab.stepping.page import render
from tinygrad_lab.lab.stepping.target import Traced, sources
from tinygrad_lab.trace import Trace

HEIGHT = 720  # pixels


def frame(trace: Trace, title: str = "") -> str:
    """The interactive page in a frame of its own, everything inside it."""
    name = title or trace.result.name
    document = escape(render(Traced(trace, name, name, sources(trace))))
    return f'<iframe srcdoc="{document}" title="stepper: {escape(name)}" width="100%" height="{HEIGHT}"></iframe>'
