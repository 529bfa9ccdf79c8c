"""Run a student's file at all cases of an exercise, in this process, and write down what came out.

    python -m tinygrad_lab.lab.exercises.running NAME FILE OUTCOME SECONDS MEGABYTES

The process is made for one file and thrown away: it has limits of time, memory and output, and starts no others.
OUTCOME is JSON: {"fault": what is wrong with the file} or {"runs": [for each case its y and gradients, or a fault]}.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinygrad_lab.lab.exercises.catalogue import EXERCISES
from tinygrad_lab.lab.exercises.draws import Case, cases_of
from tinygrad_lab.lab.exercises.exercise import Exercise
from tinygrad_lab.lab.exercises.faults import FaultError, LimitError, told
from tinygrad_lab.lab.exercises.returned import listed, parts, unchanged, written

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
OUTPUT_BYTES = 2**24  # of what is printed, or written down: far more than all cases need


# ---- the file ------------------------------------------------------------------------------------


def run_file(exercise: Exercise, path: Path) -> dict[str, Any]:
    """Return the outcome of a file: its fault, or the runs of all cases."""
    try:
        answer = answer_of(exercise, path)
        return {"runs": [run_case(exercise, answer, case, path) for case in cases_of(exercise.cases)]}
    except FaultError as fault:
        return {"fault": str(fault)}


def answer_of(exercise: Exercise, path: Path) -> Any:
    """Return the function that the file defines.

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
    """Return y and the gradients of one case; or what went wrong there, if another case may still tell more."""
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
