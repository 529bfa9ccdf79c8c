"""Run a student's file at all cases of an exercise, in this process, and write down what came out.

    python -m tinygrad_lab.lab.exercises.running NAME FILE OUTCOME SECONDS MEGABYTES

The process is made for one file and thrown away: it has limits of time, memory and output, and starts no others.
OUTCOME is JSON: {"fault": what is wrong with the file} or {"runs": [for each case its y and gradients, or a fault]}.
"""

import ast
import errno
import json
import os
import resource
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.catalogue import EXERCISES
from tinygrad_lab.lab.exercises.draws import Case, cases_of
from tinygrad_lab.lab.exercises.exercise import Exercise

STARTS = (
    "os.fork",
    "os.forkpty",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "subprocess.Popen",
    "pty.spawn",
)
MOST = 100_000  # entries of an array that is written down
OUTPUT_BYTES = 2**22
ALIKE = "float32", "float64"


class FaultError(Exception):
    """What is wrong with a file, in one sentence."""


class LimitError(FaultError):
    """The file needs more than it may have: no other case is tried."""


# ---- the file ------------------------------------------------------------------------------------


def run_file(exercise: Exercise, path: Path) -> dict[str, Any]:
    """The outcome of a file: its fault, or the runs of all cases."""
    try:
        answer = answer_of(exercise, path)
        return {"runs": [run_case(exercise, answer, case, path) for case in cases_of(exercise.cases)]}
    except FaultError as fault:
        return {"fault": str(fault)}


def answer_of(exercise: Exercise, path: Path) -> Any:
    """The function that the file defines.

    Raises:
        FaultError: it cannot be read, or defines none.
    """
    space: dict[str, Any] = {"__name__": exercise.name, "__file__": str(path)}
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except SyntaxError as error:
        line = f", line {error.lineno}," if error.lineno else ""
        raise FaultError(f"{path.name}{line} is no Python: {error.msg}.") from None
    except ValueError as error:  # a null byte
        raise FaultError(f"{path.name} is no Python: {error}.") from None
    told("the file", path, lambda: exec(code, space))
    answer = space.get(exercise.name)
    if not callable(answer):
        raise FaultError(f"{path.name} defines no function {exercise.name}.")
    return answer


def run_case(exercise: Exercise, answer: Any, case: Case, path: Path) -> dict[str, Any]:
    """y and the gradients of one case; or what went wrong there, if another case may still tell more."""
    arguments = case.fresh()
    try:
        result = told(f"{exercise.name}()", path, lambda: answer(*arguments.values()))
        y, backward = parts(exercise, result)
        unchanged("the forward", case.fresh(), arguments)
        dy = case.incoming(y)
        before = {"y": y.copy(), "dy": dy.copy(), **case.fresh()}
        gradients = told("backward", path, lambda: backward(dy))
        unchanged("backward", before, {"y": y, "dy": dy, **arguments})
        found = listed(exercise, gradients, path)
    except LimitError:
        raise
    except FaultError as fault:
        return {"fault": str(fault)}
    return {"y": written(y), "gradients": [written(gradient) for gradient in found]}


# ---- what it returns -----------------------------------------------------------------------------


def parts(exercise: Exercise, result: Any) -> tuple[np.ndarray, Any]:
    """y and backward, as the function must return them."""
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise FaultError(f"{exercise.name} must return y and backward, it returned {kind(result)}.")
    if not (isinstance(result[0], np.ndarray | np.floating) and result[0].dtype.name in ALIKE):
        raise FaultError(f"{exercise.name} must return y as an array of floats, it is {kind(result[0])}.")
    return np.asarray(result[0]), result[1]


def listed(exercise: Exercise, result: Any, path: Path) -> list[np.ndarray]:
    """The gradients, one for each input; one alone may stand without a tuple."""
    names = exercise.gradients
    wanted = ", ".join(names)
    if result is ... or (isinstance(result, tuple | list) and any(item is ... for item in result)):
        raise FaultError(f"backward is not written yet: return {wanted} in place of the dots.")
    if result is None:
        raise FaultError(f"backward returned nothing: it must return {wanted}{_is_return_missing(path)}.")
    found = list(result) if isinstance(result, tuple | list) else [result]
    if len(found) != len(names):
        raise FaultError(f"backward must return {len(names)} ({wanted}), one for each input; it returned {len(found)}.")
    return [checked(name, gradient) for name, gradient in zip(names, found, strict=True)]


