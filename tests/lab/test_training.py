"""tinygrad-lab train: both sides, options from the configuration, checkpoints and exact resume."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.lab.command import run
from tinygrad_lab import checkpoint
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import StoppedError, UsageError
from tinygrad_lab.lab.training import Training, start

FAST = ("--dataset", "digits", "--epochs", "2", "--batch-size", "128", "--image-size", "16", "--c5-maps", "8")


def training(side: str, folder: Path) -> Training:
    paper = registry.find("lenet")
    config = replace(
        registry.configuration(paper, "1998", "tiny"), dataset="digits", epochs=2, batch_size=256, distort=True
    )
    return Training(paper, side, config, folder)


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_train_prints_a_summary_and_saves(side: str, tmp_path: Path) -> None:
    result = run("train", "lenet", "--side", side, *FAST, "--out", str(tmp_path), "--json", str(tmp_path / "run.json"))
    assert result.code == 0, result.err
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["config"]["batch_size"] == 128
    assert report["steps"] == 2 * 12
    assert len(report["history"]) == 2
    assert report["history"][1]["training loss"] < report["history"][0]["training loss"]
    assert "error" in result.out
    assert (tmp_path / "last.safetensors").exists()


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_resumed_run_equals_the_uninterrupted_one(side: str, tmp_path: Path) -> None:
    whole = training(side, tmp_path / "whole")
    whole.run()

    first = training(side, tmp_path / "parts")
    steps = first.side.train(first.model, first.optimizer, first.scheduler, first.batches)
    for _ in range(5):  # interrupted in the middle of the first epoch
        first.losses.append(next(steps))
        first.step += 1
    first.save()
    second = training(side, tmp_path / "parts")
    second.resume()
    second.run()

    assert second.step == whole.step
    expected, found = whole.side.state(whole.model), second.side.state(second.model)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert second.history == whole.history


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    run_ = training("numpy", tmp_path)
    original = run_.side.train

    def interrupted(*arguments: object) -> object:
        losses = original(*arguments)
        signal.raise_signal(signal.SIGINT)  # noticed when the first step has been made
        yield from losses

    run_.side.train = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(StoppedError, match=r"stopped at step 1 of .*--resume goes on") as stopped:
        run_.run()
    assert stopped.value.code == 130
    again = training("numpy", tmp_path)
    again.resume()
    assert again.step == 1


def test_a_batch_that_is_larger_than_the_data_is_said(tmp_path: Path) -> None:
    words = ("train", "lenet", "--size", "tiny", "--dataset", "digits", "--epochs", "1", "--batch-size", "10000000")
    result = run(*words, "--out", str(tmp_path))
    assert result.code == 0
    assert re.match(r"a batch of 10,000,000 is more than there is: each has all [1-9],\d{3} items\n", result.err)


def test_an_existing_checkpoint_is_never_overwritten_unasked(tmp_path: Path) -> None:
    first = training("numpy", tmp_path)
    first.save()
    before = first.path.read_bytes()
    with pytest.raises(UsageError, match="exists: pass --resume"):
        start(registry.find("lenet"), "numpy", first.config, tmp_path, resume=False)
    assert first.path.read_bytes() == before


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_resume_with_another_configuration_is_refused(side: str, tmp_path: Path) -> None:
    training(side, tmp_path).save()
    other = training(side, tmp_path)
    other.config = replace(other.config, batch_size=99)
    with pytest.raises(UsageError, match="batch_size"):
        other.resume()


def test_resume_of_the_other_side_is_refused(tmp_path: Path) -> None:
    training("numpy", tmp_path).save()
    with pytest.raises(UsageError, match="does not hold a PyTorch training run"):
        training("torch", tmp_path).resume()


def test_torch_checkpoint_holds_plain_weights(tmp_path: Path) -> None:
    run_ = training("torch", tmp_path)
    run_.save()
    tensors, _ = checkpoint.load(run_.path)
    for name, value in run_.side.state(run_.model).items():
        np.testing.assert_array_equal(tensors[f"model.{name}"], value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resume",), "--resume: .*last.safetensors does not exist"),
        (("--epoch", "3"), "No such option.*The fields of this configuration: --image-size"),
        (("--epochs", "many"), "'many' is not a valid integer"),
        (("--dataset", "emnist"), "emnist"),
        (("--batch-size", "0"), "batch_size must be at least 1, got 0"),
        (("--epochs", "-1"), "epochs must be at least 1, got -1"),
        (("--image-size", "30"), "image_size must be a multiple of 4 and at least 16, got 30"),
        (("--f6-units", "10"), "84 f6_units with 10 bitmaps, got 10 and 10"),
        (("--learning-rate", "-0.1"), "learning_rate must be above 0"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run("train", "lenet", "--size", "tiny", "--out", str(tmp_path), *arguments)
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1
    assert re.search(message, result.err)
