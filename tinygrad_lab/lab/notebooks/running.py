"""A notebook made from its script, run, and saved without what would not last."""

from pathlib import Path

import jupytext
import nbclient
import nbformat

SECONDS = 120  # for one cell
LARGEST = 100_000  # characters of HTML that a saved output may have: the stepper's page is for those who run the cell


def notebook(script: str) -> nbformat.NotebookNode:
    """The notebook of a script in percent format, the same each time."""
    made = jupytext.reads(script, fmt="py:percent")
    for place, cell in enumerate(made.cells):
        cell.id = f"cell-{place}"
    made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
    return made


def run(made: nbformat.NotebookNode, folder: Path) -> None:
    """Run every cell; outputs go into the notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    kept = dict(made.metadata)
    nbclient.NotebookClient(
        made, timeout=SECONDS, record_timing=False, resources={"metadata": {"path": str(folder)}}
    ).execute()
    made.metadata = nbformat.from_dict(kept)  # not the version of the Python that happened to run it
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            if len("".join(output.get("data", {}).get("text/html", ""))) > LARGEST:
                del output["data"]["text/html"]


def save(made: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook."""
    nbformat.write(made, path)
