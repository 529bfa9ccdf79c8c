"""tinygrad-lab generate: checkpoints of either side, written by either side, the same text; and what it refuses."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.lab.command import run
from tinygrad_lab import checkpoint
from tinygrad_lab.lab import generation, registry
from tinygrad_lab.lab.training import Training

LSTM = registry.find("lstm")


@pytest.fixture(scope="module", params=["numpy", "torch"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network's checkpoint, as ``train`` leaves it, of each side."""
    config = replace(registry.configuration(LSTM), dataset="topics", hidden=12)
    training = Training(LSTM, request.param, config, tmp_path_factory.mktemp("run"))
    training.save()
    return training.path


def written(path: Path, *arguments: str) -> list[dict]:
    result = run("generate", "lstm", "--checkpoint", str(path), *arguments, "--json", "-")
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.mark.parametrize("temperature", ["0", "0.8"])
def test_both_sides_write_the_same_from_one_checkpoint(trained: Path, temperature: str) -> None:
    options = ("--prompt", "The Time Traveller", "--temperature", temperature, "--length", "30", "--seed", "5")
    (ours,), (theirs,) = written(trained, *options), written(trained, *options, "--side", "torch")
    assert ours == theirs
    assert ours["prompt"] == "The Time Traveller"
    assert ours["text"].startswith("The Time Traveller")
    assert len(ours["text"]) == len("The Time Traveller") + 30


def test_several_prompts_and_the_papers_own(trained: Path) -> None:
    assert [entry["prompt"] for entry in written(trained, "--prompt", "a", "--prompt", "b", "--length", "2")] == [
        "a",
        "b",
    ]
    assert [entry["prompt"] for entry in written(trained, "--length", "2")] == ["The Time Traveller"]
    result = run("generate", "lstm", "--checkpoint", str(trained), "--prompt", "[bold]x", "--length", "3")
    assert result.out.startswith("[bold]x")  # streamed as it is, no markup


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lstm", "--prompt", ""), "at least one"),
        (("lstm", "--prompt", "naïve"), "'ï'"),
        (("lstm", "--length", "0"), "length must be at least 1, got 0"),
        (("lstm", "--lenght", "3"), "--length"),
        (("lenet",), "lenet has nothing to generate; papers that have: "),
        (("lstn",), "unknown paper 'lstn'"),
    ],
)
def test_wrong_usage_is_one_line(trained: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("generate", *arguments, "--checkpoint", str(trained))
    assert result.code == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_all_prompts_are_looked_at_before_the_first_is_written(trained: Path) -> None:
    result = run("generate", "lstm", "--checkpoint", str(trained), "--prompt", "The", "--prompt", "")
    assert (result.code, result.out) == (2, "")
    assert result.err == "tinygrad-lab: generate: the prompt must have at least one token, got none\n"


def test_without_a_trained_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("generate", "lstm")
    assert result.code == 2
    assert "run tinygrad-lab train lstm first" in result.err


def test_files_that_do_not_fit(trained: Path, tmp_path: Path) -> None:
    tensors, metadata = checkpoint.load(trained)
    plain, other = tmp_path / "weights.safetensors", tmp_path / "other.safetensors"
    checkpoint.save(plain, tensors)
    checkpoint.save(other, {name: value for name, value in tensors.items() if "output.weight" not in name}, metadata)
    for path, message in [
        (plain, "holds weights, not a training run"),
        (other, "output.weight"),
        (tmp_path / "missing.safetensors", "missing.safetensors"),
    ]:
        result = run("generate", "lstm", "--checkpoint", str(path))
        assert (result.code, message in result.err) == (2, True), result.err
    result = run("generate", "seq2seq_attention", "--checkpoint", str(trained))
    assert result.code == 2
    assert "is no run of this seq2seq_attention: its configuration differs in" in result.err


def test_pace_counts_first_tokens_and_later_ones_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(generation.time, "perf_counter", lambda: now[0])

    def tokens() -> Iterator[int]:
        for token, seconds in ((7, 5.0), (8, 1.0), (9, 1.0)):
            now[0] += seconds
            yield token

    pace = generation.Pace()
    for _ in range(2):
        for _ in pace.watched(4, tokens()):
            now[0] += 100.0  # what happens elsewhere
    measured = pace.as_json()
    assert measured.pop("peak_mb") > 10
    assert measured == {"read": 8, "written": 6, "first_seconds": 5.0, "tokens_per_second": 1.0}


def test_what_was_read_and_written_is_said_on_stderr(trained: Path) -> None:
    result = run("generate", "lstm", "--checkpoint", str(trained), "--prompt", "abc", "--length", "5")
    assert result.err.startswith("3 tokens read, 5 written: the first after ")
    assert "peak memory" in result.err


def test_the_configuration_comes_back_whole() -> None:
    for slug, paper in registry.discover().items():
        config = registry.configuration(paper)
        saved = json.loads(json.dumps(asdict(config)))
        assert generation.restore_config(paper, saved, Path(slug)) == config
