"""A notebook made from its script, run, and saved without what would not last."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbclient
import nbformat
from jupyter_client.manager import KernelManager

SECONDS = 120  # for one cell
LARGEST = 100_000  # characters of HTML that a saved output may have: the stepper's page is for those who run the cell


def notebook(script: str) -> nbformat.NotebookNode:
    """The notebook of a script in percent format, the same each time."""
    made: nbformat.NotebookNode = jupytext.reads(script, fmt="py:percent")
    for place, cell in enumerate(made.cells):
        cell.id = f"cell-{place}"
    made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
    return made


@contextmanager
def kernel(folder: Path) -> Iterator[KernelManager]:
    """A kernel that runs notebooks one after the other, in ``folder``: what one has imported the next need not load."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def run(made: nbformat.NotebookNode, kernel: KernelManager) -> None:
    """Run every cell, in a kernel that has forgotten all variables; outputs go into the notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    kept = dict(made.metadata)
    made.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))  # type: ignore[no-untyped-call]  # nbformat has none
    client = nbclient.NotebookClient(made, km=kernel, timeout=SECONDS, record_timing=False, coalesce_streams=True)
    try:
        client.execute()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        del made.cells[0]
        # not the version of the Python that happened to run it
        made.metadata = nbformat.from_dict(kept)  # type: ignore[no-untyped-call]  # nbformat has none
    for number, cell in enumerate((cell for cell in made.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def without_pages(made: nbformat.NotebookNode) -> None:
    """Drop outputs too large to be saved; what they say in plain text stays."""
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            if len(output.get("data", {}).get("text/html", "")) > LARGEST:
                del output["data"]["text/html"]


def save(made: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook, without what would make it large."""
    without_pages(made)
    nbformat.write(made, path)  # type: ignore[no-untyped-call]  # nbformat has no types
