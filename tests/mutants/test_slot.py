"""What a child says to a mutant: caught, survived, timed out; and the tree is then as it was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = "def f(n):\n    unused = 5\n    while n > 0:\n        n -= 1\n    return n\n"
TESTS = "import m, twin\n\ndef test_f():\n    assert m.f(3) == twin.f(3) == 0\n\ndef test_other():\n    pass\n"
TRY = """
import json, sys
from pathlib import Path
from tests.mutants import plan
from tests.mutants.areas import Area
from tests.mutants.places import mutants_in
from tests.mutants.running import Records, run
from tests.mutants.slot import Slot

plan.GRACE = 1.0
tree = Path(sys.argv[1])
area = Area("m", ("m.py",), ("test_m.py",))
jobs = [(area, mutant) for mutant in mutants_in(tree, "m.py")]
found = list(run(jobs, [Slot(tree)], Records(tree.parent).of, 60.0))
print(json.dumps({v.mutant: (v.verdict, v.test) for v in found}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and limits memory")
def test_every_verdict(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for file in ("m.py", "twin.py"):
        (tree / file).write_text(SOURCE)
    (tree / "test_m.py").write_text(TESTS)
    command = [sys.executable, "-c", TRY, str(tree)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["m.py: unused = 5 -> unused = 4"] == ["survived", ""]
    assert found["m.py: while n > 0: -> while n >= 0:"] == ["caught", "test_m.py::test_f"]
    assert found["m.py: n -= 1 -> n += 1"] == ["timed out", "test_m.py::test_f"]
    assert len(found) == 9
    assert (tree / "m.py").read_text() == SOURCE
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["test_m.py::test_f"][1:] == [False, ["m.py:f", "test_m.py:test_f", "twin.py:f"]]
    assert record["test_m.py::test_other"][1:] == [False, ["test_m.py:test_other"]]


CODES = """
import sys
from pathlib import Path
from tests.mutants.areas import Area
from tests.mutants.places import mutants_in
from tests.mutants.slot import Slot

tree = Path(sys.argv[1])
slot = Slot(tree)
slot.plant(Area("m", ("m.py",), sys.argv[2:]), mutants_in(tree, "m.py")[0], {})
while not (found := slot.verdict()):
    pass
print(found.verdict, found.test)
"""


def said(tree: Path, conftest: str) -> subprocess.CompletedProcess[str]:
    """What is said to ``WIDTH = 5 -> WIDTH = 4`` by a test that passes, below a conftest."""
    tree.mkdir()
    (tree / "m.py").write_text("WIDTH = 5\n")
    (tree / "conftest.py").write_text(conftest)
    (tree / "test_m.py").write_text("def test_m():\n    pass\n")
    command = [sys.executable, "-c", CODES, str(tree), "test_m.py"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and limits memory")
def test_a_mutant_that_breaks_the_import_of_a_conftest_is_caught(tmp_path: Path) -> None:
    result = said(tmp_path / "tree", "import m\n\nassert m.WIDTH == 5\n")
    assert (result.returncode, result.stdout) == (0, "caught import of a conftest\n"), result.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and limits memory")
@pytest.mark.parametrize(("hook", "error", "code"), [
    ("pytest_runtestloop", "KeyError('pytest itself')", 3),
    ("pytest_collection", "__import__('pytest').UsageError('pytest itself')", 4),
])  # fmt: skip
def test_an_error_of_pytest_itself_is_no_verdict(tmp_path: Path, hook: str, error: str, code: int) -> None:
    result = said(tmp_path / "tree", f"def {hook}(session):\n    raise {error}\n")
    assert result.returncode == 1
    assert f"RuntimeError: m.py: WIDTH = 5 -> WIDTH = 4: pytest ended with {code}" in result.stderr
    assert "pytest itself" in result.stderr.rpartition("pytest ended")[2]
