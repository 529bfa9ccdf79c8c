"""An author's slips, said in one line: which side, which file, which line.

A file that is missing, a function that one side lacks, a key that the batch has not got, a weight with another name,
an exception inside of one side: whoever adds a paper makes them, and a traceback through the lab helps nobody.
"""

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, ModuleType

from tinygrad_lab.lab.errors import SlipError

SIDES = {"papers": "numpy", "reference": "torch"}  # by the folder of its papers


def describe(error: BaseException, slug: str) -> str:
    """Say what stopped a paper and where: side, file and line of the paper's own code, the innermost one."""
    if isinstance(error, SlipError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (missing := _missing(str(error.name))):
        return missing
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and side_of(_path(error.obj), slug):
        return undefined(error.obj, str(error.name))
    what = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError):
        return f"{place(str(error.filename), error.lineno or 0, slug)}: {type(error).__name__}: {error.msg}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if side_of(_file(frame), slug)]
    if not frames:
        return what
    frame, line = frames[-1]
    return f"{place(_file(frame), line, slug)}, in {frame.f_code.co_name}: {what}{_known_keys(error, frame)}"


def place(file: str, line: int, slug: str) -> str:
    """Name a line of a paper: "torch side, reference/lenet/model.py, line 7"."""
    side = side_of(file, slug)
    return f"{side + ' side, ' if side else ''}{shortened(file)}, line {line}"


def shortened(file: str) -> str:
    """A file's path from the folder of papers on, on either side; the whole path of any other."""
    parts = Path(file).parts
    for folder in SIDES:
        if folder in parts:
            start = len(parts) - 1 - parts[::-1].index(folder)
            return "/".join(parts[start:])
    return file


def undefined(module: ModuleType, names: str) -> str:
    """Say that one side's file has no such names."""
    file = shortened(_path(module))
    return f"{SIDES.get(file.partition('/')[0], '')} side: {file} does not define {names}"


def _path(module: ModuleType) -> str:
    return str(module.__file__)


def side_of(file: str, slug: str) -> str:
    """Say which side of a paper a file belongs to; "" for any other file."""
    folder, _, rest = shortened(file).partition("/")
    return SIDES.get(folder, "") if rest.partition("/")[0] in (slug, f"{slug}.py") else ""


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _missing(module: str) -> str:
    """Say that a side's file is missing; nothing of any other module."""
    parts = module.removeprefix("tinygrad_lab.").split(".")
    return f"{SIDES[parts[0]]} side: {'/'.join(parts)}.py is missing" if parts[0] in SIDES else ""


def _first_line(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        return f"no key {error.args[0]!r}" if isinstance(error.args[0], str) else str(error)
    return " ".join(str(error).split())


def _known_keys(error: BaseException, frame: FrameType) -> str:
    batch = frame.f_locals.get("batch")
    if isinstance(error, KeyError) and isinstance(batch, Mapping) and error.args[0] not in batch:
        return f"; the batch has {', '.join(map(str, batch))}"
    return ""
