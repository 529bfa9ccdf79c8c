"""A study that was stopped goes on where it was, to the same bits; what is left to do is told."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from papers.dropout.config import VARIANTS
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import ahead, claims, kept
from tinygrad_lab.lab.study.pace import Pace
from tinygrad_lab.lab.study.workbench import FURTHER, Lab, Run

PAPER = registry.find("dropout")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(PAPER, None, True, tmp_path)


def train(lab: Lab, seed: int = 0, side: str = "numpy", **asked: object) -> Run:
    config = replace(VARIANTS["dropout"]["small"], dataset="blobs", inputs=2, hidden=(4,), classes=2, drop_input=0.0)
    return lab.train(replace(config, train_items=20, batch_size=10, epochs=2, seed=seed), seed, side, "blobs", **asked)


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_run_that_was_made_is_taken_over_with_its_model_and_its_noise(
    lab: Lab, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(lab, side=side)
    monkeypatch.setattr(Lab, "_made", None)
    again = train(Lab(PAPER, None, True, lab.folder), side=side)
    assert json.dumps(again.record()) == json.dumps(first.record())
    for name, value in lab.side(side).state(first.model).items():
        np.testing.assert_array_equal(lab.side(side).state(again.model)[name], value)
    if side == "numpy":
        np.testing.assert_array_equal(*(drawn(run) for run in (first, again)))


def drawn(run: Run) -> np.ndarray:
    """What a network in training mode says, with units dropped."""
    with no_grad():
        return run.model.train()(Tensor(np.ones((5, 2), np.float32))).numpy().copy()


def test_any_other_run_is_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    train(lab)
    made = []
    original = Lab._made
    monkeypatch.setattr(Lab, "_made", lambda self, *given: (made.append(1), original(self, *given))[1])
    train(lab)
    train(lab, seed=1)
    train(lab, side="torch")
    train(lab, each_epoch=True)
    train(lab, until=lambda look: True)
    train(lab, weights={"output.bias": np.ones(2, np.float32)})
    train(lab, watch=lambda model: None)  # what it saw is not kept
    train(lab, watch=lambda model: None)
    monkeypatch.setattr(kept, "sources", lambda: "changed")
    train(lab)
    assert len(made) == 8


def test_a_damaged_one_is_made_again(lab: Lab) -> None:
    first = train(lab)
    (path,) = lab.kept.folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    assert train(lab).losses == first.losses


def test_a_study_that_is_stopped_goes_on_and_forgets_its_runs_when_it_is_done(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, original = [], Lab._made

    def count(self: Lab, *given: object) -> Run:
        if len(made) == 2:
            made.append("stopped")
            raise KeyboardInterrupt
        made.append("run")
        return original(self, *given)

    class Experiment:
        @staticmethod
        def measure(lab: Lab) -> None:
            runs = [train(lab, seed).record("seconds") for seed in range(4)]
            (lab.folder / "done.json").write_text(json.dumps(runs), encoding="utf-8")

    monkeypatch.setattr(claims, "part", lambda paper, name: Experiment)
    monkeypatch.setattr(Lab, "_made", count)
    with pytest.raises(KeyboardInterrupt):
        claims.measure(PAPER, lab)
    claims.measure(PAPER, lab)
    assert made == ["run", "run", "stopped", "run", "run"]
    assert not lab.kept.folder.exists()
    assert len((lab.folder / "log.txt").read_text(encoding="utf-8").splitlines()) == 4
    done = (lab.folder / "done.json").read_bytes()
    claims.measure(PAPER, lab)
    assert (lab.folder / "done.json").read_bytes() == done


def test_the_pace_is_that_of_the_last_log_on_this_machine() -> None:
    log = (
        "\n".join(f"2026-01-02 03:04:05  a, 0.1 seed {seed} (numpy): error 1.2, 60 s" for seed in (0, 1, 2, 3))
        + "\n2026-01-02 03:04:05  something else: 3 s"
    )
    pace = Pace(log)
    assert pace.after("a, 0.1 seed 0 (numpy)", 120.0) == "run 1 of 4, about 6 min of training left"
    assert pace.after("new seed 0 (numpy)", 5.0) == "run 2 of 5, about 6 min of training left"
    assert Pace("").after("a seed 0 (numpy)", 1.0) == "run 1"


def test_the_pace_of_runs_that_no_log_knows_is_that_of_the_runs_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_lab.lab.study.pace.cores", lambda: 2)
    pace = Pace("2026-01-02 03:04:05  a seed 0 (numpy): error 1.2, 60 s")
    pace.side_by_side(4)
    assert pace.after("b seed 0 (numpy)", 100.0) == "run 1, 1 of 4 of these, which take about 2 min more"
    assert pace.after("b seed 1 (numpy)", 20.0) == "run 2, 2 of 4 of these, which take about 1 min more"
    pace.side_by_side(1)
    pace.after("c seed 0 (numpy)", 1.0)
    assert pace.after("alone seed 0 (numpy)", 1.0) == "run 4"


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_runs_made_together_are_those_made_one_after_the_other_and_told_once(
    lab: Lab, tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [train(Lab(PAPER, None, True, tmp_path / "alone"), seed, side) for seed in range(3)]
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    for _ in range(2):  # the second time all of them are kept
        (lab.folder / "log.txt").unlink(missing_ok=True)
        runs = lab.together([partial(train, lab, seed, side) for seed in range(3)])
        assert [run.losses for run in runs] == [run.losses for run in alone]
        told = (lab.folder / "log.txt").read_text(encoding="utf-8").splitlines()
        assert sorted(line.split("  ")[1].split(":")[0] for line in told) == [
            f"blobs seed {s} ({side})" for s in range(3)
        ]
        monkeypatch.setattr(Lab, "_made", None)


def test_a_run_that_fails_in_its_process_fails_again_where_it_can_be_seen(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        lab.together([partial(train, lab, 0), lambda: 1 / 0])
    assert len(list(lab.kept.folder.glob("*.safetensors"))) == 1


def test_a_killed_study_leaves_no_process_behind(tmp_path: Path) -> None:
    """The study is killed while two calls wait; each ends after the call in hand, and no third one is made."""
    script = (
        "import os, time\nfrom tinygrad_lab.lab.study import ahead\nahead.cores = lambda: 2\n"
        "def wait():\n    os.write(1, b'%d\\n' % os.getpid())\n    time.sleep(1)\n"  # whole, whoever else writes
        "ahead.make_ahead([wait] * 6, ahead.Reports(print))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as study:
        assert study.stdout
        first = [int(study.stdout.readline()) for _ in range(2)]
        study.kill()
        rest = study.stdout.read()  # ends when nobody holds the pipe any more
    assert rest == ""
    assert len(set(first)) == 2


def test_what_runs_start_from_is_made_once(lab: Lab) -> None:
    config, made = VARIANTS["dropout"]["small"], []

    def prepared(seed: int = 0, label: str = "ones") -> np.ndarray:
        return lab.prepared(config, seed, label, lambda: (made.append(label), {"weight": np.full(3, seed + 1.0)})[1])[
            "weight"
        ]

    assert prepared().tolist() == prepared().tolist() == [1.0, 1.0, 1.0]
    assert made == ["ones"]
    assert prepared(seed=1).tolist() == [2.0, 2.0, 2.0]
    prepared(label="others")
    assert made == ["ones", "ones", "others"]


def test_rates_are_tried_from_the_weights_that_are_given(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(ahead, "cores", lambda: 1)
    monkeypatch.setattr(Lab, "train", lambda *_, weights, **__: given.append(weights))
    weights = {"weight": np.ones(2)}
    lab.bracket(lambda rate: VARIANTS["dropout"]["small"], [0.1, 0.2], "x", lambda run: 0.0, weights=weights)
    assert given == [weights, weights]


@pytest.mark.parametrize(
    ("best", "tried"),
    [(0.1, [0.03, 0.1, 0.3]), (1.0, [0.03, 0.1, 0.3, 0.9, 2.7]), (0.009, [0.0027, 0.009, 0.03, 0.1, 0.3])],
)
def test_rates_are_tried_until_the_best_lies_between_two_others(
    best: float, tried: list[float], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.quick = False
    monkeypatch.setattr(Lab, "sweep", lambda self, configs, *_: {f"{c:g}": abs(np.log(c / best)) for c in configs})
    assert [float(rate) for rate in lab.bracket(lambda rate: rate, [0.03, 0.1, 0.3], "x", lambda run: 0.0)] == tried
    largest = lab.bracket(lambda rate: rate, [0.03, 0.1, 0.3], "x", lambda run: 0.0, largest=True)
    assert len(largest) == 3 + FURTHER
