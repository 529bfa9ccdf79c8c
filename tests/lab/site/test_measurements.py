"""Agreement that was measured before: what is stored, what the pages say of it, and that they need no PyTorch."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.site.rows import row
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import measurements, stepper
from tinygrad_lab.lab.site.measurements import Fresh, Stored

LENET = registry.find("lenet")
build = importlib.import_module("tinygrad_lab.lab.site.build")  # not the function of that name
ROWS = [
    row("forward", "s2", 15.0), row("forward", "c1", 9.0), row("loss", "loss", 6.0),
    row("gradient", "s2.weight", 11.0), row("trajectory", "losses", 5.0), row("forward", "output", 3.0, "modern"),
]  # fmt: skip


def test_what_is_read_back_is_what_was_measured() -> None:
    stored = json.loads(json.dumps(measurements.contents(ROWS, 20)))
    before, after = Fresh(ROWS, 20).of(LENET), Stored(stored).of(LENET)
    for variant in LENET.variants:
        assert after.of_variant(variant) == before.of_variant(variant) != {}
    for file, name in (("model", "Subsampling"), ("model", "LeNet5"), ("train", "train"), ("model", "squash")):
        assert after.of_block(file, name) == before.of_block(file, name)
    assert after.of_block("model", "Subsampling")["forward"] == {"float64": "15.0"}


def test_a_page_says_when_and_where_and_whether_it_is_still_so() -> None:
    stored = measurements.contents(ROWS, 20)
    assert "PyTorch" in Stored(stored).summary
    assert stored["made"] in Stored(stored).origin(LENET)
    assert "changed" not in Stored(stored).origin(LENET)
    assert "changed" in Stored({**stored, "engine": "another"}).origin(LENET)
    stored["papers"]["lenet"]["sources"] = "another"
    assert "changed" in Stored(stored).origin(LENET)
    assert "changed" not in Stored(stored).origin(registry.find("lstm"))


def test_a_paper_that_was_not_measured_has_no_digits() -> None:
    stored = Stored(measurements.contents([], 20))
    unknown = replace(LENET, slug="unknown")
    assert stored.of(unknown).of_variant("1998") == {}
    assert stored.of(unknown).of_block("model", "LeNet5") == {}
    assert not stored.is_current(unknown)


def test_a_source_that_changes_is_noticed(tmp_path: Path) -> None:
    for folder in ("papers/lenet/study", "reference/lenet", "tinygrad_lab/lab", "tinygrad_lab/ops"):
        (tmp_path / folder).mkdir(parents=True)

    def sums(file: str) -> tuple[str, str]:
        (tmp_path / file).write_text("changed = True\n", encoding="utf-8")
        return measurements.fingerprint(tmp_path, "lenet"), measurements.fingerprint_of_engine(tmp_path)

    nothing = measurements.fingerprint(tmp_path, "lenet"), measurements.fingerprint_of_engine(tmp_path)
    assert sums("papers/lenet/study/experiment.py") == sums("tinygrad_lab/lab/cli.py") == nothing
    paper, engine = sums("reference/lenet/model.py")
    assert paper != nothing[0]
    assert engine == nothing[1]
    assert sums("tinygrad_lab/ops/linear.py")[1] != engine


def test_the_stored_ones_are_of_all_papers_and_none_failed() -> None:
    stored = json.loads(measurements.FILE.read_text(encoding="utf-8"))
    assert set(stored["papers"]) == set(registry.discover())
    assert "FAILED" not in json.dumps(stored)
    assert measurements.FILE.stat().st_size < 100_000


def test_without_torch_the_site_is_of_what_was_measured_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known: list[measurements.Measurements] = []

    class Site:
        def __init__(self, folder: Path, found: measurements.Measurements, *_: object) -> None:
            known.append(found)

        def write(self) -> None:
            pass

    monkeypatch.setattr(build, "Site", Site)
    monkeypatch.setattr(build, "has_torch", lambda: False)
    assert build.build_all(tmp_path / "site") == []
    assert isinstance(known[0], Stored)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_page_shows_what_was_measured_before(tmp_path: Path) -> None:
    with stepper.meanwhile(tmp_path / "nothing") as process:
        build.Site(tmp_path, measurements.current(None, 20), process, lambda address: None).paper(LENET)
    text = " ".join((tmp_path / "lenet" / "index.html").read_text(encoding="utf-8").split())
    stored = json.loads(measurements.FILE.read_text(encoding="utf-8"))
    assert f"measured on {stored['made']} ({stored['where']})" in text
    assert "not compared" not in text
    assert stored["papers"]["lenet"]["variants"]["1998"]["gradient"]["float64"] in text


def test_a_stepper_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "lstm").write_text("in the way", encoding="utf-8")
    with stepper.meanwhile(tmp_path) as process, pytest.raises(RuntimeError, match="FileExistsError"):
        stepper.wait_for(process)
