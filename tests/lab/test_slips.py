"""An author's slips: one line names side, file and line; nobody sees a traceback."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.lab.command import Result, run
from tests.lab.made_paper import FILES, made_paper


def parity(folder: Path, files: Mapping[str, str]) -> Result:
    """What the command says to the small paper with these files."""
    with made_paper(folder, files):
        return run("parity", "made", "--dtype", "float64", "--steps", "1")


def line_of(file: str, text: str) -> int:
    return FILES[file][: FILES[file].index(text)].count("\n") + 1


def the_line(result: Result) -> str:
    """The only one that the command says; exit code 1."""
    assert result.code == 1
    lines = result.err.strip().splitlines()
    assert len(lines) == 1
    assert "Traceback" not in result.out + result.err
    return lines[0]


@pytest.mark.parametrize(("missing", "message"), [
    ("papers/made/model.py", "numpy side: papers/made/model.py is missing"),
    ("papers/made/train.py", "numpy side: papers/made/train.py is missing"),
    ("papers/made/data.py", "numpy side: papers/made/data.py is missing"),
    ("reference/made/model.py", "torch side: reference/made/model.py is missing"),
    ("reference/made/train.py", "torch side: reference/made/train.py is missing"),
    ("reference/made/inference.py", "torch side: reference/made/inference.py is missing"),
])  # fmt: skip
def test_a_missing_file_is_named(missing: str, message: str, tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if name != missing}
    assert the_line(parity(tmp_path, files)) == f"FAILED made only float64 stopped: {message}"


@pytest.mark.parametrize(("file", "right", "wrong", "message"), [
    ("papers/made/model.py", "def loss(", "def lost(", "numpy side: papers/made/model.py does not define loss"),
    ("reference/made/model.py", "def build(", "def built(",
     "torch side: reference/made/model.py does not define build"),
    ("reference/made/train.py", "def configure_optimizer(", "def configure(",
     "torch side: reference/made/train.py does not define configure_optimizer"),
    ("papers/made/inference.py", "def search(", "def find(",
     "numpy side: papers/made/inference.py does not define search"),
    ("papers/made/data.py", "def example_batch(", "def batch(",
     "numpy side: papers/made/data.py does not define example_batch"),
    ("papers/made/inference.py", "def example_tokens(", "def tokens(",
     "numpy side: papers/made/inference.py does not define example_tokens"),
])  # fmt: skip
def test_what_one_side_does_not_define_is_named(
    file: str, right: str, wrong: str, message: str, tmp_path: Path
) -> None:
    line = the_line(parity(tmp_path, {**FILES, file: FILES[file].replace(right, wrong)}))
    assert line == f"FAILED made only float64 stopped: {message}"


@pytest.mark.parametrize(("file", "side"), [("papers/made/model.py", "numpy"), ("reference/made/model.py", "torch")])
@pytest.mark.parametrize(("right", "wrong", "message"), [
    ('batch["label"]', 'batch["lable"]', "in loss: KeyError: no key 'lable'; the batch has x, label, count"),
    ("self.drop(F.relu", "self.dropout(F.relu", "AttributeError: 'Made' object has no attribute 'dropout'"),
    ("return Made()", "return Mode()", "in build: NameError: name 'Mode' is not defined"),
    ("F.relu(", "1 / 0 * F.relu(", "in forward: ZeroDivisionError: division by zero"),
])  # fmt: skip
def test_an_exception_inside_a_side_is_named_with_its_line(
    right: str, wrong: str, message: str, file: str, side: str, tmp_path: Path
) -> None:
    line = the_line(parity(tmp_path, {**FILES, file: FILES[file].replace(right, wrong)}))
    number = line_of(file, right)
    assert line.startswith(f"FAILED made only float64 stopped: {side} side, {file}, line {number}, in ")
    assert message in line


def test_a_key_that_the_data_leave_out(tmp_path: Path) -> None:
    file = "papers/made/data.py"
    line = the_line(parity(tmp_path, {**FILES, file: FILES[file].replace('"count": ', '"number": ')}))
    assert f"papers/made/model.py, line {line_of('papers/made/model.py', 'batch[')}, in loss: KeyError" in line
    assert line.endswith("no key 'count'; the batch has x, label, number")


def test_misnamed_weights_are_named_on_both_sides_with_the_lines_that_make_them(tmp_path: Path) -> None:
    file = "reference/made/model.py"
    line = the_line(parity(tmp_path, {**FILES, file: FILES[file].replace("self.second", "self.last")}))
    ours, theirs = (line_of(f"{side}/made/model.py", "self.second =") for side in ("papers", "reference"))
    assert line == (
        "FAILED made only float64 stopped: weights: only numpy has "
        f"second.weight (numpy side, papers/made/model.py, line {ours}), "
        f"second.bias (numpy side, papers/made/model.py, line {ours}); only torch has "
        f"last.weight (torch side, reference/made/model.py, line {theirs}), "
        f"last.bias (torch side, reference/made/model.py, line {theirs})"
    )


def test_weights_of_another_shape_are_named_with_both_shapes(tmp_path: Path) -> None:
    file = "papers/made/model.py"
    line = the_line(parity(tmp_path, {**FILES, file: FILES[file].replace("(4, 5)", "(4, 6)")}))
    assert "weights: second.weight has shape (6, 4) on numpy, (5, 4) on torch (numpy side, papers/made/model.py" in line


@pytest.mark.parametrize(("file", "text", "message"), [
    ("papers/made/__init__.py", "VARIANTS = {\n", r"numpy side, papers/made/__init__.py, line 1: SyntaxError: .*"),
    ("papers/made/__init__.py", "x = 1\nfrom nowhere import y\n",
     r"numpy side, papers/made/__init__.py, line 2, in <module>: ModuleNotFoundError: No module named 'nowhere'"),
    ("papers/made/__init__.py", "", r"numpy side: papers/made/__init__.py does not define PAPER"),
])  # fmt: skip
def test_a_paper_that_does_not_describe_itself_is_wrong_input(
    file: str, text: str, message: str, tmp_path: Path
) -> None:
    """Whatever was asked for: the list of papers is wanted first."""
    with made_paper(tmp_path, {**FILES, file: text}):
        result = run("papers")
    assert result.code == 2
    assert re.fullmatch(f"tinygrad-lab: {message}", result.err.strip())


def test_a_syntax_error_in_a_model(tmp_path: Path) -> None:
    line = the_line(parity(tmp_path, {**FILES, "reference/made/model.py": "import torch\ndef build(:\n"}))
    assert line == (
        "FAILED made only float64 stopped: torch side, reference/made/model.py, line 2: SyntaxError: invalid syntax"
    )