def checked(name: str, gradient: Any) -> np.ndarray:
    """A gradient that is an array of numbers, of a size that can be looked at."""
    if gradient is None:
        raise FaultError(f"{name} is None: the gradient of {name[1:]} is missing.")
    if not isinstance(gradient, np.ndarray | np.number | float):
        raise FaultError(f"{name} must be a NumPy array, it is {kind(gradient)}.")
    array = np.asarray(gradient)
    if array.dtype.name not in ALIKE:
        raise FaultError(f"{name} must be an array of float64 or float32, as {name[1:]} is; it is {kind(array)}.")
    if array.size > MOST:
        raise FaultError(f"{name} has the shape {array.shape}, far more entries than {name[1:]} has.")
    return array


def unchanged(who: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """See that nothing was written into what was given.

    Raises:
        FaultError: an array holds other numbers than before.
    """
    for name, old in before.items():
        if isinstance(old, np.ndarray) and not np.array_equal(old, after[name], equal_nan=True):
            raise FaultError(f"{who} writes into {name}, which others still read: make a new array instead.")


def kind(value: Any) -> str:
    """What something is, in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


def written(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON has it."""
    return {"shape": list(array.shape), "dtype": array.dtype.name, "values": array.ravel().tolist()}


# ---- what goes wrong in it -----------------------------------------------------------------------


def told(who: str, path: Path, call: Any) -> Any:
    """Call the student's code.

    Raises:
        FaultError: it raised; says what and in which line.
    """
    try:
        with np.errstate(all="ignore"):
            return call()
    except FaultError:
        raise
    except NotImplementedError:
        raise FaultError(f"{who} is not written yet: it raises NotImplementedError{_line(path)}.") from None
    except SystemExit:
        raise FaultError(f"{who} calls sys.exit{_line(path)}: an answer returns, and the check goes on.") from None
    except MemoryError:
        raise LimitError(f"{who} needs more memory than an exercise may have{_line(path)}.") from None
    except BaseException as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            raise LimitError(f"{who} prints without end{_line(path)}, and was stopped.") from None
        said = " ".join(str(error).split())[:300]
        raise FaultError(f"{who} raised {type(error).__name__}{_line(path)}{': ' if said else ''}{said}.") from None


def _line(path: Path) -> str:
    """The innermost line of the student's own file in the exception that is being handled."""
    frames = traceback.walk_tb(sys.exc_info()[2])
    lines = [number for frame, number in frames if frame.f_code.co_filename == str(path)]
    return f" in line {lines[-1]}" if lines else ""


def _is_return_missing(path: Path) -> str:
    """What to say where the file's backward has no return at all."""
    functions = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef))
    backward = next((node for node in functions if node.name == "backward"), None)
    has = backward is not None and any(isinstance(node, ast.Return) for node in ast.walk(backward))
    return "" if has or backward is None else ", but there is no return in it"


# ---- the process ---------------------------------------------------------------------------------


def limit(seconds: int, megabytes: int) -> None:
    """Bound this process: processor time, memory, the size of files, and no other processes."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # which has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))

    def refuse(event: str, _: Any) -> None:
        if event in STARTS:
            raise FaultError("the file starts another process: an answer needs none, and is given none.")

    sys.addaudithook(refuse)


def main(name: str, file: str, outcome: str, seconds: str, megabytes: str) -> None:
    """Run one file and write its outcome."""
    limit(int(seconds), int(megabytes))
    result = run_file(EXERCISES[name], Path(file))
    Path(outcome).write_text(json.dumps(result), encoding="utf-8")
    with suppress(OSError, ValueError):  # more was printed than may be, or stdout was closed
        sys.stdout.flush()
    os._exit(0)  # no thread or handler of the file's is waited for


if __name__ == "__main__":
    main(*sys.argv[1:])
