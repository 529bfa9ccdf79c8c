"""tinygrad-lab exercise: a list, a file, a check in a process of its own that nothing gets out of, hints."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.command import run
from tinygrad_lab.lab.exercises import trial
from tinygrad_lab.lab.exercises.catalogue import EXERCISES
from tinygrad_lab.lab.exercises.judging import judge
from tinygrad_lab.lab.exercises.record import NAME as RECORD
from tinygrad_lab.lab.exercises.running import run_file

RIGHT = """
import numpy as np

def multiply(a, b):
    y = a * b
    def backward(dy):
        return dy * b, dy * a
    return y, backward
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The student's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_backward(*lines: str, before: str = "") -> str:
    """The exercise multiply with this backward."""
    body = "\n".join(f"        {line}" for line in lines)
    head = f"import numpy as np\n{before}\ndef multiply(a, b):\n    y = a * b\n    def backward(dy):\n"
    return f"{head}{body}\n    return y, backward\n"


def check(source: str, name: str = "multiply"):
    Path(f"{name}.py").write_bytes(source.encode("utf-8"))
    return run("exercise", name, "--check")


# ---- the list and the file ------------------------------------------------------------------------------------------


def test_the_list_names_every_exercise_in_order() -> None:
    result = run("exercise")
    lines = result.out.splitlines()
    assert result.code == 0
    assert [line.split()[1] for line in lines[: len(EXERCISES)]] == list(EXERCISES)
    assert lines[-1] == f"0 of {len(EXERCISES)} solved in this folder. Next: tinygrad-lab exercise multiply"


def test_a_file_is_begun_checked_and_solved(folder: Path) -> None:
    result = run("exercise", "multiply")
    assert result.code == 0
    assert result.out.startswith("multiply.py: ")
    assert run("exercise").out.splitlines()[0].split()[2] == "begun"
    result = run("exercise", "multiply", "--check")
    assert (result.code, result.err) == (1, "")
    assert result.out == "multiply: backward is not written yet: return da, db in place of the dots.\n"
    text = Path("multiply.py").read_text(encoding="utf-8")
    Path("multiply.py").write_text(text.replace("return ...", "return dy * b, dy * a"), encoding="utf-8")
    result = run("exercise", "multiply", "--check")
    assert result.code == 0
    assert result.out.startswith("multiply: solved, in all 11 cases. Agreeing digits: 16 with the engine, ")
    assert run("exercise").out.splitlines()[0].split()[2] == "solved"
    Path("multiply.py").write_text(text, encoding="utf-8")
    assert run("exercise").out.splitlines()[0].split()[2] == "begun"
    assert {path.name for path in folder.iterdir()} == {"multiply.py", RECORD}


def test_a_file_that_is_there_is_never_written_over() -> None:
    Path("softmax.py").write_text("mine\n", encoding="utf-8")
    result = run("exercise", "softmax")
    assert result.code == 2
    assert "softmax.py is here already and is left alone" in result.err
    assert Path("softmax.py").read_text(encoding="utf-8") == "mine\n"
    Path("tanh.py").symlink_to("nowhere")
    assert run("exercise", "tanh").code == 2


def test_a_file_of_another_name_is_checked_and_remembered(folder: Path) -> None:
    (folder / "mine").mkdir()
    Path("mine/first try.py").write_text(RIGHT, encoding="utf-8")
    assert run("exercise", "multiply", "--check", "mine/first try.py").code == 0
    assert json.loads(Path("mine", RECORD).read_text())["solved"]["multiply"]["file"] == "first try.py"


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"solved": 3}', '{"solved": {"multiply": {"file": "\\u0000"}}}'])
def test_a_record_that_is_none_is_no_harm(kept: str) -> None:
    Path(RECORD).write_text(kept, encoding="utf-8")
    assert run("exercise").code == 0
    assert check(RIGHT).code == 0
    assert run("exercise").out.splitlines()[0].split()[2] == "solved"


