"""The pages of operations: all of them, in their three forms, as they stand in the files."""

import inspect
import re
from html import unescape
from pathlib import Path

import pytest

from tests.lab.site.elements import Elements
from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import observation, operations
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.places import HOME

PAPERS = registry.discover()
FAMILIES = operations.families(HOME)
VIEWS = {view.name: view for family in FAMILIES for view in family.views}


def text_of(listing: operations.Listing) -> str:
    """What a browser shows of a listing."""
    return "\n".join(unescape(re.sub(r"<[^>]+>", "", line.html)) for line in listing.lines)


def test_every_operation_is_shown() -> None:
    own = {name for name in ENGINE_OPERATIONS if OPERATIONS[name].body.__module__.startswith(operations.OWN)}
    assert set(VIEWS) == own
    assert len(own) > 100


@pytest.mark.parametrize("name", ["layer_norm", "lstm", "remainder", "cross_entropy"])
def test_the_forms_are_those_of_the_files(name: str) -> None:
    view, info = VIEWS[name], OPERATIONS[name]
    shown = text_of(view.by_hand)
    assert shown.startswith(f"def {name}(")
    source = "\n".join(line.rstrip() for line in inspect.getsource(inspect.unwrap(info.body)).splitlines())
    assert source.endswith(shown)
    assert "def backward(" in shown
    assert (view.definition is None) == (info.definition is None)
    assert view.torch.file.startswith("reference/operations/")
    assert f"def {name}(" in text_of(view.torch)


def test_a_page_shows_all_three(site: Path) -> None:
    text = (site / "operations" / "normalization.html").read_text(encoding="utf-8")
    assert {"layer_norm", "batch_norm"} <= set(Elements(text).values("id"))
    assert text.count('class="form"') == 6
    assert "over the trailing axes" in text


def test_every_file_of_operations_has_a_page(site: Path) -> None:
    index = Elements((site / "operations" / "index.html").read_text(encoding="utf-8"))
    for family in FAMILIES:
        assert (site / "operations" / f"{family.name}.html").exists()
        for part in (*family.views, *family.composed):
            assert f"{family.name}.html#{part.name}" in index.values("href")


def test_functions_put_together_are_shown_too() -> None:
    composed = {part.name for family in FAMILIES for part in family.composed}
    assert {"einsum", "group_norm", "conv1d", "mish", "interpolate"} <= composed
    assert not composed & set(VIEWS)


@pytest.mark.parametrize("slug", PAPERS)
def test_a_paper_shows_what_its_model_runs(site: Path, slug: str) -> None:
    names = operations.CONTRIBUTED[slug]
    ids = Elements((site / slug / "index.html").read_text(encoding="utf-8")).values("id")
    assert set(names) <= set(ids)
    if slug == "dropout":  # its model writes the noise out
        return
    paper = PAPERS[slug]
    ran = {step.operation.name for v in paper.variants for step in observation.observe(paper, v, "tiny", True).steps}
    assert set(names) <= ran


def test_a_rule_is_a_formula_or_code() -> None:
    assert "<math" in operations.rule_html(r"\bar x = \bar y")
    code = operations.rule_html("dx = dz * y; dy = dz * x")
    assert "<math" not in code
    assert re.sub(r"<[^>]+>", "", code) == "dx = dz * y\ndy = dz * x\n"
    assert "\n   " not in operations.rule_html("\n    a = b\n    c = d\n    ")
    assert operations.with_code("in ``dim`` < 3") == "in <code>dim</code> &lt; 3"
