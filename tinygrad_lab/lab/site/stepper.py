"""The steppers' pages of the papers' tiny models, to be embedded in the papers' pages.

A trace is a megabyte of numbers, and there are some fifty of them: the site has them packed, each in a page that
unpacks itself.  They take as long to make as everything else, so a process of their own makes them meanwhile:

    python -m tinygrad_lab.lab.site.stepper FOLDER PARENT
"""

import base64
import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from jinja2 import Template
from threadpoolctl import threadpool_limits

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import page, target
from tinygrad_lab.paper import Paper

PACKED = re.compile(r'id="packed">([^<]*)<')


def address(paper: Paper, variant: str) -> str:
    """Where a stepper is in the site."""
    return f"{paper.slug}/step-{variant}.html"


@contextmanager
def meanwhile(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Make all of them in a process that is left alone until somebody waits for it."""
    command = [sys.executable, "-m", __name__, str(folder), str(os.getpid())]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str]) -> None:
    """Wait until all of them are there.

    Raises:
        RuntimeError: one could not be made.
    """
    _, complaint = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the steppers' pages could not be made:\n{complaint}")


# ---- in the other process -------------------------------------------------------------------------------------------
def write_all(folder: Path, papers: dict[str, Paper], parent: int) -> None:
    """Write the page of every variant, while there is a parent to want them; models of too many steps have none."""
    shell = Template(resources.files(__package__).joinpath("templates", "packed.html").read_text(encoding="utf-8"))
    for paper in papers.values():
        for variant in paper.variants:
            text = stepper_page(paper, variant)
            if os.getppid() != parent:
                return  # it was killed: what it had begun is not to be written to
            if text is not None:
                file = folder / address(paper, variant)
                file.parent.mkdir(exist_ok=True)
                file.write_text(shell.render(title=f"{paper.slug}, {variant}", packed=pack(text)), encoding="utf-8")


def stepper_page(paper: Paper, variant: str) -> str | None:
    """A self-contained document; None for a model whose steps are too many for one page."""
    try:
        traced = target.trace_target(paper.slug, [], None, variant)
    except UsageError:
        return None
    return page.render(traced)


# ---- packing --------------------------------------------------------------------------------------------------------
def pack(document: str) -> str:
    """A document in letters that need no escaping, an eighth of its size or a quarter."""
    return base64.b64encode(gzip.compress(document.encode(), mtime=0)).decode()


def unpack(document: str) -> str:
    """What a page that unpacks itself shows; any other as it is."""
    found = PACKED.search(document)
    return gzip.decompress(base64.b64decode(found[1])).decode() if found else document


if __name__ == "__main__":
    with threadpool_limits(1):
        write_all(Path(sys.argv[1]), registry.discover(), int(sys.argv[2]))
