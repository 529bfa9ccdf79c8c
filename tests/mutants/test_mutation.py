"""Mutants are what they are said to be, stand where they may, and keep their names."""

import re
from pathlib import Path

import pytest

from tests.mutants.areas import AREAS
from tests.mutants.functions import function_of, name_of
from tests.mutants.mutant import Mutant
from tests.mutants.places import mutants_in
from tests.mutants.plan import IMPORT, plan
from tests.mutants.running import in_fair_order
from tests.mutants.verdicts import judged

ROOT = Path(__file__).parents[2]


def mutants(folder: Path, text: str) -> list[Mutant]:
    (folder / "m.py").write_text(text, encoding="utf-8")
    return mutants_in(folder, "m.py")


@pytest.mark.parametrize(("line", "expected"), [
    ("x = a < b", {"x = a <= b"}),
    ("x = a is not b", {"x = a is b"}),
    ("x = a not in b", {"x = a in b"}),
    ("x = (a) + (b)", {"x = (a) - (b)"}),
    ("x = a // b", {"x = a / b"}),
    ("x = a ** b", {"x = a"}),
    ("x = a @ b", {"x = (b) @ (a)"}),
    ("x = -a", {"x = a"}),
    ("x = not a", {"x = a"}),
    ("x = a and b or c", {"x = a or b or c", "x = a and b and c"}),
    ("x = 0", {"x = 1"}),
    ("x = 1", {"x = 0", "x = 2"}),
    ("x = 5", {"x = 4", "x = 6"}),
    ("x = 2.0", {"x = 2.2"}),
    ("x = f(axis=-1)", {"x = f(axis=1)", "x = f(axis=-0)", "x = f(axis=-2)"}),
    ("x = f(keepdims=True)", {"x = f(keepdims=False)"}),
    ("x = f(a, b)", {"x = f(b, a)"}),
    ("x = np.subtract(a, b)", {"x = np.subtract(b, a)"}),
    ("x = np.add(a, b)", set()),
    ("x = a[:n]", {"x = a[:(n) - 1]", "x = a[:(n) + 1]"}),
    ("x[i] = a", {"pass"}),
    ("x += a", {"x -= a", "pass"}),
    ("f(a)", {"pass"}),
    ("σ = 'σ', a < b  # a < b", {"σ = 'σ', a <= b  # a < b"}),
])  # fmt: skip
def test_each_kind_of_change(tmp_path: Path, line: str, expected: set[str]) -> None:
    assert {mutant.after for mutant in mutants(tmp_path, f"{line}\n")} == expected


def test_a_result_is_left_out(tmp_path: Path) -> None:
    assert [m.after for m in mutants(tmp_path, "def f():\n    return a\n")] == ["return None"]


@pytest.mark.parametrize("text", [
    '"""x = 1"""\n',
    "def f(a: Array[1] = None) -> Tuple[1]:\n    ...\n",
    "x: Float[1, 2]\n",
    "raise ValueError(f'{a + 1}')\n",
    "class A:\n    def __repr__(self):\n        return f(1)\n",
    "if TYPE_CHECKING:\n    x = 1\n",
    "if __name__ == '__main__':\n    main(1)\n",
    "@overload\ndef f(a=1):\n    return 1\n",
    "x = zip(a, 'b', strict=True)\n",
    "x = 'a' % b + f'{a}'\n",
])  # fmt: skip
def test_what_is_said_to_people_and_to_the_type_checker_is_left_alone(tmp_path: Path, text: str) -> None:
    assert mutants(tmp_path, text) == []


def test_a_name_stays_when_lines_move_and_is_unique(tmp_path: Path) -> None:
    text = "x = a < b\ny = 2\nx = a < b\n"
    before, after = mutants(tmp_path, text), mutants(tmp_path, f"import a\n\n{text}")
    assert [mutant.name for mutant in before] == [mutant.name for mutant in after]
    assert len({mutant.name for mutant in before}) == len(before)
    assert [mutant.line for mutant in after] == [mutant.line + 2 for mutant in before]


