"""How many parameters each model has is kept in a file, and the file is right."""

import pytest

from tinygrad_lab.lab import listing, registry


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_kept_counts_are_those_of_the_models() -> None:
    assert listing.kept() == listing.count_all(), "make counts"


def test_no_model_is_built_to_list_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(listing, "TorchSide")
    entries = [listing.describe(paper) for paper in registry.discover().values()]
    assert entries[1]["variants"]["1998"]["paper"] == {"parameters": 60_000}


def test_a_new_paper_is_counted_by_building_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lenet = registry.find("lenet")
    before = listing.describe(lenet)
    monkeypatch.setattr(listing, "kept", lambda: {"lenet": {"modern": {"tiny": 1}}})
    found = listing.describe(lenet)
    assert found["variants"].pop("modern")["tiny"] == {"parameters": 1}
    assert found["variants"] == {"1998": before["variants"]["1998"]}
