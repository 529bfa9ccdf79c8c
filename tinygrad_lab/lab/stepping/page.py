"""The stepper as one self-contained page: no network, no library, a few small scripts.

Everything that the page shows is computed here and put into it as JSON; its scripts place and compare, they calculate
nothing.  What comes from data is text to them; the only markup that they insert is that of this module: MathML of the
project's own rules, and highlighted source lines.
"""

import inspect
import json
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tinygrad_lab import files
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import quiz as quizzing
from tinygrad_lab.lab.stepping.formulas import Formulas
from tinygrad_lab.lab.stepping.layout import arrange
from tinygrad_lab.lab.stepping.target import Traced
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace import Backward, Trace
from tinygrad_lab.trace.schema import as_json, relative

Json = dict[str, Any]

GENERATOR = "tinygrad-lab step"  # what a page says of its maker
SCRIPTS = (
    "numbers.js", "slices.js", "matrices.js", "tensors.js", "graph.js", "sources.js", "tree.js", "quiz.js", "score.js",
    "looked.js", "stepper.js", "moving.js", "address.js",
)  # fmt: skip
CHANGING = "change.js"  # only where a server stands behind the page


def render(traced: Traced, quiz: bool = False, served: bool = False) -> str:
    """A whole HTML document.

    Args:
        traced: what to show.
        quiz: hide each gradient until it has been answered.
        served: whether ``serve`` stands behind it, so that numbers can be changed.
    """
    folder = resources.files("tinygrad_lab.lab.stepping") / "web"
    scripts = (*SCRIPTS, CHANGING) if served else SCRIPTS
    return _template().render(
        title=traced.title,
        generator=GENERATOR,
        quiz=quiz,
        served=served,
        style=colours() + (folder / "page.css").read_text(encoding="utf-8"),
        script="".join((folder / name).read_text(encoding="utf-8") for name in scripts),
        data=embedded(contents(traced, quiz, served)),
    )


def colours() -> str:
    """The style that the playground's page shares."""
    file = resources.files("tinygrad_lab.lab.stepping") / "web" / "colours.css"
    return file.read_text(encoding="utf-8")


def write(path: Path, traced: Traced, quiz: bool = False) -> None:
    """Write the page into a file; an older page of ours is replaced, nothing else is.

    Raises:
        UsageError: another file is there, or none can be written there.
    """
    try:
        try_place(path)
        files.write(path, render(traced, quiz))
    except OSError as error:
        raise UsageError(f"--html: cannot write {path}: {error.strerror}") from error


def try_place(path: Path) -> None:
    """Find out whether a page can be written there.

    Raises:
        UsageError: another file is there, or none can be written there.
    """
    try:
        if path.is_file() and not is_ours(path):
            raise UsageError(f"--html: {path} is there already and is no page of the stepper: choose another name")
        files.try_out(path)
    except OSError as error:
        raise UsageError(f"--html: cannot write {path}: {error.strerror}") from error


def is_ours(path: Path) -> bool:
    """Whether a file is a page that this module wrote."""
    with path.open("rb") as file:
        return f'content="{GENERATOR}"'.encode() in file.read(1000)


def contents(traced: Traced, quiz: bool, served: bool = False) -> dict[str, Any]:
    """What the page is given: the trace as JSON, with a layout for each graph, MathML, questions and sources."""
    says: list[str] = []  # what the slips say, each once
    data = as_json(traced.trace, each=partial(_ask, says)) if quiz else as_json(traced.trace)
    formulas = Formulas()
    sources = {name: [_lines(text, 1, name)] for name, text in traced.sources.items()}
    _finish(data, data["tensors"], formulas, sources)
    changeable = {name: list(words) for name, words in traced.changeable.items()} if served else None
    return {
        "title": traced.title,
        "item": traced.item,
        "quiz": quiz,
        "slips": says,
        "changeable": changeable,
        "trace": data,
        "forms": formulas.forms,
        "sources": sources,
    }


def _ask(says: list[str], trace: Trace, data: dict[str, Any]) -> None:
    for step in trace:
        if isinstance(step, Backward):
            for given, written in zip(step.contributions, data["steps"][step.index]["contributions"], strict=True):
                asked = quizzing.question(step, given)
                if asked is not None:
                    says += [slip.says for slip in asked.slips if slip.says not in says]
                    slips = [[_rounded(slip.value), says.index(slip.says)] for slip in asked.slips]
                    written["question"] = {"text": asked.text, "answer": _rounded(asked.answer), "slips": slips}


def _rounded(value: float) -> float:
    """Round, to far more digits than an answer is compared in."""
    return float(f"{value:.6g}")


def _finish(trace: Json, tensors: list[Json], formulas: Formulas, sources: dict[str, list[Json]]) -> None:
    """Layout and MathML of a trace and of those inside it; the sources of what was opened."""
    trace["layout"] = arrange(trace, {value["number"]: _below(value, tensors) for value in trace["values"]})
    for operation in trace["operations"].values():
        del operation["rule"], operation["symbols"]  # each step has its own
    for step in trace["steps"]:
        if "rule" in step:
            step["rule"] = [formulas.add(equation) for equation in step["rule"].split(r" \qquad ")]
        for given in step.get("contributions", ()):
            given["formula"] = given["formula"] and formulas.add(given["formula"])
        inner = step.get("inside")
        if inner and "steps" in inner:
            _add_definition(step["operation"], sources)
            _finish(inner, tensors, formulas, sources)


def _below(value: Json, tensors: list[Json]) -> str:
    """Return about what the page writes below a value's name: number and gradient, or shape and a sign."""
    shape = tensors[value["tensor"]]["shape"]
    if shape:
        return f"{'×'.join(map(str, shape))} ∂"
    numbers = [tensors[place]["values"][0] for place in (value["tensor"], value["gradient"]) if place is not None]
    return " ∂ ".join(f"{float(number):.4g}" for number in numbers)


def _add_definition(name: str, sources: dict[str, list[Json]]) -> None:
    definition = inspect.unwrap(OPERATIONS[name].definition)  # type: ignore[arg-type]  # what was opened has one
    lines, first = inspect.getsourcelines(definition)
    parts = sources.setdefault(relative(inspect.getfile(definition)), [])
    if all(part["first"] != first for part in parts):
        parts.append(_lines("".join(lines), first, "definition.py"))


def _lines(text: str, first: int, name: str) -> Json:
    """Source lines as HTML, with their first number; what is no Python file is not coloured."""
    if not name.endswith(".py"):
        return {"first": first, "lines": [str(jinja2.filters.do_forceescape(line)) for line in text.splitlines()]}
    return {"first": first, "lines": _coloured(text).split("\n")}


@cache
def _coloured(source: str) -> str:
    """A Python source as HTML; the variants of a paper show the same ones, and so does every page of an operation."""
    return str(highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))).rstrip("\n")


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element: no markup can end it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("tinygrad_lab.lab.stepping", "web")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(
        "page.html"
    )
