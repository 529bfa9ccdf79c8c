"""Notebooks: a walk through each paper's smallest instance, written from one template and the paper's own parts.

The script notebooks/<slug>.py is the source, in jupytext's percent format; notebooks/<slug>.ipynb is made from it and
run.  A paper that is added gets both by ``make notebooks``, with nothing else to write.
"""

import ast
import inspect
import re
import textwrap
from importlib.resources import files
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.lab.study import claims
from tinygrad_lab.paper import Paper

PICTURES = 2  # of the results, at most
WIDTH = 118  # characters of a line of text, after the comment's sign
SHOWN = re.compile(r"!\[([^\]]*)\]\((study/results/[^)]+\.png)\)\n\n(?:<!--[^>]*-->\n)?((?:(?!<!--|[#!])[^\n]+\n)+)")
KNOWN = ("model", "optimizer", "scheduler", "batches")  # what a training loop is given


def script(paper: Paper) -> str:
    """The notebook's source."""
    side = NumpySide(paper)
    readme = claims.paper_folder(paper) / "README.md"
    notes = readme.read_text(encoding="utf-8") if readme.exists() else ""
    loop, names = training_loop(side.train_module)
    template = jinja2.Template(
        files("tinygrad_lab.lab.notebooks").joinpath("walkthrough.py.jinja").read_text(encoding="utf-8"),
        undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    notebook: str = template.render(
        paper=paper,
        folder=f"../papers/{paper.slug}",
        idea=_as_comment(_section(notes, "The idea", paper.slug)),
        classes=[cls.__name__ for cls in classes(side, registry.configuration(paper))],
        loop=loop,
        imports=imports(side.train_module, {*names, "configure_optimizer"}),
        summary="<!-- summary -->" in notes,
        pictures=[
            (title, file, _as_comment(textwrap.fill(said, WIDTH))) for title, file, said in pictures(notes)[:PICTURES]
        ],
        others=", ".join(f"`{name}`" for name in list(paper.variants)[1:]),
    )
    return notebook


def classes(side: NumpySide, config: Any) -> list[type]:
    """The classes of the paper's model file that an instance is made of, bases too, in the file's order."""
    used = {base for module in side.build(config).modules() for base in type(module).__mro__}
    own = [cls for cls in used if cls.__module__ == side.model_module.__name__]
    return sorted(own, key=lambda cls: inspect.getsourcelines(cls)[1])


def training_loop(module: ModuleType) -> tuple[str, set[str]]:
    """The body of the paper's ``train`` with ``losses.append`` in place of ``yield``, and the names that it needs."""
    source = textwrap.dedent(inspect.getsource(module.train))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    lines = source.splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    text = textwrap.dedent("\n".join(lines))
    names = {node.id for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Name)}
    return re.sub(r"^(\s*)yield (.+)$", r"\1losses.append(\2)", text, flags=re.M), names & set(vars(module)) - {*KNOWN}


def imports(module: ModuleType, names: set[str]) -> str:
    """Import statements for names of a module, from where the module has them."""
    origins: dict[str, list[str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), module.__package__)
            origins.setdefault(origin, []).extend(alias.name for alias in node.names)
    known = {name: origin for origin, members in origins.items() for name in members}
    by_origin: dict[str, list[str]] = {}
    for name in names:
        by_origin.setdefault(known.get(name, module.__name__), []).append(name)
    return "\n".join(f"from {origin} import {', '.join(sorted(by_origin[origin]))}" for origin in sorted(by_origin))


def pictures(notes: str) -> list[tuple[str, str, str]]:
    """Title and file of each picture of the results in a paper's notes, and the paragraph that says what to see."""
    return [(title, file, " ".join(said.splitlines())) for title, file, said in SHOWN.findall(notes)]


def _section(notes: str, title: str, slug: str) -> str:
    """A section of the paper's notes, its links as they are from here."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", notes, re.M | re.S)
    return re.sub(r"\]\((?!https?:|#)", f"](../papers/{slug}/", section.group(1).strip()) if section else ""


def _as_comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def folder() -> Path:
    """Where the notebooks of this checkout are."""
    return Path(__file__).parents[3] / "notebooks"
