"""An author's slips, said in one line: which side, which file, which line.

A file that is missing, a function that one side lacks, a key that the batch has not got, a weight with another name,
an exception inside of one side: whoever adds a paper makes them, and a traceback through the lab helps nobody.
"""

import inspect
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from tinygrad_lab.lab.errors import SlipError
from tinygrad_lab.paper import Paper

SIDES = {"papers": "numpy", "reference": "torch"}  # by the folder of its papers
SHOWN = 3  # names of a long list


def describe(error: BaseException, slug: str) -> str:
    """Say what stopped a paper and where: side, file and line of the paper's own code, the innermost one."""
    if isinstance(error, SlipError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (missing := _missing(str(error.name))):
        return missing
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and _side(_path(error.obj), slug):
        return undefined(error.obj, str(error.name))
    what = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError):
        return f"{place(str(error.filename), error.lineno or 0, slug)}: {type(error).__name__}: {error.msg}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _side(_file(frame), slug)]
    if not frames:
        return what
    frame, line = frames[-1]
    return f"{place(_file(frame), line, slug)}, in {frame.f_code.co_name}: {what}{_known_keys(error, frame)}"


def place(file: str, line: int, slug: str) -> str:
    """Name a line of a paper: "torch side, reference/lenet/model.py, line 7"."""
    side = _side(file, slug)
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


def _side(file: str, slug: str) -> str:
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


# ---- weights --------------------------------------------------------------------------------------------------------
def check_weights(model: Any, weights: Mapping[str, Any], paper: Paper) -> None:
    """See that a model has weights of these names and shapes.

    Raises:
        SlipError: it has others; names the lines that make them on both sides.
    """
    state = model.state_dict()
    ours = {name: tuple(value.shape) for name, value in weights.items()}
    theirs = {name: tuple(value.shape) for name, value in state.items()}
    if ours == theirs:
        return
    from tinygrad_lab.lab.sides import NumpySide

    numpy_model = NumpySide(paper).build(next(iter(paper.variants.values()))["tiny"])
    raise SlipError("weights: " + "; ".join(_differences(ours, theirs, numpy_model, model, paper.slug)))


def _differences(ours: Any, theirs: Any, numpy_model: Any, torch_model: Any, slug: str) -> Iterator[str]:
    """Each kind of difference, with the first few names."""
    for here, there, model, side in ((ours, theirs, numpy_model, "numpy"), (theirs, ours, torch_model, "torch")):
        if alone := [name for name in here if name not in there]:
            named = [f"{name} ({source_of(model, name, slug)})" for name in alone[:SHOWN]]
            more = f" and {len(alone) - SHOWN} more" if len(alone) > SHOWN else ""
            yield f"only {side} has {', '.join(named)}{more}"
    for name in [name for name in ours if name in theirs and ours[name] != theirs[name]][:SHOWN]:
        where = f"{source_of(numpy_model, name, slug)}; {source_of(torch_model, name, slug)}"
        yield f"{name} has shape {ours[name]} on numpy, {theirs[name]} on torch ({where})"


def source_of(model: Any, name: str, slug: str) -> str:
    """Say where a weight is made: the paper's line that assigns it, or the layer that it belongs to."""
    modules = dict(model.named_modules())
    parts = name.split(".")
    for cut in range(len(parts) - 1, -1, -1):  # from the innermost module outwards
        module = modules.get(".".join(parts[:cut]))
        file = inspect.getsourcefile(type(module)) if module is not None else None
        if file and _side(file, slug):
            return place(file, _assignment(type(module), parts[cut]), slug)
    return "in no file of the paper"


def _assignment(cls: type, attribute: str) -> int:
    """The line in which a class assigns ``self.attribute``, or else that of the class itself."""
    lines, start = inspect.getsourcelines(cls)
    for number, line in enumerate(lines):
        if f"self.{attribute} =" in line or f"self.{attribute}:" in line:
            return start + number
    return start