# ---- wrong usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "said"), [
    (["sofmax"], "unknown exercise 'sofmax'; did you mean softmax or log_softmax?"),
    (["quicksort"], "unknown exercise 'quicksort'; tinygrad-lab exercise lists them"),
    (["softmax", "--check"], "there is no file softmax.py: tinygrad-lab exercise softmax writes it"),
    (["softmax", "--check", "no.py"], "there is no file no.py"),
    (["softmax", "mine.py"], "a file is for --check only"),
    (["softmax", "--hint", "--check"], "--check, --hint and --solution exclude each other"),
    (["--check"], "it needs a name with that"),
    (["softmax", "--hint", "--json", "-"], "--json is for the list and for --check"),
])  # fmt: skip
def test_wrong_usage_is_one_line(words: list[str], said: str) -> None:
    result = run("exercise", *words)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.count("\n") == 1


# ---- hints and the solution -----------------------------------------------------------------------------------------


def test_hints_come_one_by_one_and_are_not_the_solution() -> None:
    said = [run("exercise", "softmax", "--hint").out for _ in range(4)]
    assert [text.split(":")[0] for text in said] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert not any("def " in text for text in said)
    assert run("exercise", "linear", "--hint").out.startswith("Hint 1 of 3")


def test_the_solution_is_the_engines_own_and_only_shown_when_asked_for() -> None:
    result = run("exercise", "softmax", "--solution")
    assert result.out.startswith("# tinygrad_lab/ops/softmax.py: the engine's own\n@operation(")
    assert "def backward(needs: Needs, dy: Array)" in result.out
    assert "def backward(needs" not in run("exercise", "softmax").out + run("exercise", "softmax", "--check").out


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_has_a_solution(name: str) -> None:
    out = run("exercise", name, "--solution").out
    assert out.startswith("# tinygrad_lab/ops/")
    assert out.rstrip().endswith(EXERCISES[name].source.rstrip())


# ---- JSON -----------------------------------------------------------------------------------------------------------


def test_json_of_the_list_and_of_a_check() -> None:
    rows = json.loads(run("exercise", "--json", "-").out)
    assert [row["exercise"] for row in rows] == list(EXERCISES)
    Path("multiply.py").write_text(with_backward("return dy * b, dy * b"), encoding="utf-8")
    result = run("exercise", "multiply", "--check", "--json", "-")
    assert result.code == 1
    found = json.loads(result.out)
    assert (found["status"], found["gradient"], found["case"]) == ("not solved", "db", "a 3 × 4 matrix")
    assert found["got"] != found["expected"]
    assert len(found["entry"]) == 2
    assert run("exercise", "multiply", "--check", "--json", "report.json").code == 1
    assert run("exercise", "multiply", "--check", "--json", "report.json").code == 1  # its own may be replaced


# ---- files that want to do harm, or do it unasked -------------------------------------------------------------------

