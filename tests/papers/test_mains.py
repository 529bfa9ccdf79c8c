"""The training programs of the PyTorch side: each trains, prints its metric, and says what a wrong option should be."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from tests.papers.watched import Watched

SLUGS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "reference").glob("*/train.py"))
SENTENCE = "It was the best of times, it was the worst of times, it was the age of wisdom number {}. "
TEXT = "".join(SENTENCE.format(number) for number in range(200))
TINY = {
    "alexnet": "--image-size 20 --maps 4 4 4 4 4 --units 8",
    "autoencoder": "--image-size 8 --hidden 8 --code-size 3",
    "bert": "--hidden-size 8 --intermediate-size 8 --vocab-size 300 --items 32 --batch-size 16",
    "dropout": "--inputs 64 --hidden 8",
    "forgetting_transformer": "--hidden-size 8 --heads 2 --feed-forward 8 --length 16 --windows 32 --batch-size 16",
    "lenet": "--image-size 16 --c5-maps 12",
    "llama": "--hidden-size 8 --heads 2 --kv-heads 2 --feed-forward 8 --context 16 --windows 32 --batch-size 16",
    "lora": "--width 8 --heads 2 --context 16 --windows 32 --rank 2 --batch-size 16",
    "lstm": "--hidden 8 --embedding 4 --length 16",
    "mamba": "--hidden-size 8 --state-size 2 --length 16 --items 32 --batch-size 16",
    "seq2seq_attention": "--hidden-size 8 --train-items 128",
    "transformer": "--hidden-size 8 --heads 2 --feed-forward 8 --train-items 128",
}
METRICS = {
    "alexnet": "error", "autoencoder": "squared_error", "bert": "accuracy", "dropout": "error",
    "forgetting_transformer": "perplexity", "lenet": "error", "llama": "perplexity", "lora": "loss", "lstm": "bits",
    "mamba": "bits", "seq2seq_attention": "forced accuracy", "transformer": "forced accuracy",
}  # fmt: skip


@pytest.fixture(autouse=True)
def short_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bert.data", "forgetting_transformer.data", "llama.train", "lora.data", "lstm.data", "mamba.data"):
        monkeypatch.setattr(f"reference.{name}.topics", lambda: TEXT)


def run(slug: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *options.split()])
    importlib.import_module(f"reference.{slug}.train").main()


def refused(slug: str, options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on which the program ends."""
    with pytest.raises(SystemExit) as end:
        run(slug, options, monkeypatch)
    assert end.value.code == 2
    out, line = capsys.readouterr()
    assert out == ""
    assert line.startswith(f"reference.{slug}.train: ")
    assert line.count("\n") == 1
    return line


@pytest.mark.parametrize("slug", SLUGS)
def test_it_trains_and_prints_every_epoch(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched(importlib.import_module(f"reference.{slug}.train"), monkeypatch)
    run(slug, f"--epochs 2 --batch-size 64 {TINY[slug]}", monkeypatch)
    lines = [line for line in capsys.readouterr().out.splitlines() if "epoch 0/" not in line]
    stages = ("source ", "target ") if slug == "lora" else ("",)
    watched.check([f"{stage}epoch {epoch}/2" for stage in stages for epoch in (1, 2)], lines)
    assert all(re.search(rf"  {METRICS[slug]} \d+\.\d+", line) for line in lines)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_same_seed_is_the_same_run(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for seed in (1, 1, 2):
        run(slug, f"--epochs 1 --batch-size 64 --seed {seed} {TINY[slug]}", monkeypatch)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_wrong_option_or_value_ends_on_a_line_that_says_what_there_is(
    slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(slug, "--epoch 3", monkeypatch, capsys)
    assert "there is no option --epoch; the options are: " in line
    assert {"--epochs", "--batch-size", "--learning-rate"} <= set(line.replace(",", "").split())
    assert "--epochs: invalid int value: 'many'" in refused(slug, "--epochs many", monkeypatch, capsys)
    assert "epochs must be at least 1, got 0" in refused(slug, "--epochs 0", monkeypatch, capsys)
    assert "learning_rate must be above 0, got nan" in refused(slug, "--learning-rate nan", monkeypatch, capsys)


@pytest.mark.parametrize(
    ("slug", "options", "message"),
    [
        ("alexnet", "--image-size 12", "image_size 12 leaves nothing after three poolings"),
        ("alexnet", "--groups 5", "groups must divide every number of maps, got 5"),
        ("alexnet", "--maps 4 4", "maps must be five numbers of at least 1, got (4, 4)"),
        ("autoencoder", "--variant sparse", "variant must be one of deep, linear, convolutional, denoising, vae"),
        ("autoencoder", "--variant convolutional --image-size 10", "image_size must be a multiple of 4"),
        ("autoencoder", "--channels 3", "channels must be two numbers of at least 1, got (3,)"),
        ("bert", "--num-attention-heads 5", "num_attention_heads must divide 64, got 5"),
        ("bert", "--length 200", "length must be at most 128 positions, got 200"),
        ("dropout", "--inputs 100 --drop-hidden 1", "drop_hidden must be at least 0 and below 1, got 1.0"),
        ("forgetting_transformer", "--heads 3", "heads must divide hidden_size 64"),
        ("forgetting_transformer", "--attention linear --rotary", "without rotary positions only"),
        ("forgetting_transformer", "--memories 0 2", "memories must be two numbers above 0"),
        ("lenet", "--image-size 30", "image_size must be a multiple of 4, at least 16, got 30"),
        ("lenet", "--f6-units 10", "f6_units must be 84 and classes 10"),
        ("llama", "--kv-heads 3", "kv_heads must divide heads 4, got 3"),
        ("llama", "--tokens bpe", "vocab_size must be at least 256 for bpe, got 96"),
        ("lora", "--targets x_proj", "targets must be patterns of q_proj, k_proj"),
        ("lora", "--rank 100", "rank must be at most the width 64, got 100"),
        ("lora", "--base nowhere", "base must be a file in the safetensors format, got 'nowhere'"),
        ("lstm", "--cell gru", "cell must be one of 2000, 1997, rnn, got 'gru'"),
        ("mamba", "--vocab-size 10", "vocab_size must be at least 96, for characters, got 10"),
        ("seq2seq_attention", "--input-feeding --attention none", "attention must not be none"),
        ("transformer", "--heads 5", "hidden_size must be even and a multiple of 5 heads, got 64"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_before_anything_is_trained(
    slug: str, options: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(slug, options, monkeypatch, capsys)
