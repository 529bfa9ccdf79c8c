"""The stepper's page of a paper's tiny model, to be embedded in the paper's page.

A trace is a megabyte of numbers, and there are some fifty of them: the site has them packed, each in a page that
unpacks itself.
"""

import base64
import gzip
import re

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import page, target
from tinygrad_lab.paper import Paper

PACKED = re.compile(r'id="packed">([^<]*)<')


def stepper_page(paper: Paper, variant: str) -> str | None:
    """A self-contained document; None for a model whose steps are too many for one page."""
    try:
        traced = target.trace_target(paper.slug, [], None, variant)
    except UsageError:
        return None
    return page.render(traced)


def pack(document: str) -> str:
    """A document in letters that need no escaping, an eighth of its size or a quarter."""
    return base64.b64encode(gzip.compress(document.encode(), mtime=0)).decode()


def unpack(document: str) -> str:
    """What a page that unpacks itself shows; any other as it is."""
    found = PACKED.search(document)
    return gzip.decompress(base64.b64decode(found[1])).decode() if found else document
