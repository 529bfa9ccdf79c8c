"""A program that fails says why in one line, and exits with a code that means one thing.

sys.exit(ended(main, "papers.lenet.train"))

0 fine; 1 a check failed; 2 anything else that went wrong, with one line on stderr; 130 after Ctrl-C; 143 after SIGTERM;
141 where nobody reads any more what it writes.  With TINYGRAD_LAB_DEBUG=1 the traceback comes before the line.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

DEBUG = "TINYGRAD_LAB_DEBUG"
LONGEST = 500  # characters of what is said
OURS = ("tinygrad_lab", "papers", "reference")
CLI = {  # what the extra of that name brings; all else comes with the extra "lab", which has these in it too
    "click", "rich", "textual", "jinja2", "markupsafe", "pygments", "markdown_it", "mdit_py_plugins", "latex2mathml",
    "threadpoolctl", "sklearn", "scipy",
}  # fmt: skip
STOPPED, UNREAD, TERMINATED = 130, 141, 143  # 128 and the number of the signal, as a shell counts


class Terminated(BaseException):
    """SIGTERM has come to a program that wants to close its files; what handles errors does not handle this."""


def ended(run: Callable[[], int | None], name: str, *expected: type[Exception]) -> int:
    """Run a program to its end and return the code that it exits with.

    Args:
        run: the program; what it returns is the code, None is 0.
        name: what the line begins with.
        expected: errors whose messages are written for users, and which may have a ``code`` of their own; of any other
            its kind is said, too.
    """
    _take_any_text()
    try:
        code = _code(run)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        complain(name, "stopped")
        return STOPPED
    except Terminated:
        complain(name, "stopped")
        return TERMINATED
    except BrokenPipeError:
        return UNREAD
    except Exception as error:
        if os.environ.get(DEBUG, "0") != "0":
            traceback.print_exc()
        complain(name, str(error) if isinstance(error, expected) else words(error))
        return int(getattr(error, "code", 2)) if isinstance(error, expected) else 2
    finally:
        _forget_what_cannot_be_written()


def complain(name: str, message: str) -> None:
    """Say in one line on stderr what is wrong; where not even that can be written, it is not said."""
    with suppress(OSError):
        print(one_line(f"{name}: {message}"), file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Return the text without line breaks and control characters; of a very long one beginning and end."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 100]} … {line[-97:]}"


def words(error: Exception) -> str:
    """Return what to say of an error that nobody has put into words for users."""
    said = str(error)
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in OURS:
        return _missing(error.name.split(".")[0])
    if isinstance(error, OSError) and error.strerror:
        where = "input or output" if error.filename is None else error.filename  # a file, or else a stream
        return f"{where}: {error.strerror}"
    if type(error) is ImportError:  # our own, which says what to install
        return said
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {said}" if said else "there is not enough memory"
    return f"{type(error).__name__}: {said} ({DEBUG}=1 shows where)"


def _missing(module: str) -> str:
    more = "'tinygrad-lab[cli]', with PyTorch 'tinygrad-lab[lab]'" if module in CLI else "'tinygrad-lab[lab]'"
    return f"this needs the extra: pip install {more} (there is no {module} here)"


def _code(run: Callable[[], int | None]) -> int:
    """What the program returns, or exits with of its own."""
    try:
        return run() or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0


def _take_any_text() -> None:
    """Let the standard streams take characters that their encoding lacks; a closed one leads nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until Python ends)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_what_cannot_be_written() -> None:
    """Flush the standard streams; what one of them does not take is not tried again, and told, when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