def test_every_mutant_can_be_read_by_python_and_has_as_many_lines() -> None:
    for file in ("tinygrad_lab/ops/selective_scan.py", "tinygrad_lab/tensor.py", "reference/lenet/model.py"):
        source = (ROOT / file).read_bytes()
        for mutant in mutants_in(ROOT, file):
            changed = mutant.applied(source)
            compile(changed, mutant.name, "exec", dont_inherit=True)
            assert changed.count(b"\n") == source.count(b"\n")


def test_every_area_has_sources_and_tests_and_no_source_has_two() -> None:
    sources = [file for area in AREAS for file in area.source_files(ROOT)]
    assert len(sources) == len(set(sources)) > 150
    assert all(area.source_files(ROOT) and area.test_files(ROOT) for area in AREAS)


def test_every_beginning_of_the_order_has_its_share_of_each_area(tmp_path: Path) -> None:
    many, few = mutants(tmp_path, "x = 5\n" * 300), mutants(tmp_path, "x = 5\n" * 100)
    order = in_fair_order({"ops": many, "nn": few}, seed=1)
    assert len(order) == 800
    for end in (8, 80, 400):
        assert abs(sum(area.name == "nn" for area, _ in order[:end]) - end / 4) <= 2
    assert [m.name for _, m in order] != [m.name for _, m in in_fair_order({"ops": many, "nn": few}, seed=2)]


SOURCE = b"""
@d
class A:
    b = 1
    def f(self):
        g = lambda: 0
        def h():
            return 1
"""


@pytest.mark.parametrize(("line", "name"), [(4, ""), (5, "A.f"), (6, "A.f"), (8, "A.f.<locals>.h")])
def test_the_function_around_a_line(line: int, name: str) -> None:
    assert function_of(SOURCE, line) == name


def test_a_lambda_is_its_functions() -> None:
    def f() -> object:
        return lambda: 0

    assert name_of(f().__code__) == name_of(f.__code__) == f.__qualname__


def test_tests_that_call_the_function_come_first_and_those_of_a_file_together() -> None:
    record = {
        "slow.py::other": (0.1, False, ["m.py:g"]),
        "slow.py::calls": (9.0, False, ["m.py:f"]),
        "quick.py::other": (9.0, False, []),
        "quick.py::calls": (0.2, False, ["m.py:f"]),
        "far.py::other": (0.1, False, []),
        "starts.py::process": (0.1, True, []),
    }
    chosen = plan(record, ["slow.py", "quick.py", "far.py", "starts.py", "new.py"], "m.py", "f")
    assert chosen.files == ["new.py", "quick.py", "slow.py", "starts.py"]
    order = sorted((test for test in record if "far" not in test), key=chosen.rank)
    assert order[:4] == ["quick.py::calls", "quick.py::other", "slow.py::calls", "slow.py::other"]
    assert chosen.rank("quick.py::new") < chosen.rank("quick.py::calls") < chosen.rank("slow.py::new")
    assert plan(record, ["slow.py", "far.py"], "m.py", "h").files == ["slow.py"]
    assert plan(record, ["far.py"], "n.py", "f").files == ["far.py"]


def test_what_an_import_calls_is_tried_on_all_tests_of_its_source() -> None:
    record = {
        IMPORT: (0.0, False, ["m.py:decorator"]),
        "calls.py::it": (0.1, False, ["m.py:decorator"]),
        "decorated.py::uses": (0.1, False, ["m.py:decorator.<locals>.made"]),
        "far.py::other": (0.1, False, ["n.py:f"]),
    }
    chosen = plan(record, ["calls.py", "decorated.py", "far.py"], "m.py", "decorator")
    assert chosen.files == ["calls.py", "decorated.py"]


def test_every_judgement_is_of_a_mutant_that_there_is_and_has_its_reason() -> None:
    files = {re.split(r": | \(", name)[0] for name in judged()}
    names = {mutant.name for file in files for mutant in mutants_in(ROOT, file)}
    assert [name for name in judged() if name not in names] == []
    assert all(kind in ("equivalent", "open") and reason for kind, reason in judged().values())
