"""Exercises: the engine solves every one, and every classic slip is told from every other."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

from tests.docs.snippets import blocks
from tinygrad_lab.lab.exercises import running
from tinygrad_lab.lab.exercises.catalogue import EXERCISES
from tinygrad_lab.lab.exercises.draws import cases_of
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip
from tinygrad_lab.lab.exercises.judging import Verdict, judge
from tinygrad_lab.lab.exercises.witnesses import witnesses
from tinygrad_lab.ops.operation import OPERATIONS

SLIPS = [(name, number) for name, exercise in EXERCISES.items() for number in range(len(exercise.slips))]
ENGINE = """
from tinygrad_lab.lab.exercises.catalogue import EXERCISES
from tinygrad_lab.lab.exercises.witnesses import engine_answer


def {name}(*values):
    y, backward = engine_answer(EXERCISES[{name!r}])(**dict(zip({parameters}, values)))
    return y, lambda dy: tuple(backward(dy))
"""


def verdict(exercise: Exercise, source: str, folder: Path) -> Verdict:
    """What is said of a file with this source; run in this process, the command has one of its own."""
    path = folder / f"{exercise.name}.py"
    path.write_text(f"import numpy as np\n\n\n{source}", encoding="utf-8")
    return judge(exercise, running.run_file(exercise, path))


def slip_of(name: str, number: int) -> tuple[Exercise, Slip]:
    return EXERCISES[name], EXERCISES[name].slips[number]


def parameters_of(exercise: Exercise) -> list[str]:
    return list(inspect.signature(exercise.answer).parameters)


@pytest.fixture(params=EXERCISES, ids=str)
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return EXERCISES[request.param]


# ---- right answers --------------------------------------------------------------------------------------------------


def test_the_engine_solves_it(exercise: Exercise, tmp_path: Path) -> None:
    assert verdict(exercise, ENGINE.format(name=exercise.name, parameters=parameters_of(exercise)), tmp_path).solved


def test_its_own_answer_solves_it(exercise: Exercise, tmp_path: Path) -> None:
    found = verdict(exercise, exercise.source, tmp_path)
    assert found.solved, found.says


def test_every_witness_is_asked(exercise: Exercise) -> None:
    asked = {witness.name for case in cases_of(exercise.cases) for witness in witnesses(exercise, case)}
    assert asked == {"the engine", "the numerical derivative", "PyTorch"}


# ---- wrong answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "number"), SLIPS)
def test_a_slip_is_told_with_where_it_shows_and_both_numbers(name: str, number: int, tmp_path: Path) -> None:
    exercise, slip = slip_of(name, number)
    found = verdict(exercise, exercise.with_slip(slip), tmp_path)
    assert not found.solved
    assert found.says[-1] == slip.says
    assert found.gradient in exercise.gradients
    assert found.case in {case.label for case in cases_of(exercise.cases)}
    if found.entry is not None:
        assert f" is {found.got + 0.0:.6g}, it must be " in found.says[0]
        assert f"{found.expected + 0.0:.6g}" in found.says[0]
        assert "PyTorch" in found.says[0]
    else:
        assert "shape" in found.says[0]


LINEAR = """
def linear(x, weight, bias):
    y = x @ weight.T + bias

    def backward(dy):
        dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
        return {returned}

    return y, backward
