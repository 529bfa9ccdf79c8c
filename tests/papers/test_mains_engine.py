"""``python -m papers.SLUG.train``: it runs alone, says how far it is, and trains as ``tinygrad-lab train`` does."""

import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.papers.watched import Watched
from tinygrad_lab.lab import registry, training

SLUGS = tuple(registry.discover())
TINY = {  # next to no units, a few batches
    "alexnet": "--size tiny --no-ten-views --batch-size 500",
    "autoencoder": "--size tiny --hidden 8 4 --batch-size 500",
    "bert": "--vocab-size 400 --hidden-size 8 --num-hidden-layers 1 --intermediate-size 8 --items 40 --batch-size 8",
    "dropout": "--size tiny --hidden 8 --batch-size 500",
    "forgetting_transformer": "--hidden-size 8 --layers 1 --heads 2 --feed-forward 8 --windows 16 --batch-size 8",
    "lenet": "--size tiny --batch-size 500",
    "llama": "--hidden-size 8 --layers 1 --heads 2 --kv-heads 2 --feed-forward 8 --windows 24 --batch-size 8",
    "lora": "--width 8 --layers 1 --heads 2 --windows 32 --batch-size 8",
    "lstm": "--variant adding --hidden 4 --length 12 --items 64",
    "mamba": "--variant copying --hidden-size 8 --layers 1 --length 9 --copies 2 --items 64",
    "seq2seq_attention": "--hidden-size 8 --train-items 256 --max-length 30",
    "transformer": "--hidden-size 8 --layers 1 --feed-forward 8 --train-items 256 --batch-size 128 --max-length 30",
}
METRIC = {  # what the line after an epoch ends with
    "alexnet": "loss", "autoencoder": "loss", "bert": "next sentence", "dropout": "loss",
    "forgetting_transformer": "perplexity", "lenet": "loss", "llama": "perplexity", "lora": "loss",
    "lstm": "squared_error", "mamba": "accuracy", "seq2seq_attention": "forced accuracy",
    "transformer": "forced accuracy",
}  # fmt: skip

MEASURED: dict[str, dict[str, Any]] = {  # with what the numbers beside it, by chance and at the end, were found
    "alexnet": {"dataset": "digits", "flips": False, "epochs": 60},
    "autoencoder": {"dataset": "digits", "epochs": 100},
    "bert": {"dataset": "topics", "epochs": 30},
    "dropout": {"dataset": "digits", "epochs": 100},
    "forgetting_transformer": {"dataset": "topics", "windows": 400, "epochs": 8},
    "lenet": {"dataset": "digits", "epochs": 20},
    "llama": {"dataset": "topics", "windows": 1200, "epochs": 6},
    "lora": {"epochs": 3},
    "lstm": {"dataset": "topics", "epochs": 3},
    "mamba": {"dataset": "topics", "items": 600, "epochs": 4},
    "seq2seq_attention": {"train_items": 10_000, "epochs": 8},
    "transformer": {"train_items": 6000, "epochs": 10},
}


def program(slug: str) -> Any:
    return importlib.import_module(f"papers.{slug}.train")


def call(slug: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What python -m does, in this process."""
    monkeypatch.setattr(sys, "argv", ["train.py", *options.split()])
    program(slug).main()


@pytest.mark.parametrize("slug", SLUGS)
def test_it_runs_and_ends_with_its_metric(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched(program(slug), monkeypatch)
    call(slug, f"{TINY[slug]} --epochs 2", monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    watched.check(["epoch 1/2", "epoch 2/2"], lines)
    assert all(re.search(rf"  {METRIC[slug]} -?\d+\.\d{{4}}$", line) for line in lines)


@pytest.mark.parametrize("slug", ["lenet", "lstm", "bert"])
def test_it_trains_as_the_command_does(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """LSTM's numbers come in float64; BERT's held-out text is masked always the same way."""
    module, configs, measured = program(slug), [], []
    with monkeypatch.context() as patch:
        keep(patch, module, "arguments", configs)
        keep(patch, module, "evaluate", measured)
        call(slug, f"{TINY[slug]} --epochs 3 --seed 5", patch)
    run = training.start(registry.find(slug), "numpy", configs[0], tmp_path, resume=False)
    run.run()
    assert [
        {"training loss": run.history[n]["training loss"], **found} for n, found in enumerate(measured)
    ] == run.history
    shown = ["  ".join(f"{name} {value:.4f}" for name, value in entry.items()) for entry in run.history]
    assert capsys.readouterr().out.splitlines() == [f"epoch {n}/3  {line}" for n, line in enumerate(shown, 1)]


def keep(patch: pytest.MonkeyPatch, module: Any, name: str, results: list) -> None:
    """Let a function of the module leave its results in a list, too."""
    function = getattr(module, name)

    def kept(*args: Any, **named: Any) -> Any:
        results.append(function(*args, **named))
        return results[-1]

    patch.setattr(module, name, kept)


@pytest.mark.parametrize("slug", SLUGS)
def test_what_it_changes_is_what_was_measured_and_fits_every_variant(
    slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, changes = program(slug), {}

    def stop(variants: Any, **changed: Any) -> None:
        assert variants is module.VARIANTS
        changes.update(changed)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "arguments", stop)
    with pytest.raises(KeyboardInterrupt):
        module.main()
    assert changes == MEASURED[slug]
    for sizes in module.VARIANTS.values():
        assert replace(sizes["small"], **changes).epochs == changes["epochs"]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_wrong_option_is_told_what_there_is(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call(slug, "--bach-size 3", monkeypatch)
    assert end.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(
        f"papers.{slug}.train: there is no option --bach-size; the options are: -h, --variant, --size, "
    )
    assert "--batch-size" in line
    assert line.count("\n") == 1
