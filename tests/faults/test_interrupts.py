"""Runs that were stopped, at whatever instant and however, end as if they had not been."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.faults.instants import CASES, HOW, PLACES, differences, everything, go_through, new, random_instant, taken_up
from tests.faults.kills import killed, remains, started
from tests.lab.command import run
from tinygrad_lab import checkpoint
from tinygrad_lab.files import alone
from tinygrad_lab.lab import training
from tinygrad_lab.lab.errors import StoppedError
from tinygrad_lab.stopping import StopRequest

ROOT = Path(__file__).parent.parent.parent
SIDES = ("numpy", "torch")
SHORT = ("--size", "tiny", "--dataset", "digits", "--batch-size", "256")

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # fork; the children touch no thread
    pytest.mark.filterwarnings("ignore:.*optimizer.step:UserWarning"),  # it is watched, or not wanted
]


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """What the runs end with that are never stopped."""
    found = {}
    for slug in CASES:
        for side in SIDES:
            whole = new(slug, side, tmp_path_factory.mktemp(f"{slug}-{side}"))
            whole.run()
            found[slug, side] = everything(whole)
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("slug", CASES)
def test_a_run_stopped_again_and_again_is_the_run_that_never_was(
    slug: str, side: str, place: str, wholes: dict, tmp_path: Path
) -> None:
    draw = Random(f"{slug} {side} {place}")
    instants = [random_instant(draw, side, place) for _ in HOW]
    _, differing = go_through(slug, side, tmp_path, instants, wholes[slug, side])
    assert differing == [], instants


@pytest.mark.parametrize("side", SIDES)
def test_an_evaluation_that_was_stopped_has_drawn_nothing(side: str, tmp_path: Path) -> None:
    def evaluate(run: Any, ending: bool) -> Any:
        def metrics(*_: Any) -> dict[str, float]:
            drawn = run.side.generator.random() if side == "numpy" else run.side.torch.rand(()).item()
            if ending and not run.history:
                raise StopRequest(130)
            return {"drawn": drawn}

        return metrics

    whole = new("dropout", side, tmp_path / "whole")
    whole.side.evaluate = evaluate(whole, False)  # type: ignore[method-assign]
    whole.run()
    stopped = new("dropout", side, tmp_path / "stopped")
    stopped.side.evaluate = evaluate(stopped, True)  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        stopped.run()
    again = taken_up("dropout", side, tmp_path / "stopped")
    again.side.evaluate = evaluate(again, False)  # type: ignore[method-assign]
    again.run()
    assert differences(everything(whole), everything(again)) == []


def test_the_comparison_sees_a_bit(wholes: dict) -> None:
    whole = wholes["lora", "numpy"]
    name, tensor = next(iter(whole["tensors"].items()))
    other = np.nextafter(tensor, np.inf)
    history = {**whole["position"], "history": whole["position"]["history"][:-1]}
    assert differences(whole, {**whole, "tensors": {**whole["tensors"], name: other}}) == [name]
    assert differences(whole, {**whole, "position": history}) == ["position"]


# ---- the command, as people stop it ----------------------------------------------------------------------------------


def train(folder: Path, *words: str) -> list[str]:
    return ["train", "dropout", *SHORT, "--out", str(folder), *words]


def finished(folder: Path) -> dict[str, Any]:
    """History and weights of a folder's run."""
    tensors, about = checkpoint.load(folder / training.CHECKPOINT)
    position = about["training"]["position"]
    return {"history": position["history"], "step": position["step"], "w": {n: t.tobytes() for n, t in tensors.items()}}


