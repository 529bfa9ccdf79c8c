"""A configuration from the command line: every field is an option, and what is wrong is said in one line."""

import sys
from dataclasses import dataclass

import pytest

from tinygrad_lab.arguments import arguments, program


@dataclass(frozen=True)
class Config:
    variant: str = "plain"
    hidden: tuple[int, ...] = (8, 4)
    spans: tuple[float, float] = (1.0, 2.0)
    bias: bool = True
    learning_rate: float = 1.0
    epochs: int = 10
    dataset: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")


VARIANTS = {
    "plain": {"tiny": Config(epochs=1), "small": Config()},
    "other": {"tiny": Config("other", epochs=2), "small": Config("other", dataset="digits")},
}


def asked(monkeypatch: pytest.MonkeyPatch, words: str = "", **changes: object) -> Config:
    monkeypatch.setattr(sys, "argv", ["train.py", *words.split()])
    return arguments(VARIANTS, **changes)


def test_without_options_it_is_the_first_variant_small_with_the_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch) == Config()
    assert asked(monkeypatch, epochs=4) == Config(epochs=4)


def test_a_variant_and_a_size_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "--variant other") == Config("other", dataset="digits")
    assert asked(monkeypatch, "--variant other --size tiny", dataset="topics") == Config(
        "other", dataset="topics", epochs=2
    )


def test_options_win_over_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "--epochs 7 --learning-rate 0.5", epochs=4, dataset="d") == Config(
        epochs=7, learning_rate=0.5, dataset="d"
    )
    assert asked(monkeypatch, "--epochs 7", epochs=0) == Config(epochs=7)  # never put together without the option


def test_values_are_of_the_fields_types(monkeypatch: pytest.MonkeyPatch) -> None:
    config = asked(monkeypatch, "--hidden 3 2 1 --spans 1 4 --no-bias --learning-rate 2")
    assert config == Config(hidden=(3, 2, 1), spans=(1.0, 4.0), bias=False, learning_rate=2.0)
    assert [type(value) for value in (*config.spans, config.learning_rate)] == [float] * 3
    assert asked(monkeypatch, "--bias", bias=False).bias


@pytest.mark.parametrize(("words", "said"), [
    ("--epoch 3", "there is no option --epoch; the options are: -h, --variant, --size, --hidden, --spans, --bias"),
    ("three", "there is no option three; the options are"),
    ("--epochs three", "argument --epochs: invalid int value: 'three'"),
    ("--epochs", "argument --epochs: expected one argument"),
    ("--hidden 3 x", "argument --hidden: invalid int value: 'x'"),
    ("--variant first", "argument --variant: invalid choice: 'first' (choose from"),
    ("--size large", "argument --size: invalid choice: 'large' (choose from"),
    ("--epochs 0", "epochs must be at least 1, got 0"),
    ("--learning-rate nan", "argument --learning-rate: nan is not a finite number"),
    ("--learning-rate=-inf", "argument --learning-rate: -inf is not a finite number"),
    ("--learning-rate x", "argument --learning-rate: invalid float value: 'x'"),
    ("--spans 1 1e999", "argument --spans: 1e999 is not a finite number"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        asked(monkeypatch, words)
    assert end.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"{Config.__module__}: {said}")
    assert line.count("\n") == 1


def test_help_has_what_the_fields_are_without_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        asked(monkeypatch, "--help", epochs=4, dataset="50%")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for said in (
        "--variant {plain,other} default: plain",
        "--epochs EPOCHS default: 4",
        "[HIDDEN ...] default: 8 4",
        "--bias, --no-bias default: True",
        "--dataset DATASET default: 50%",
        "those of plain small",
    ):
        assert said in text  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyError("weight"), 2, "KeyError: 'weight' (TINYGRAD_LAB_DEBUG=1 shows where)"),
     (KeyboardInterrupt(), 130, "stopped"),
     (FileNotFoundError(2, "No such file or directory", "/data"), 2, "/data: No such file or directory")],
)  # fmt: skip
def test_whatever_ends_a_program_is_one_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        program(main)
    assert ended.value.code == code
    assert capsys.readouterr().err == f"{__name__}: {said}\n"


def test_data_that_cannot_be_had_ends_a_program_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise ValueError("no data set 'nonsense'")

    with pytest.raises(SystemExit) as ended:
        program(main)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{__name__}: no data set 'nonsense'\n"