"""


@pytest.mark.parametrize(("returned", "gradient", "says"), [
    ("-dx, dweight, dbias", "dx", "dx has the wrong sign, everywhere."),
    ("dx, 2 * dweight, dbias", "dweight", "It is 2 times what it must be, at every entry of that case"),
    ("dx, dweight, 0 * dbias", "dbias", "You returned zeros: bias has an influence on y."),
    ("dweight, dx, dbias", "dx", "You returned the gradient of weight in the place of dx: the order is dx"),
    ("dx, dweight, dy", "dbias", "You forgot the sum over the rows"),
    ("dx, dweight.T, dbias", "dweight", "You have the weight's gradient transposed"),
    ("dy, dweight, dbias", "dx", "You returned what comes in: multiply dy by the local derivative of y by x."),
])  # fmt: skip
def test_slips_that_can_be_made_anywhere(returned: str, gradient: str, says: str, tmp_path: Path) -> None:
    found = verdict(EXERCISES["linear"], LINEAR.format(returned=returned), tmp_path)
    assert found.gradient == gradient
    assert found.says[-1].startswith(says)


@pytest.mark.parametrize("returned", ["dx + 1e-4, dweight, dbias", "dx, dweight, dbias + dbias**2"])
def test_a_mistake_without_a_name_is_only_located(returned: str, tmp_path: Path) -> None:
    found = verdict(EXERCISES["linear"], LINEAR.format(returned=returned), tmp_path)
    assert not found.solved
    assert found.says[1:] in ((), (f"It is right in 1 of {len(cases_of(EXERCISES['linear'].cases))} cases.",))


def test_two_slips_in_one_gradient_are_both_told(tmp_path: Path) -> None:
    exercise = EXERCISES["forgetting_attention"]
    one, other = exercise.slips[0], exercise.slips[2]
    source = exercise.with_slip(one).replace(other.right, other.wrong)
    assert verdict(exercise, source, tmp_path).says[-1] == f"There are two slips. {one.says} {other.says}"


def test_several_wrong_gradients_are_all_named(tmp_path: Path) -> None:
    found = verdict(EXERCISES["linear"], LINEAR.format(returned="dx, -dweight, -dbias"), tmp_path)
    assert "(dbias wrong there too)" in found.says[0]


def test_another_dtype_is_told(tmp_path: Path) -> None:
    found = verdict(EXERCISES["linear"], LINEAR.format(returned="dx, dweight.astype(float), dbias"), tmp_path)
    assert found.says == ("dweight is float64 where weight is float32: a gradient has its input's dtype.",)


def test_a_changed_forward_is_told(tmp_path: Path) -> None:
    source = LINEAR.format(returned="dx, dweight, dbias").replace("+ bias", "- bias")
    assert verdict(EXERCISES["linear"], source, tmp_path).says[0].startswith("the forward gives another y")


def test_what_is_not_a_number_is_wrong(tmp_path: Path) -> None:
    found = verdict(EXERCISES["linear"], LINEAR.format(returned="dx * np.nan, dweight, dbias"), tmp_path)
    assert found.gradient == "dx"
    assert " is nan, it must be " in found.says[0]


# ---- what they are made of ------------------------------------------------------------------------------------------


def test_the_file_is_the_forward_with_an_empty_backward(exercise: Exercise, tmp_path: Path) -> None:
    text = exercise.file()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert function.name == exercise.name
    backward = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "backward")
    assert ast.unparse(backward.body[0]) == "return ..."
    assert len(backward.body) == 1
    assert max(map(len, text.splitlines())) <= 120
    found = verdict(exercise, text, tmp_path)
    assert found.says == (f"backward is not written yet: return {', '.join(exercise.gradients)} in place of the dots.",)


def test_a_slip_changes_one_place_and_says_one_thing_about_it(exercise: Exercise) -> None:
    for slip in exercise.slips:
        assert exercise.source.count(slip.right) == 1
        assert slip.says.endswith(".")
    assert len({slip.wrong for slip in exercise.slips}) + 2 >= len(exercise.slips) >= 2


def test_it_has_a_source_and_an_operation_of_the_engine(exercise: Exercise) -> None:
    assert exercise.operation in OPERATIONS
    assert exercise.paper.endswith(".")
    assert len(set(exercise.hints)) == 3


def test_cases_are_the_same_every_time(exercise: Exercise) -> None:
    once, again = cases_of(exercise.cases), cases_of(exercise.cases)
    assert len(once) >= 11
    assert all(list(case.arguments) == parameters_of(exercise) for case in once)
    for one, other in zip(once, again, strict=True):
        assert all(np.array_equal(one.arguments[name], other.arguments[name]) for name in one.arguments)


def test_cases_have_float32_and_other_layouts(exercise: Exercise) -> None:
    cases = cases_of(exercise.cases)
    learns = exercise.inputs[-1]
    assert any(case.arguments[learns].dtype == np.float32 for case in cases)
    assert any(not array.flags.c_contiguous for case in cases for array in map(np.asarray, case.fresh().values()))


# ---- the document ---------------------------------------------------------------------------------------------------

DOCUMENT = (Path(__file__).parents[2] / "docs" / "exercises.md").read_text(encoding="utf-8")


def test_the_document_lists_them_in_order() -> None:
    table = DOCUMENT.split("<!-- exercises -->")[1].split("<!-- /exercises -->")[0]
    rows = [f"| `{name}` | {exercise.title.partition(': ')[2]} |" for name, exercise in EXERCISES.items()]
    assert table.strip().splitlines()[2:] == rows
    assert "twenty-seven" in DOCUMENT
    assert len(EXERCISES) == 27


def test_the_document_says_what_the_check_says(tmp_path: Path) -> None:
    answer, said = (block for block in blocks(DOCUMENT) if block.language in ("python", "text"))
    found = verdict(EXERCISES["softmax"], answer.text, tmp_path)
    assert said.text.replace("\n", " ").strip() == f"softmax: {' '.join(found.says)}"
