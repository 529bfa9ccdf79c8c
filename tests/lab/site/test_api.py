"""The API reference: all public names, each with its signature, its docstring and its source."""

import inspect
import re
from html import unescape
from importlib import import_module
from pathlib import Path

import pytest

from tests.lab.site.elements import Elements
from tinygrad_lab import Tensor
from tinygrad_lab.lab.site import api, operations
from tinygrad_lab.places import HOME

PAGES = {page.name: page for page in api.pages(HOME, {"exp": "operations/elementwise.html#exp"})}
ENTRIES = [entry for page in PAGES.values() for entry in page.entries]


def signature(page: str, name: str) -> str:
    found = {part.anchor: part for entry in PAGES[page].entries for part in (entry, *entry.members)}
    return unescape(re.sub(r"<[^>]+>", "", found[name].signature))


@pytest.mark.parametrize("module", api.MODULES)
def test_every_listed_name_is_there(module: str) -> None:
    owner = import_module(module)
    shown = {entry.name for entry in PAGES[module].entries}
    for name in getattr(owner, "__all__", shown):
        if not inspect.ismodule(getattr(owner, name)):
            assert name in shown or f"{module}.{name}" in PAGES
    assert shown


def test_every_method_of_a_tensor_is_there() -> None:
    public = {name for name, _ in inspect.getmembers(Tensor) if not name.startswith("_")}
    assert public == {entry.name for entry in PAGES["tinygrad_lab.Tensor"].entries}
    assert len(public) > 100


def test_every_name_says_something() -> None:
    assert [entry.anchor for entry in ENTRIES if not entry.about] == []
    silent = {part.anchor for entry in ENTRIES for part in entry.members if not part.about}
    assert all(name.endswith(".forward") for name in silent)


def test_signatures_are_as_one_writes_them() -> None:
    assert signature("tinygrad_lab.Tensor", "sum").startswith("sum(\n    dim: int | tuple[int, ...]")
    assert signature("tinygrad_lab.Tensor", "shape") == "shape: tuple[int, ...]"
    assert signature("tinygrad_lab.nn", "Linear.forward") == (
        "forward(input: Float[Tensor, '*n i']) -> Float[Tensor, '*n o']"
    )
    assert "    *,\n    dtype: Any = float32,\n" in signature("tinygrad_lab.nn", "Linear")
    assert signature("tinygrad_lab.nn", "Embedding.from_pretrained").startswith("from_pretrained(\n    embeddings")
    assert signature("tinygrad_lab.checkpoint", "CheckpointError") == "CheckpointError"
    everything = " ".join(part.signature for entry in ENTRIES for part in (entry, *entry.members))
    assert " object at 0x" not in everything
    assert "tinygrad_lab." not in everything


def test_a_source_is_where_the_name_is_defined() -> None:
    for entry in ENTRIES:
        for part in (entry, *entry.members):
            line = (HOME / part.file).read_text(encoding="utf-8").splitlines()[part.line - 1]
            assert re.match(r"\s*(def|class) \w+", line), (part.anchor, part.file, part.line)
    place = {entry.name: entry for entry in PAGES["tinygrad_lab.Tensor"].entries}
    assert place["exp"].file == "tinygrad_lab/ops/elementwise.py"
    assert place["exp_"].file == "tinygrad_lab/ops/inplace.py"


def test_operations_lead_to_their_pages() -> None:
    linked = {entry.name for entry in PAGES["tinygrad_lab.Tensor"].entries if entry.operation}
    assert linked == {"exp", "exp_"}
    known = dict(operations.addresses(operations.families(HOME)))
    functional = next(p for p in api.pages(HOME, known) if p.name == "tinygrad_lab.nn.functional")
    assert [entry.name for entry in functional.entries if entry.operation is None] == []


def test_shapes_stand_in_the_fixed_width_part() -> None:
    norm = {entry.name: entry for entry in PAGES["tinygrad_lab.nn.functional"].entries}["layer_norm"]
    assert norm.about.endswith("over the trailing axes.")
    assert norm.details.startswith("(*, *normalized_shape) -> the same\n\nRaises:\n    ValueError: ")


def test_pages_are_in_the_navigation_and_in_the_search(site: Path) -> None:
    index = Elements((site / "api" / "index.html").read_text(encoding="utf-8")).values("href")
    found = (site / "search-index.js").read_text(encoding="utf-8")
    assert "api/index.html" in Elements((site / "index.html").read_text(encoding="utf-8")).values("href")
    for page in PAGES.values():
        ids = Elements((site / page.address).read_text(encoding="utf-8")).values("id")
        assert {entry.anchor for entry in page.entries} <= set(ids)
        assert len(ids) == len(set(ids))
        for entry in page.entries:
            assert f"{page.name}.html#{entry.anchor}" in index
            assert f'"{page.address}#{entry.anchor}"' in found
