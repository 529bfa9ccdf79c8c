"""Notebooks: written from the papers' parts, the same as committed, and every cell runs."""

from collections.abc import Iterator
from pathlib import Path

import nbclient
import nbformat
import pytest
from jupyter_client.manager import KernelManager

from tinygrad_lab.lab import notebooks, registry
from tinygrad_lab.lab.notebooks import running

SLUGS = list(registry.discover())


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    with running.kernel(tmp_path_factory.mktemp("notebooks")) as manager:
        yield manager


def sources(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text", output.get("data", {}).get("text/plain", "")) for output in outputs)


@pytest.mark.parametrize("slug", SLUGS)
def test_committed_ones_are_what_make_notebooks_writes(slug: str) -> None:
    script = notebooks.script(registry.find(slug))
    folder = notebooks.folder()
    assert (folder / f"{slug}.py").read_text(encoding="utf-8") == script
    committed = nbformat.read(folder / f"{slug}.ipynb", as_version=4)
    assert sources(committed) == sources(running.notebook(script))
    assert all(cell.outputs or cell.source.startswith("def ") for cell in committed.cells if cell.cell_type == "code")
    assert (folder / f"{slug}.ipynb").stat().st_size < 300_000


@pytest.mark.parametrize("slug", SLUGS)
def test_every_cell_runs(slug: str, kernel: KernelManager) -> None:
    """They also check themselves: both sides agree, and the loss falls."""
    made = running.notebook(notebooks.script(registry.find(slug)))
    running.run(made, kernel)
    text = printed(made)
    assert " digits" in text
    assert "the loss of the first ten steps" in text
    assert "Trace of " in text
    assert str(notebooks.folder().parent) not in nbformat.writes(made)  # no path of this machine


def test_an_error_in_a_cell_is_an_error(kernel: KernelManager) -> None:
    script = notebooks.script(registry.find("lenet")).split("# %%")[0] + "# %%\n1 / 0\n"
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        running.run(running.notebook(script), kernel)


def test_pages_are_left_out_of_saved_notebooks() -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x")])
    for size in (10, running.LARGEST + 1):
        data = {"text/html": "x" * size, "text/plain": "a trace"}
        made.cells[0].outputs.append(nbformat.v4.new_output("display_data", data))
    running.without_pages(made)
    assert [sorted(output.data) for output in made.cells[0].outputs] == [["text/html", "text/plain"], ["text/plain"]]


def test_the_loop_is_the_papers_own_with_its_comments() -> None:
    from papers.dropout import train

    loop, names = notebooks.training_loop(train)
    assert loop.startswith("for batch in batches:\n    model.train()\n")
    assert "# 3. backward" in loop
    assert "yield" not in loop
    assert loop.endswith("    losses.append(value.item())")
    assert names == {"loss", "max_norm_"}
    assert notebooks.imports(train, names | {"optim"}).splitlines() == [
        "from papers.dropout.model import loss",
        "from papers.dropout.train import max_norm_",
        "from tinygrad_lab import optim",
    ]


def test_a_paper_without_notes_has_a_notebook_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notebooks.claims, "paper_folder", lambda paper: tmp_path)
    script = notebooks.script(registry.find("lenet"))
    assert "## The idea" not in script
    assert "## Trained for real" not in script
    compile(script, "lenet.py", "exec")


def test_links_of_the_notes_are_made_to_fit() -> None:
    notes = "# T\n## The idea\nSee [a](model.py), [b](https://x.org).\n## Next\n"
    assert notebooks._section(notes, "The idea", "lenet") == "See [a](../papers/lenet/model.py), [b](https://x.org)."
    assert notebooks._section(notes, "Missing", "lenet") == ""
