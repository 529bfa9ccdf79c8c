"""Long training runs on both sides: parts add up to the whole, nothing is lost in a kill, nothing overwritten."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from papers.llama import data as engine_data
from papers.llama import train_advanced as engine
from papers.llama.train import train as engine_train
from reference.llama import saving
from reference.llama import train_advanced as reference
from reference.llama.data import training_batch
from reference.llama.train import train as reference_train
from tests.papers.test_twins import outline
from tinygrad_lab import checkpoint, no_grad
from tinygrad_lab.data.batches import as_tensors
from tinygrad_lab.data.text import TextData

ROOT = Path(__file__).parent.parent.parent
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 20
SMALL = ["--size", "tiny", "--vocab-size", "96", "--context", "8", "--batch-size", "4", "--windows", "24"]
OPTIONS = [*SMALL, "--epochs", "2", "--learning-rate", "0.02", "--evaluate-every", "5"]


@pytest.fixture(autouse=True)
def short_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    monkeypatch.setattr(engine_data, "load_text", lambda name: TextData(TEXT, name, "here", str(len(TEXT)), "none"))


def start_engine(folder: Path, *options: str) -> Any:
    return engine.start(engine.parse([*OPTIONS, "--out", str(folder), *options]))


def start_reference(folder: Path, *options: str) -> Any:
    arguments = [*OPTIONS, "--out", str(folder), "--text", str(folder.parent / "text.txt"), *options]
    return reference.start(reference.parse(arguments), torch.device("cpu"))


SIDES = pytest.mark.parametrize("start", [start_engine, start_reference])


def weights(run: Any) -> list[np.ndarray]:
    return [np.asarray(value) for value in run.model.state_dict().values()]


def finished(start: Callable, folder: Path, *options: str) -> Any:
    run = start(folder, *options)
    run.go_on(folder)
    return run


def test_both_sides_read_alike() -> None:
    ours, theirs = (outline(ROOT / side / "llama" / "train_advanced.py") for side in ("papers", "reference"))
    common = [name for name in ours if name in theirs]
    assert common == [name for name in theirs if name in ours]
    assert set(ours) - set(theirs) == {"cut"}
    assert set(theirs) - set(ours) == {"Run.identity", "given"}


# ---- the same numbers ------------------------------------------------------------------------------------------------


def test_without_options_it_is_the_plain_loop_of_the_engine(tmp_path: Path) -> None:
    run, plain = finished(start_engine, tmp_path / "run"), start_engine(tmp_path / "other")
    batches = as_tensors(batch for _ in range(2) for batch in plain.batches)
    assert list(engine_train(plain.model, plain.optimizer, plain.scheduler, batches)) == run.losses
    assert len(run.losses) == run.steps == 12


def test_without_options_it_is_the_plain_loop_of_pytorch(tmp_path: Path) -> None:
    run = finished(start_reference, tmp_path / "run")
    plain = reference.Run(run.config, run.recipe, run.tokens, run.device)
    batches = [training_batch(plain.tokens.train, plain.config, step) for step in range(12)]
    assert list(reference_train(plain.model, plain.optimizer, plain.scheduler, batches)) == run.losses


@SIDES
def test_accumulated_parts_add_up_to_the_batch(start: Callable, tmp_path: Path) -> None:
    whole, parts = (finished(start, tmp_path / n, "--accumulate", n) for n in ("1", "4"))
    np.testing.assert_allclose(whole.losses, parts.losses, rtol=2e-5)
    assert whole.losses != parts.losses


@SIDES
def test_recomputed_blocks_change_no_bit(start: Callable, tmp_path: Path) -> None:
    kept, again = finished(start, tmp_path / "a"), finished(start, tmp_path / "b", "--recompute")
    assert kept.losses == again.losses
    assert all(np.array_equal(x, y) for x, y in zip(weights(kept), weights(again), strict=True))


def test_bfloat16_is_close_and_keeps_weights_in_float32(tmp_path: Path) -> None:
    exact, mixed = (finished(start_reference, tmp_path / name, "--precision", name) for name in ("float32", "bfloat16"))
    np.testing.assert_allclose(mixed.losses, exact.losses, rtol=0.02)
    assert mixed.losses != exact.losses
    assert all(value.dtype == torch.float32 for value in mixed.model.state_dict().values())


def test_compiled_blocks_give_the_same_losses(tmp_path: Path) -> None:
    """With the tracer alone: what a real backend makes of it is its own affair.

    In a process of its own, without the tests' checks of shapes, which are no part of what is to be traced.
    """
    eager = finished(start_reference, tmp_path / "a")
    where = ["--out", str(tmp_path / "b"), "--text", str(tmp_path / "text.txt"), "--compile", "eager"]
    program = [sys.executable, "-m", "reference.llama.train_advanced", *OPTIONS, *where]
    subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tensors, about = saving.load(tmp_path / "b" / reference.LAST)
    np.testing.assert_allclose(about["losses"], eager.losses, rtol=1e-6)
    assert {f"model.{name}" for name in eager.model.state_dict()} <= set(tensors)


# ---- stopped and taken up again --------------------------------------------------------------------------------------


class StopError(Exception):
    """Thrown by a test in the middle of a run."""


def stopped(start: Callable, folder: Path, step: int, *options: str) -> None:
    run = start(folder, *options)
    step_of = run.train_step

    def train_step() -> float:
        if run.step == step:
            raise StopError
        return step_of()

    run.train_step = train_step
    with pytest.raises(StopError):
        run.go_on(folder)


@SIDES
@pytest.mark.parametrize("step", [6, 11])  # in the first and in the second pass over the windows
def test_a_resumed_run_is_the_run_that_was_never_stopped(start: Callable, step: int, tmp_path: Path) -> None:
    whole = finished(start, tmp_path / "whole", "--accumulate", "2")
    stopped(start, tmp_path / "parts", step, "--accumulate", "2")
    again = start(tmp_path / "parts", "--accumulate", "2", "--resume")
    assert again.step == 5 * (step // 5)
    again.go_on(tmp_path / "parts")
    assert (again.losses, again.history, again.best) == (whole.losses, whole.history, whole.best)
    assert all(np.array_equal(x, y) for x, y in zip(weights(again), weights(whole), strict=True))


@contextmanager
def watched(run: Any, place: str, tick: Callable[[], None]) -> Iterator[None]:
    """Call ``tick`` with the first weights moved and the others not, in an evaluation, or before a renaming."""
    step, evaluate, rename = run.optimizer.step, run.evaluate, os.replace
    first = run.optimizer.param_groups[0]["params"][0]

    def half_a_step() -> None:
        kept = first.detach().numpy().copy()
        with no_grad():
            writable = first.detach().numpy() if isinstance(first, torch.Tensor) else first.writable()
        writable += 1
        tick()
        writable[...] = kept
        step()

    def evaluation() -> dict[str, float]:
        tick()
        return evaluate()

    def renaming(*places: Any) -> None:
        tick()
        rename(*places)

    changed = {"update": (run.optimizer, "step", half_a_step), "evaluation": (run, "evaluate", evaluation),
               "saving": (os, "replace", renaming)}  # fmt: skip
    with mock.patch.object(*changed[place]):
        yield


def interrupted(run: Any, folder: Path, place: str, count: int, number: int | None) -> None:
    """Go on until the place has been reached so often; there a signal comes, or what is at work breaks off."""
    left = iter(range(count, -1000, -1))

    def tick() -> None:
        if next(left) == 1:
            if number is None:
                raise KeyboardInterrupt
            signal.raise_signal(number)

    with (
        watched(run, place, tick),
        pytest.raises((KeyboardInterrupt, engine.StopRequest, reference.StopRequest)) as end,
    ):
        run.go_on(folder)
    assert number is None or end.value.code == 128 + number


@pytest.mark.filterwarnings("ignore:.*optimizer.step:UserWarning")  # it is watched
@SIDES
@pytest.mark.parametrize(("place", "counts"), [("update", (4, 1, 3)), ("evaluation", (1, 2, 1)), ("saving", (2, 2, 2))])
def test_stopped_at_any_instant_it_ends_as_if_it_had_not_been(
    place: str, counts: tuple[int, ...], start: Callable, tmp_path: Path
) -> None:
    whole, folder = finished(start, tmp_path / "whole"), tmp_path / "parts"
    for count, number in zip(counts, (signal.SIGINT, None, signal.SIGTERM), strict=True):
        resume = ["--resume"] if (folder / engine.LAST).exists() else []
        interrupted(start(folder, *resume), folder, place, count, number)
    again = start(folder, "--resume")
    again.go_on(folder)
    assert (again.losses, again.history, again.best) == (whole.losses, whole.history, whole.best)
    assert all(np.array_equal(x, y) for x, y in zip(weights(again), weights(whole), strict=True))


@pytest.mark.parametrize("side", [engine, reference])
def test_the_folder_is_enough_to_go_on_and_more_epochs_can_be_asked_for(side: Any, tmp_path: Path) -> None:
    text = ["--text", str(tmp_path / "text.txt")] if side is reference else []
    side.main([*OPTIONS, "--accumulate", "2", "--out", str(tmp_path / "run"), *text])
    side.main(["--out", str(tmp_path / "run"), "--resume", "--epochs", "3"])
    assert step_of(tmp_path / "run" / engine.LAST) == 18
    assert "variant was 'llama', is 'gelu'" in refused(side, tmp_path / "run", "--resume", "--variant", "gelu")
    assert "size was 'tiny', is 'small'" in refused(side, tmp_path / "run", "--resume", "--size", "small")
    assert "epochs" in refused(side, tmp_path / "run", "--resume", "--epochs", "1")
    assert sorted(os.listdir(tmp_path / "run")) == [engine.BEST, engine.LAST]


@pytest.mark.parametrize("side", [engine, reference])
def test_a_loss_that_is_no_number_ends_the_run(side: Any, tmp_path: Path) -> None:
    text = ["--text", str(tmp_path / "text.txt")] if side is reference else []
    with np.errstate(all="ignore"), pytest.raises(SystemExit, match=r"(is nan|is inf|has spoiled).*is of before that"):
        side.main([*OPTIONS, "--learning-rate", "1e30", "--out", str(tmp_path / "run"), *text])
    assert step_of(tmp_path / "run" / engine.LAST) == 0


@SIDES
def test_the_best_checkpoint_is_of_the_smallest_loss(start: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = start(folder)
    made = iter([3.0, 2.0, 2.5])
    run.evaluate = lambda: {"loss": next(made)}
    run.go_on(folder)
    assert run.best == 2.0
    assert [step_of(folder / name) for name in (engine.BEST, engine.LAST)] == [10, 12]


def step_of(path: Path) -> int:
    _, about = checkpoint.load(path)
    return about["training"]["position"]["step"] if "training" in about else saving.load(path)[1]["step"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork; the child touches no thread
def test_a_killed_run_of_the_engine_goes_on(tmp_path: Path) -> None:
    whole = finished(start_engine, tmp_path / "whole", "--epochs", "10")
    child = os.fork()
    if not child:
        finished(start_engine, tmp_path / "killed", "--epochs", "10")
        os._exit(0)
    wait_for(tmp_path / "killed" / engine.LAST)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    again = start_engine(tmp_path / "killed", "--epochs", "10", "--resume")
    assert again.step < again.steps
    again.go_on(tmp_path / "killed")
    assert again.losses == whole.losses


def wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} has not been written")


def torchrun(folder: Path, *options: str) -> list[str]:
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    where = ["--out", str(folder), "--text", str(folder.parent / "text.txt")]
    return [*program, "-m", "reference.llama.train_advanced", *OPTIONS, *where, *options]


def test_two_processes_make_the_steps_of_one_killed_and_resumed(tmp_path: Path) -> None:
    """Killed with DDP, resumed with FSDP2: every loss is that of one process that accumulates two parts, to the bit."""
    long = ["--epochs", "20"]
    whole = finished(start_reference, tmp_path / "whole", "--accumulate", "2", *long)
    folder = tmp_path / "shared"
    with subprocess.Popen(torchrun(folder, *long), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        wait_for(folder / reference.LAST)
        os.killpg(run.pid, signal.SIGKILL)
    stopped_at = step_of(folder / reference.LAST)
    assert stopped_at < whole.steps
    options = [*long, "--resume", "--parallel", "fsdp", "--recompute"]
    subprocess.run(torchrun(folder, *options), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tensors, about = saving.load(folder / reference.LAST)
    assert about["losses"] == whole.losses
    for name, value in whole.model.state_dict().items():
        assert torch.equal(tensors[f"model.{name}"], value)


# ---- refused ---------------------------------------------------------------------------------------------------------


def refused(side: Any, folder: Path, *options: str) -> str:
    """The one line on which the command ends; the checkpoint is as it was."""
    before = (folder / engine.LAST).read_bytes() if (folder / engine.LAST).exists() else None
    text = ["--text", str(folder.parent / "text.txt")] if side is reference else []
    with pytest.raises(SystemExit) as end:
        side.main([*OPTIONS, "--out", str(folder), *text, *options])
    assert before is None or (folder / engine.LAST).read_bytes() == before
    assert "\n" not in str(end.value)
    return str(end.value)


@pytest.mark.parametrize(("side", "start"), [(engine, start_engine), (reference, start_reference)])
def test_another_configuration_is_refused_and_nothing_overwritten(side: Any, start: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    stopped(start, folder, 6)
    assert "exists: pass --resume" in refused(side, folder)
    assert "learning_rate" in refused(side, folder, "--resume", "--learning-rate", "0.5")
    assert "windows" in refused(side, folder, "--resume", "--windows", "48")
    whole = (folder / engine.LAST).read_bytes()
    (folder / engine.LAST).write_bytes(whole[: len(whole) // 2])
    assert str(folder / engine.LAST) in refused(side, folder, "--resume")
    (folder / engine.LAST).unlink()
    assert str(folder / engine.LAST) in refused(side, folder, "--resume")


@pytest.mark.parametrize("side", [engine, reference])
def test_impossible_recipes_are_refused(side: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert "accumulate must be at least 1, got 0" in refused(side, folder, "--accumulate", "0")
    assert "heads must divide" in refused(side, folder, "--heads", "3")
    assert not folder.exists()


def test_batches_that_cannot_be_shared_are_refused(tmp_path: Path) -> None:
    assert "batch_size must be a multiple of 3 parts, got 4" in refused(engine, tmp_path / "a", "--accumulate", "3")
    with pytest.raises(ValueError, match="batch_size must be a multiple"):
        start_reference(tmp_path / "b", "--accumulate", "3").train_step()
    assert "precision must be one of" in refused(reference, tmp_path / "c", "--precision", "float8")
    assert "parallel must be one of" in refused(reference, tmp_path / "c", "--parallel", "pipeline")


@SIDES
def test_another_text_is_refused(start: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(start, tmp_path / "run", 6)
    other = TEXT.upper()
    (tmp_path / "text.txt").write_text(other)
    monkeypatch.setattr(engine_data, "load_text", lambda name: TextData(other, name, "here", "another", "none"))
    with pytest.raises((ValueError, checkpoint.CheckpointError), match="text"):
        start(tmp_path / "run", "--resume")
