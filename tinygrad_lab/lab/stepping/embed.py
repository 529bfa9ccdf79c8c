"""A trace's page in a notebook."""

from html import escape

from tinygrad_lab.lab.stepping.page import render
from tinygrad_lab.lab.stepping.target import Traced, sources
from tinygrad_lab.trace import Trace

HEIGHT = 720  # pixels


class Page:
    """A trace that a notebook shows as the stepper's page.

    Args:
        trace: what is stepped through.
        title: the page's; by default the name of the trace's result.
    """

    def __init__(self, trace: Trace, title: str = "") -> None:
        self.trace, self.title = trace, title

    def __repr__(self) -> str:
        return repr(self.trace)

    def _repr_html_(self) -> str:
        return frame(self.trace, self.title)


def frame(trace: Trace, title: str = "") -> str:
    """The interactive page in a frame of its own, everything inside it."""
    name = title or trace.result.name
    document = escape(render(Traced(trace, name, name, sources(trace))))
    return f'<iframe srcdoc="{document}" title="stepper: {escape(name)}" width="100%" height="{HEIGHT}"></iframe>'