WRONG = {
    "raises at once": ("1 / 0\n", "the file raised ZeroDivisionError in line 1: division by zero."),
    "forward raises": ("def multiply(a, b):\n    return c\n", "multiply() raised NameError in line 2"),
    "no Python": ("def multiply(a, b)\n", "multiply.py, line 1, is no Python: expected ':'."),
    "not UTF-8": ("x = '\udcff'\n", "is no Python"),
    "no function": ("x = 1\n", "multiply.py defines no function multiply."),
    "no backward": ("def multiply(a, b):\n    return a * b\n", "multiply must return y and backward, it"),
    "y is a list": ("def multiply(a, b):\n    return [1], print\n", "must return y as an array of floats"),
    "None": (with_backward("da = dy * b"), "it must return da, db, but there is no return in it."),
    "one None": (with_backward("return dy * b, None"), "db is None: the gradient of b is missing."),
    "NotImplementedError": (with_backward("raise NotImplementedError"), "backward is not written yet: it raises Not"),
    "one of two": (with_backward("return dy * b"), "must return 2 (da, db), one for each input; it returned 1."),
    "three of two": (with_backward("return a, b, dy"), "one for each input; it returned 3."),
    "a list": (with_backward("return dy * b, [1.0, 2.0]"), "db must be a NumPy array, it is a list."),
    "integers": (with_backward("return dy * b, np.ones(a.shape, int)"), "db must be an array of float64 or float32"),
    "complex": (with_backward("return dy * b, 1j * dy"), "db must be an array of float64 or float32"),
    "objects": (with_backward("return dy * b, dy.astype(object)"), "db must be an array of float64 or float32"),
    "huge": (with_backward("return np.ones((1000, 1000)), dy"), "da has the shape (1000, 1000), far more entries"),
    "another shape": (with_backward("return dy.sum(), dy * a"), "da has the shape (), it must be (3, 4)"),
    "writes into dy": (with_backward("dy *= b", "return dy, dy * a"), "backward writes into dy, which others"),
    "writes into a": (with_backward("a[...] = 0", "return dy * b, dy * a"), "backward writes into a, which others"),
    "no forward": (with_backward("return ..., ..."), "backward is not written yet: return da, db in place"),
    "writes into y": (with_backward("y[...] = 0", "return dy * b, dy * a"), "backward writes into y, which others"),
}  # fmt: skip


def test_what_is_flattened_is_not_taken_for_copies(tmp_path: Path) -> None:
    path = tmp_path / "multiply.py"
    path.write_text(with_backward("return dy * b, (dy * a).ravel()"), encoding="utf-8")
    found = judge(EXERCISES["multiply"], run_file(EXERCISES["multiply"], path))
    assert "db has the shape (12,)" in found.says[0]
    assert not any("broadcasting" in said for said in found.says)


