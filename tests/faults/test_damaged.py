"""Damaged files of every format: a few hundred here, a hundred thousand by ``make faults``."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.faults import files
from tests.faults.alike import alike
from tests.faults.files import ARRAYS, FORMATS, Content, Format, hunt, tried
from tests.faults.part import OTHER, REFUSED, RIGHT, Outcome

CASES = int(os.environ.get("TINYGRAD_LAB_FAULTS", "420"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_loaded_or_refused_by_one_clear_error(name: str) -> None:
    (outcomes,) = hunt({name: FORMATS[name]}, CASES // len(FORMATS)).values()
    assert [outcome for outcome in outcomes if not outcome.good] == []
    assert sum(outcome.kind == REFUSED for outcome in outcomes) > len(outcomes) / 4


def raising(error: BaseException) -> Outcome:
    """What the judge says of it."""

    def read(folder: Path) -> str:
        raise error

    return tried(read, Path(__file__).parent)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("test_damaged.py"), UnicodeDecodeError("utf-8", b"", 0, 1, "test_damaged.py"), ValueError("no name"),
        ValueError("test_damaged.py\nsecond line"), ValueError("test_damaged.py" + "x" * 600), RecursionError(),
        MemoryError(), SystemExit(2), ValueError(),
    ],
    ids=repr,
)  # fmt: skip
def test_the_judge_takes_no_other_error(error: BaseException) -> None:
    assert raising(error).kind == "unclear"


def test_the_judge_takes_a_clear_one_and_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert raising(ValueError("test_damaged.py is damaged")).kind == REFUSED
    monkeypatch.setattr(files, "SECONDS", 0)
    assert raising(ValueError("test_damaged.py is damaged")).kind == "slow"


def test_the_same_seed_damages_alike() -> None:
    one, other = (hunt({"checkpoint": FORMATS["checkpoint"]}, 20, seed=3) for _ in range(2))
    assert [outcome.kind for outcome in one["checkpoint"]] == [outcome.kind for outcome in other["checkpoint"]]


def undecoded(folder: Path) -> Content:
    return {"text": (folder / "file.safetensors").read_bytes().decode()}


def test_a_reader_that_lets_anything_pass_would_be_seen(tmp_path: Path) -> None:
    careless = Format(FORMATS["checkpoint"].write, undecoded)
    with pytest.raises(AssertionError, match="careless"):
        hunt({"careless": careless}, 5)


@pytest.mark.parametrize(
    ("arrays", "about", "guarded", "kind"),
    [
        (1.0, "a", ARRAYS, RIGHT), (1.0, "b", ARRAYS, OTHER), (2.0, "a", frozenset(), OTHER),
        (2.0, "a", ARRAYS, "other arrays in spite of the checksums"),
        (2.0, "b", ARRAYS, "other arrays in spite of the checksums"),
    ],
)  # fmt: skip
def test_what_is_read_is_compared_with_what_was_written(
    arrays: float, about: str, guarded: frozenset[str], kind: str, tmp_path: Path
) -> None:
    whole = {"arrays": {"a": np.ones(2)}, "about": "a"}
    found = {"arrays": {"a": np.full(2, arrays)}, "about": about}
    form = Format(lambda folder: None, lambda folder: found, guarded)
    FORMATS["checkpoint"].write(tmp_path)
    assert form.compared(tmp_path, whole) == kind
    (tmp_path / "file.safetensors").write_bytes(b"{}")  # says no more whose it is
    assert form.compared(tmp_path, whole) == (RIGHT if kind == RIGHT else OTHER)


def test_the_same_numbers_in_another_shape_are_other_ones() -> None:
    assert alike({"a": np.zeros((2, 3))}, {"a": np.zeros((2, 3))})
    assert not alike({"a": np.zeros((2, 3))}, {"a": np.zeros((3, 2))})
    assert not alike([np.zeros(2)], [None])


def test_weights_of_others_that_have_changed_are_counted_apart() -> None:
    ends = {outcome.kind for outcome in hunt({"LLaMA": FORMATS["LLaMA folder"]}, 200)["LLaMA"]}
    assert ends == {RIGHT, OTHER, REFUSED}
