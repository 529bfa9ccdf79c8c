"""The command step: text, JSON, a page, and files that are left alone."""

import json
from pathlib import Path

from tests.lab.command import run
from tinygrad_lab.lab.stepping import terminal

NEURON = ("relu(w*x + b)", "w=2", "x=-3", "b=10")


def test_where_there_is_no_terminal_the_steps_are_printed() -> None:
    result = run("step", *NEURON)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "relu(w*x + b)"
    assert lines[4] == "∂w is the derivative of the result by w."
    assert lines[1] == "   0 forward   multiply(w, x) -> w*x = -6"
    last = lines.index("   5 backward  multiply: 1 -> ∂w = -3, ∂x = 2")
    assert [line.strip() for line in lines[last + 1 :]] == [
        "∂w = ∂(w*x) · x", "∂x = ∂(w*x) · w", "∂w = 1 · (-3) = -3", "∂x = 1 · 2 = 2",
    ]  # fmt: skip


def test_small_matrices_are_printed_in_full_and_the_last_sum_is_told() -> None:
    lines = run("step", "A * 2", "A=[[1, 2], [3, 4], [5, 6]]").out.splitlines()
    assert lines[1] == "# The result is more than one number: they are summed, so that there is one to differentiate."
    assert lines[2] == "   0 forward   multiply(A) -> A * 2 = [[2, 4], [6, 8], [10, 12]]"


def test_printed_steps_stand_below_their_modules() -> None:
    lines = run("step", "lenet").out.splitlines()
    assert lines[1] == "               c1"
    assert lines[2].startswith("   0 forward     conv2d(image, c1.weight, c1.bias) -> a = ")
    assert lines[3].startswith("   1 forward   multiply(")
    assert any(line.startswith("  98 backward    conv2d: ") for line in lines[-9:])


def test_a_nan_is_told_with_the_step_that_made_it() -> None:
    result = run("step", "log(x) * 2", "x=-1")
    assert result.code == 0
    assert "step 0, log, makes the first NaN out of finite numbers" in result.err
    assert run("step", *NEURON).err == ""


def test_json(tmp_path: Path) -> None:
    data = json.loads(run("step", *NEURON, "--json", "-").out)
    assert (data["version"], len(data["steps"]), data["steps"][0]["source"]) == (2, 6, "w*x")
    assert run("step", *NEURON, "--json", str(tmp_path / "trace.json")).out == ""
    assert json.loads((tmp_path / "trace.json").read_text()) == data
    assert run("step", *NEURON, "--json", str(tmp_path / "nowhere" / "trace.json")).code == 2


def test_a_page_is_written_and_written_again(tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    for arguments in (NEURON, ("x*x", "x=3")):
        result = run("step", *arguments, "--html", str(file))
        assert (result.code, result.out) == (0, "")
        assert f"wrote {file}" in result.err
        assert f"<title>{arguments[0]}</title>" in file.read_text(encoding="utf-8")


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "thesis.html"
    file.write_text("mine")
    result = run("step", *NEURON, "--html", str(file))
    assert result.code == 2
    assert "is there already and is no page of the stepper" in result.err
    assert file.read_text() == "mine"
    assert run("step", *NEURON, "--html", str(tmp_path)).code == 2
    nowhere = run("step", *NEURON, "--html", str(tmp_path / "nowhere" / "out.html"))
    assert (nowhere.code, nowhere.err.count("\n")) == (2, 1)
    assert "cannot write" in nowhere.err


def test_a_target_that_cannot_be_traced_writes_nothing(tmp_path: Path) -> None:
    assert run("step", "x +", "x=1", "--html", str(tmp_path / "out.html")).code == 2
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_the_screen_opens(monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(terminal, "run", lambda traced, quiz: opened.append((traced.title, quiz)))
    monkeypatch.setattr("tinygrad_lab.lab.stepping.show.on_a_terminal", lambda: True)
    assert run("step", *NEURON, "--quiz").code == 0
    assert opened == [("relu(w*x + b)", True)]
