"""The stepper's page of a paper's tiny model, to be embedded in the paper's page."""

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import page, target
from tinygrad_lab.paper import Paper


def stepper_page(paper: Paper, variant: str) -> str | None:
    """A self-contained document; None for a model whose steps are too many for one page."""
    try:
        traced = target.trace_target(paper.slug, [], None, variant)
    except UsageError:
        return None
    return page.render(traced)
