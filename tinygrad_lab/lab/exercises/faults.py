"""What goes wrong in a student's code, in one sentence each."""

import errno
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


class FaultError(Exception):
    """What is wrong with a file, in one sentence."""


class LimitError(FaultError):
    """The file needs more than it may have: no other case is tried."""


def told(who: str, path: Path, call: Callable[[], Any]) -> Any:
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
        said = _said(error)
        raise FaultError(f"{who} raised {type(error).__name__}{_line(path)}{': ' if said else ''}{said}.") from None


def _said(error: BaseException) -> str:
    """Return an exception's own words, in one line; none where it cannot be asked for them."""
    with suppress(Exception):
        return " ".join(str(error).split())[:300]
    return ""


def _line(path: Path) -> str:
    """Name the innermost line of the student's own file in the exception that is being handled."""
    frames = traceback.walk_tb(sys.exc_info()[2])
    lines = [number for frame, number in frames if frame.f_code.co_filename == str(path)]
    return f" in line {lines[-1]}" if lines else ""