HARMFUL = {
    "raises": (with_backward("raise ValueError('no idea')"), "backward raised ValueError in line 6: no idea."),
    "raises what has no words": (
        with_backward("class Odd(Exception):", "    __str__ = None", "raise Odd"),
        "backward raised Odd in line 8.",
    ),
    "null byte": ("x = 1\0\n", "multiply.py is no Python"),
    "sys.exit": (with_backward("import sys; sys.exit(0)"), "backward calls sys.exit in line 6"),
    "exit at once": ("raise SystemExit\n", "the file calls sys.exit in line 1"),
    "os._exit": (with_backward("import os; os._exit(0)"), "ended its process by itself, unchecked"),
    "os._exit 3": (with_backward("import os; os._exit(3)"), "ended its process by itself, with the code 3, before"),
    "crashes": (with_backward("import os; os.abort()"), "ended its process by the signal SIGABRT"),
    "forks": (with_backward("import os; os.fork()"), "the file starts another process"),
    "runs a program": (with_backward("import os; os.system('sleep 60')"), "the file starts another process"),
    "asks": (with_backward("return input('?')"), "backward raised EOFError in line 6"),
    "takes all memory": (with_backward("return np.ones(2**36), dy"), "needs more memory than an exercise may have"),
    "goes too deep": (with_backward("return backward(dy)"), "backward raised RecursionError in line 6"),
    "prints without end": (with_backward("while True: print('x' * 999)"), "backward prints without end in line 6"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_one_sentence_is_said_of_it(kind: str) -> None:
    source, said = WRONG[kind]
    path = Path("multiply.py")
    path.write_bytes(source.encode("utf-8", "surrogateescape"))
    found = judge(EXERCISES["multiply"], run_file(EXERCISES["multiply"], path))
    assert not found.solved
    assert said in found.says[0]


@pytest.mark.parametrize("kind", HARMFUL)
def test_one_sentence_is_said_of_what_does_harm(kind: str) -> None:
    source, said = HARMFUL[kind]
    result = check(source)
    assert result.code == 1
    assert said in result.out, result.out
    assert result.out.startswith("multiply: ")
    assert result.out.count("\n") == 1
    assert "Traceback" not in result.out + result.err


ENDLESS = {
    "computes for ever": with_backward("while True: pass"),
    "sleeps": with_backward("import time; time.sleep(1000)"),
    "will not be told": with_backward(
        "import signal, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGXCPU, signal.SIG_IGN)",
        "while True:",
        "    try: time.sleep(1000)",
        "    except BaseException: pass",
    ),
    "loops when it is read": "while True: pass\n",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_ended(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 1)
    monkeypatch.setattr(trial, "CLOCK_SECONDS", 3)
    begun = time.monotonic()
    result = check(ENDLESS[kind])
    assert time.monotonic() - begun < 60
    assert result.code == 1
    assert result.out.startswith("multiply: the file was stopped, for it took far too long")
    assert result.out.count("\n") == 1


@pytest.mark.parametrize(
    "left", ["3", "{}", '{"runs": [{"y": 3}]}', '{"runs": 4}', '{"runs": []}', "[", '{"runs": [[], 2]}']
)
def test_an_outcome_that_the_file_made_up_is_none(left: str) -> None:
    result = check(f"import os, sys\nopen(sys.argv[3], 'w').write({left!r})\nos._exit(0)\n")
    assert (result.code, result.err) == (1, "")
    assert result.out.count("\n") == 1


def test_what_forks_in_secret_is_ended_with_the_rest() -> None:
    fork = "import ctypes, time\npid = ctypes.CDLL(None).fork()\nif not pid: time.sleep(1000)\nprint(pid)"
    result = check(with_backward("return dy * b, dy * a", before=fork))
    assert result.code == 0
    child = Path("/proc", result.err.splitlines()[1], "cmdline")
    assert not child.exists() or not child.read_bytes()  # gone, or not yet buried


def test_a_thread_that_never_ends_keeps_nobody_waiting() -> None:
    before = "import threading, time\nthreading.Thread(target=lambda: time.sleep(1000)).start()"
    begun = time.monotonic()
    assert check(with_backward("return dy * b, dy * a", before=before)).code == 0
    assert time.monotonic() - begun < 60


def test_what_it_prints_is_shown_and_does_no_harm() -> None:
    result = check(with_backward("print('dy is', dy.shape, '\\x1b[2J')", "return dy * b, dy * a"))
    assert result.code == 0
    assert "multiply.py printed:\ndy is (3, 4)" in result.err
    assert "\x1b" not in result.err
    assert len(result.err.splitlines()) < 15


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_what_is_no_file_is_not_opened() -> None:
    os.mkfifo("multiply.py")
    assert run("exercise", "multiply", "--check").code == 2
    Path("big.py").write_bytes(b"#" * 2**21)
    assert "too long for an answer" in run("exercise", "multiply", "--check", "big.py").err


def test_the_folders_own_files_are_no_modules(folder: Path) -> None:
    """A student's numpy.py, say, or random.py, is not what the check imports."""
    for name in ("numpy.py", "json.py", "tinygrad_lab.py"):
        Path(name).write_text("raise SystemError('the wrong one')\n", encoding="utf-8")
    assert check(RIGHT).code == 0


# ---- without PyTorch ------------------------------------------------------------------------------------------------


def test_it_works_without_the_rest_of_the_lab(folder: Path) -> None:
    Path("multiply.py").write_text(RIGHT, encoding="utf-8")
    code = """
import importlib.util, sys
found = importlib.util.find_spec
hidden = {"torch", "rich", "sklearn", "matplotlib", "jinja2", "textual"}
importlib.util.find_spec = lambda name, *rest: None if name in hidden else found(name, *rest)
sys.modules.update(dict.fromkeys(hidden))
from tinygrad_lab.__main__ import main
sys.argv[1:] = ["exercise", "multiply", "--check"]
main()
"""
    house = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": house}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Agreeing digits: 16 with the engine, 10 with the numerical derivative." in result.stdout
    assert "PyTorch is not installed here, and was not asked." in result.stdout