def test_a_killed_command_goes_on(tmp_path: Path) -> None:
    words = (*SHORT, "--epochs", "6", "--save-every", "0")
    begin = time.perf_counter()
    assert run(*train(tmp_path / "whole", *words)).code == 0
    took, draw = time.perf_counter() - begin, Random(1)
    for number in range(4):
        folder = tmp_path / str(number)
        killed(lambda folder=folder: run(*train(folder, *words)), draw.uniform(0.2, 1.0) * took)
        begun = (folder / training.CHECKPOINT).exists()
        result = run("train", "dropout", "--out", str(folder), *(("--resume",) if begun else words))
        assert result.code == 0, result.err
        assert finished(folder) == finished(tmp_path / "whole")
        assert remains(folder) == []


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def asked_to_stop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Exit code and stderr of a command that was sent this signal in the middle of its run."""
    program = [sys.executable, "-m", "tinygrad_lab", *train(tmp_path, "--epochs", "2000")]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as child:
        while not (tmp_path / training.CHECKPOINT).exists():
            time.sleep(0.01)
        time.sleep(0.3)
        child.send_signal(request.param)
        _, err = child.communicate(timeout=30)
    yield child.returncode, err
    assert child.returncode == 128 + request.param


def test_a_signal_stops_with_its_code_and_a_line(asked_to_stop: tuple[int, str], tmp_path: Path) -> None:
    line = asked_to_stop[1].splitlines()[-1]
    assert re.search(r"stopped at step \d+ of 12000; saved .*last\.safetensors at step \d+: --resume goes on", line)
    assert "Traceback" not in asked_to_stop[1]
    assert finished(tmp_path)["step"] > 0
    assert remains(tmp_path) == []


# ---- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_more_epochs_go_on_with_the_schedule_of_the_longer_run(side: str, tmp_path: Path) -> None:
    assert run(*train(tmp_path, "--side", side, "--epochs", "2")).code == 0
    result = run("train", "dropout", "--out", str(tmp_path), "--resume", "--epochs", "3")
    assert result.code == 0, result.err
    long = new("dropout", side, tmp_path / "long")
    _, about = checkpoint.load(tmp_path / training.CHECKPOINT)
    saved = about.get("training") or about["torch"]
    assert saved["config"]["epochs"] == 3
    assert saved["position"]["step"] == 18
    assert len(saved["position"]["history"]) == 3
    _, scheduler = long.side.optimizer(long.model, replace(long.config, epochs=3), 18)
    for _ in range(18):
        scheduler.step()
    rates = saved["optimizer"]["groups"] if side == "numpy" else [dict(saved["scheduler"]["dict"])]
    shown = rates[0]["lr"] if side == "numpy" else rates[0]["_last_lr"]["list"][0]
    assert shown == scheduler.get_last_lr()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch-size", "99"), "--batch-size 256, not 99"),
        (("--epochs", "1"), "--epochs 2, not 1"),
        (("--side", "torch"), "--side numpy, not torch"),
        (("--size", "small"), "--size tiny, not small"),
        (("--variant", "standard"), "--variant dropout, not standard"),
        (("--batch-size", "99", "--seed", "3"), "--batch-size 256, not 99; --seed 0, not 3"),
    ],
)
def test_options_that_are_not_those_of_the_run_are_refused_by_name(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    assert run(*train(tmp_path, "--epochs", "2")).code == 0
    before = (tmp_path / training.CHECKPOINT).read_bytes()
    result = run("train", "dropout", "--out", str(tmp_path), "--resume", *words)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert said in result.err
    assert (tmp_path / training.CHECKPOINT).read_bytes() == before


def test_the_same_options_again_are_taken(tmp_path: Path) -> None:
    assert run(*train(tmp_path, "--epochs", "2")).code == 0
    assert run(*train(tmp_path, "--epochs", "2", "--resume", "--side", "numpy")).code == 0


@pytest.mark.parametrize("slug", ["autoencoder", "alexnet"])
def test_fields_that_are_tuples_do_not_differ_from_themselves(slug: str, tmp_path: Path) -> None:
    words = ("--side", "torch", "--size", "tiny", "--epochs", "1", "--batch-size", "900", "--out", str(tmp_path))
    assert run("train", slug, *words).code == 0
    assert run("train", slug, *words, "--resume").code == 0


def test_a_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    def work() -> None:
        with alone(tmp_path):
            (tmp_path / "ready").touch()
            time.sleep(60)

    child = started(work)
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    result = run(*train(tmp_path))
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert f"in use by process {child}" in result.err
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert run(*train(tmp_path, "--epochs", "1")).code == 0
    assert remains(tmp_path) == []


# ---- runs that must not go on ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_checkpoint(side: str, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):
        result = run(*train(tmp_path, "--side", side, "--learning-rate", "1e30", "--save-every", "0"))
    assert result.code == 1
    assert re.search(
        r"(the loss of step \d+ of \d+ is (nan|inf)|step \d+ of \d+ has spoiled .*); .* is of step \d+", result.err
    )
    tensors, _ = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("slug", ["lenet", "lstm", "dropout"])
def test_a_run_that_diverges_says_where_at_once_and_nothing_else(slug: str, side: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        result = run("train", slug, "--size", "tiny", "--side", side, "--learning-rate", "1e38", "--out", str(tmp_path))
    assert (result.code, len(result.err.splitlines())) == (1, 1), result.err
    assert re.search(r"step [1-4] of \d+ (is|overflows|has spoiled)", result.err)
    assert "a learning rate below 1e+38, in another --out, may help" in result.err


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = new("dropout", "numpy", tmp_path / "whole")
    whole.run()
    before, calls = os.replace, iter(range(100))

    def full_at_the_second(*arguments: Any) -> None:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        before(*arguments)

    with monkeypatch.context() as full:
        full.setattr(os, "replace", full_at_the_second)
        with pytest.raises(checkpoint.CheckpointError, match=r"No space left.*at step 0: --resume goes on"):
            new("dropout", "numpy", tmp_path / "parts").run()
    again = new("dropout", "numpy", tmp_path / "parts")
    again.resume()
    again.run()
    assert differences(everything(whole), everything(again)) == []


def test_a_clock_that_is_set_back_makes_no_file_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000, 0, -1))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    assert run(*train(tmp_path, "--epochs", "1")).code == 0
    result = run("train", "dropout", "--out", str(tmp_path), "--resume", "--epochs", "2")
    assert result.code == 0, result.err


# ---- outputs are tried before the work -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file/sub", "file", "fifo", "loop", "loop/sub"])
@pytest.mark.parametrize("option", ["--out", "--json"])
def test_an_output_that_cannot_be_is_found_before_the_work(
    place: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setattr(training, "Training", None)  # none is made
    result = run("train", "dropout", *SHORT, option, str(tmp_path / place))
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert option in result.err
    assert (tmp_path / "file").read_text() == "mine"


def test_brackets_in_a_name_are_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "a[" / "]b"
    result = run(*train(folder, "--epochs", "1"))
    assert result.code == 0, result.err
    assert str(folder / training.CHECKPOINT) in result.out


def test_only_a_report_of_the_same_command_is_replaced(tmp_path: Path) -> None:
    report, other = tmp_path / "run.json", tmp_path / "package.json"
    other.write_text('{"name": "mine"}')
    assert run(*train(tmp_path / "a", "--epochs", "1", "--json", str(report))).code == 0
    assert run(*train(tmp_path / "b", "--epochs", "2", "--json", str(report))).code == 0
    assert json.loads(report.read_text())["steps"] == 12
    for name, words in ((other, train(tmp_path / "c")), (report, ["papers"])):
        before = name.read_text()
        result = run(*words, "--json", str(name))
        assert result.code == 2
        assert "is there already and was not written by" in result.err
        assert name.read_text() == before
