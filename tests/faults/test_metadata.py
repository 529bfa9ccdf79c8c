"""Runs whose files say something wrong: a hundred each here, all of them by ``make faults``."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.faults.instants import CASES, new
from tests.faults.metadata import WRONG, Victim
from tinygrad_lab import checkpoint
from tinygrad_lab.lab.errors import UsageError

COUNT = 60  # of each paper and side
KNOWN = [  # once taken, in words or silently: the way below the run, and what stood there
    (("config", "seed"), "negative"), (("config", "epochs"), "huge"), (("config", "text"), "text"),
    (("config", "width"), "huge"), (("position", "step"), "empty"), (("position", "size"), "NaN"),
    (("position", "history"), "true"), (("position", "history", 0), "removed"), (("position", "history", 0), "object"),
    (("position", "history", 0, "training loss"), "NaN"), (("position", "history", 0, "training loss"), "negative"),
    (("position", "losses"), "removed"), (("position", "losses", 0), "infinite"), (("position", "batches"), "null"),
    (("position", "batches"), "negative"), (("position", "batches", "seed"), "negative"),
]  # fmt: skip


@pytest.fixture(scope="module", params=[(slug, side) for slug in CASES for side in ("numpy", "torch")], ids="-".join)
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    slug, side = request.param
    return Victim(slug, side, tmp_path_factory.mktemp(f"{slug}-{side}"))


def test_a_wrong_file_is_the_same_run_or_is_refused_in_one_line(victim: Victim) -> None:
    draw = Random(victim.paper.slug)
    verdicts = {wrong: victim.judged(*wrong) for wrong in draw.sample([*victim.wrongs()], COUNT)}
    assert {wrong: said for wrong, said in verdicts.items() if said not in ("refused", "the same")} == {}
    assert sum(said == "refused" for said in verdicts.values()) > COUNT / 2


def test_what_was_taken_once_is_refused(victim: Victim) -> None:
    (root,) = victim.about
    known = [(way, kind) for way, kind in KNOWN if way[0] != "config" or way[1] in victim.about[root]["config"]]
    verdicts = {(way, kind): victim.judged((root, *way), kind) for way, kind in known}
    assert {wrong: said for wrong, said in verdicts.items() if said != "refused"} == {}


def test_a_schedule_of_another_step_is_refused(victim: Victim) -> None:
    (root,) = victim.about
    saved = victim.about[root]["scheduler"]
    if root == "training":
        verdict = victim.judged((root, "scheduler", "state", "last_epoch"), "negative")
    else:
        place = next(number for number, (name, _) in enumerate(saved["dict"]) if name == "last_epoch")
        verdict = victim.judged((root, "scheduler", "dict", place, 1), "negative")
    assert verdict == "refused"


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_nothing_has_changed_when_the_last_part_does_not_fit(side: str, tmp_path: Path) -> None:
    run = new("lora", side, tmp_path)
    run.run()
    tensors, about = checkpoint.load(run.path)
    (root,) = about
    about[root]["position"]["history"][0]["training loss"] = float("nan")
    checkpoint.save(run.path, tensors, about)
    other = new("lora", side, tmp_path)
    before = _standing(other)
    with pytest.raises(UsageError, match=r"history\[0\]: training loss must be a number from 0 to"):
        other.resume()
    after = _standing(other)
    for name, value in before["weights"].items():
        np.testing.assert_array_equal(after["weights"][name], value)
    assert before["rest"] == after["rest"]


def _standing(run: Any) -> dict[str, Any]:
    rest = (run.step, run.losses, run.history, run.batches.state(), run.scheduler.state_dict(), run.optimizer.state)
    return {"weights": run.side.state(run.model), "rest": repr((*rest, run.side.random_state()))}


def test_the_judge_sees_another_run(tmp_path: Path) -> None:
    victim = Victim("dropout", "numpy", tmp_path)
    victim.whole = {**victim.whole, "step": victim.whole["step"] + 1}
    assert victim.judged(("training", "position", "seconds"), "true") == "refused"
    assert victim.judged(("training", "position", "vocabularies"), "null") == "another run"
    assert set(WRONG) >= {"removed", "null", "negative", "huge", "NaN", "empty", "deep"}
