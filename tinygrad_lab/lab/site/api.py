"""The API reference: every public name with its signature, its docstring as it stands, its source."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from tinygrad_lab import Tensor
from tinygrad_lab.lab.site import highlight
from tinygrad_lab.places import path_of

TENSOR = "tinygrad_lab.Tensor"
MODULES = (
    "tinygrad_lab", "tinygrad_lab.nn", "tinygrad_lab.nn.functional", "tinygrad_lab.nn.init", "tinygrad_lab.nn.utils",
    "tinygrad_lab.nn.utils.rnn", "tinygrad_lab.optim", "tinygrad_lab.optim.lr_scheduler", "tinygrad_lab.checkpoint",
    "tinygrad_lab.random", "tinygrad_lab.trace", "tinygrad_lab.data",
)  # fmt: skip
ON_TENSORS = ("tinygrad_lab.ops", "tinygrad_lab.nn.functional")  # where a function may be an operation's
WIDEST = 88  # characters of a signature that stands in one line


@dataclass(frozen=True)
class Entry:
    """A public name and what is said of it."""

    name: str
    anchor: str
    signature: str  # as HTML
    about: str  # the first sentence of its docstring
    details: str  # shapes and the rest, as they stand
    file: str  # project path
    line: int
    operation: str | None  # the site's address of its forward and backward
    members: list["Entry"] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """What one file defines."""

    title: str
    entries: list[Entry]


@dataclass(frozen=True)
class Page:
    """A module's names, or Tensor's."""

    name: str
    signature: str  # of Tensor, as HTML
    title: str
    details: str
    groups: list[Group]

    @property
    def address(self) -> str:
        return f"api/{self.name}.html"

    @property
    def entries(self) -> list[Entry]:
        return [entry for group in self.groups for entry in group.entries]

    @property
    def files(self) -> set[str]:
        """Project paths of what defines them."""
        return {part.file for entry in self.entries for part in (entry, *entry.members)}


def pages(root: Path, operations: Mapping[str, str]) -> list[Page]:
    """All pages of the reference; Tensor, which has more than a hundred methods, has one of its own.

    Args:
        root: of the project.
        operations: where in the site each operation is, by its name.
    """
    reader = _Reader(root, operations)
    tensor = reader.page(TENSOR, Tensor, {n: v for n, v in vars(Tensor).items() if n[0] != "_"})
    modules = [reader.page(name, module, public(module)) for name in MODULES if (module := import_module(name))]
    return [modules[0], tensor, *modules[1:]]


def public(module: Any) -> dict[str, Any]:
    """What a module offers by name: what it lists, or else what it defines; modules have pages of their own."""
    listed = getattr(module, "__all__", None)
    defined = [n for n, v in vars(module).items() if n[0] != "_" and _is_of(v, module.__name__)]
    found = {name: getattr(module, name) for name in listed or defined}
    return {n: v for n, v in found.items() if not inspect.ismodule(v) and v is not Tensor}


def _is_of(value: Any, module: str) -> bool:
    return (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module


class _Reader:
    """Reads objects into entries."""

    def __init__(self, root: Path, operations: Mapping[str, str]) -> None:
        self.root, self.operations = root, operations

    def page(self, name: str, owner: Any, names: Mapping[str, Any]) -> Page:
        groups: dict[str, list[Entry]] = {}
        of_class = inspect.isclass(owner)
        for own, value in names.items():
            entry = self.entry(own, value, own, method=of_class)
            groups.setdefault(_own(value).__module__, []).append(entry)
        title, details = _parts(inspect.getdoc(owner) or "")
        files = list(groups) if of_class else sorted(groups)
        called = _highlighted("Tensor", owner, False) if of_class else ""
        return Page(name, called, title, details, [Group(_headline(file), groups[file]) for file in files])

    def entry(self, name: str, value: Any, anchor: str, method: bool) -> Entry:
        own = _own(value)
        about, details = _parts(inspect.cleandoc(value.__doc__ or ""))
        signature = _highlighted(name, value, method)
        members = [self.entry(n, v, f"{anchor}.{n}", True) for n, v in _members(value)]
        return Entry(name, anchor, signature, about, details, *self.place(own), self.operation(own), members)

    def place(self, own: Any) -> tuple[str, int]:
        """The file that defines it, as a path of the project, and the line."""
        file = Path(str(sys.modules[own.__module__].__file__))
        name = own.__qualname__.partition(".<locals>")[0]  # of a made function, its maker
        return str(path_of(file, self.root)), _lines(file)[name]

    def operation(self, own: Any) -> str | None:
        """Where the site shows it forwards and backwards; ``exp_`` is where ``exp`` is."""
        on_tensors = own.__module__.startswith(ON_TENSORS)
        return self.operations.get(own.__name__.removesuffix("_")) if on_tensors else None


def _own(value: Any) -> Any:
    """The function or class that is written in a file: behind decorators, in a property."""
    for inner in ("fget", "func", "__func__"):
        value = getattr(value, inner, value)
    return inspect.unwrap(value)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """What a class defines itself and says something of; ``forward`` says its shapes."""
    for name, member in vars(value).items() if inspect.isclass(value) else ():
        kind = inspect.isfunction(member) or isinstance(member, property | cached_property | classmethod | staticmethod)
        if kind and name[0] != "_" and (member.__doc__ or name == "forward"):
            yield name, member


# ---- docstrings -----------------------------------------------------------------------------------------------------
def _parts(doc: str) -> tuple[str, str]:
    """What a docstring begins with, in one line, and what stands below it, shapes first."""
    first, _, rest = doc.partition("\n\n")
    sentence, _, shapes = re.sub(r"\n", " ", first).partition("    ")
    return sentence, "\n\n".join(part for part in (shapes.strip(), rest) if part)


def _headline(module: str) -> str:
    """What a file says it is about, without the rest of the sentence."""
    return re.split(r"[.:;](?:\s|$)|\s\(", inspect.getdoc(sys.modules[module]) or "")[0].replace("\n", " ")


@cache
def _lines(file: Path) -> dict[str, int]:
    """Where a file defines its classes, functions and methods."""
    found: dict[str, int] = {}

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.setdefault(prefix + node.name, node.lineno)
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{prefix}{node.name}.")

    look(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return found


# ---- signatures -----------------------------------------------------------------------------------------------------
class _Verbatim(str):
    """A text that a signature shows as it is."""

    def __repr__(self) -> str:
        return str(self)


def _highlighted(name: str, value: Any, method: bool) -> str:
    return highlight.code(_signature(name, value, method), "python").rstrip()


def _signature(name: str, value: Any, method: bool) -> str:
    """How it is called, in one line or with a line for each argument; of an exception its name."""
    if isinstance(value, property | cached_property):
        return f"{name}: {_type(inspect.signature(_own(value)).return_annotation)}"
    try:
        signature = inspect.signature(getattr(value, "__func__", value))
    except ValueError:
        return name
    bound = method and not isinstance(value, staticmethod)
    arguments = list(_arguments(list(signature.parameters.values())[bound:]))
    returned = "" if inspect.isclass(value) else f" -> {_type(signature.return_annotation)}"
    line = f"{name}({', '.join(arguments)}){returned}"
    return line if len(line) <= WIDEST else f"{name}(\n    " + ",\n    ".join(arguments) + f",\n){returned}"


def _arguments(parameters: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        if parameter.annotation is not parameter.empty:
            parameter = parameter.replace(annotation=_Verbatim(_type(parameter.annotation)))
        if inspect.isclass(parameter.default) and parameter.default is not parameter.empty:
            parameter = parameter.replace(default=_Verbatim(parameter.default.__name__))
        yield str(parameter)


def _type(annotation: Any) -> str:
    """An annotation as one writes it where everything is imported."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)
