"""The engine's operations, each in its three forms: definition, backward by hand, PyTorch's."""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from tinygrad_lab import ops
from tinygrad_lab.lab.site import highlight
from tinygrad_lab.lab.site.formula import mathml
from tinygrad_lab.ops.operation import OPERATIONS, OperationInfo
from tinygrad_lab.places import path_of

CONTRIBUTED = {  # by the paper's slug: what its model is made of and earlier papers here were not
    "lstm": ("lstm", "lstm_1997", "rnn"),
    "lenet": ("conv2d", "avg_pool2d", "max_pool2d"),
    "autoencoder": ("sigmoid", "binary_cross_entropy_with_logits", "conv_transpose2d"),
    "alexnet": ("local_response_norm", "relu"),
    "dropout": ("dropout", "gaussian_dropout"),
    "seq2seq_attention": ("masked_softmax",),
    "transformer": ("scaled_dot_product_attention", "layer_norm"),
    "bert": ("gelu", "embedding", "cross_entropy"),
    "lora": ("linear",),
    "llama": ("rms_norm", "rotary_embedding", "swiglu"),
    "mamba": ("selective_scan", "causal_conv1d", "softplus"),
    "forgetting_transformer": ("forgetting_attention", "logsigmoid"),
}
OWN = "tinygrad_lab.ops."  # where the engine's operations are; others register some for their own use


@dataclass(frozen=True)
class Line:
    """A line of a listing: its number in the file, how far it is indented, its HTML."""

    number: int
    indent: int
    html: str


@dataclass(frozen=True)
class Listing:
    """A function as it stands in a file of the project."""

    file: str  # project path
    lines: list[Line]


@dataclass(frozen=True)
class View:
    """What a page shows of an operation."""

    name: str
    family: str
    about: str  # the first sentence of its docstring
    rules: list[tuple[str, str]]  # the flag that is off, or "", and the rule as HTML
    definition: Listing | None  # in elementary steps; None for one that is elementary itself
    by_hand: Listing
    torch: Listing


@dataclass(frozen=True)
class Composed:
    """A public function that calls operations and is none."""

    name: str
    family: str
    about: str
    listing: Listing


@dataclass(frozen=True)
class Family:
    """A file of operations, or of functions put together from them."""

    name: str
    title: str  # the first paragraph of what the file says of itself
    derivation: str  # the others
    views: list[View]
    composed: list[Composed]


def families(root: Path) -> list[Family]:
    """All operations of the engine by file, in the order of the alphabet.

    Args:
        root: of the project.
    """
    forms = torch_forms(root)
    own = [info for info in OPERATIONS.values() if info.body.__module__.startswith(OWN)]
    views = [_view(info, forms[info.name], root) for info in own]
    composed = _composed(root)
    names = sorted({view.family for view in views} | {part.family for part in composed})
    return [_family(name, views, composed) for name in names]


def addresses(families: Iterable[Family]) -> Iterator[tuple[str, str]]:
    """Where in the site each operation is, and each function put together from some."""
    for family in families:
        for name in (*(view.name for view in family.views), *(part.name for part in family.composed)):
            yield name, f"operations/{family.name}.html#{name}"


def _family(name: str, views: list[View], composed: list[Composed]) -> Family:
    doc = inspect.getdoc(importlib.import_module(f"{OWN}{name}")) or ""
    title, _, derivation = doc.partition("\n\n")
    return Family(
        name,
        title.replace("\n", " "),
        derivation,
        [view for view in views if view.family == name],
        [part for part in composed if part.family == name],
    )


def _composed(root: Path) -> list[Composed]:
    """The public functions of the package that are no operations."""
    public = {name: inspect.unwrap(value) for name, value in vars(ops).items() if callable(value)}
    found = {name: f for name, f in public.items() if name not in OPERATIONS and f.__module__.startswith(OWN)}
    return [
        Composed(name, f.__module__.removeprefix(OWN), _first_sentence(f), _of_function(f, root))
        for name, f in sorted(found.items())
        if inspect.isfunction(f)
    ]


def _view(info: OperationInfo, torch: Listing, root: Path) -> View:
    rules = {"": info.rule, **info.rule_without}
    return View(
        info.name,
        info.body.__module__.removeprefix(OWN),
        _first_sentence(info.body),
        [(flag, rule_html(rule)) for flag, rule in rules.items()],
        None if info.definition is None else _of_function(info.definition, root),
        _of_function(info.body, root),
        torch,
    )


def _first_sentence(function: Callable[..., Any]) -> str:
    """What a function's docstring begins with."""
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


def rule_html(rule: str) -> str:
    """A rule as a formula where it is written in LaTeX, as code where it is Python."""
    if "\\" in rule:
        return "".join(f"<p>{mathml(part, False)}</p>" for part in rule.split(r"\qquad"))
    lines = inspect.cleandoc(rule.replace("; ", "\n"))
    return f'<pre class="code"><code>{highlight.code(lines, "python")}</code></pre>'


def with_code(text: str) -> Markup:
    """A docstring's words as HTML, code in them set as code."""
    return Markup(re.sub(r"``(.+?)``", r"<code>\1</code>", str(escape(text))))


# ---- sources --------------------------------------------------------------------------------------------------------
def torch_forms(root: Path) -> dict[str, Listing]:
    """The functions of ``reference.operations``, read and not imported: pages are built without PyTorch too."""
    files = sorted((root / "reference" / "operations").glob("*.py"))
    return {name: listing for file in files for name, listing in _functions(file, root).items()}


def _of_function(function: Callable[..., Any], root: Path) -> Listing:
    """A function of the engine without its decorators, whose rule stands above."""
    function = inspect.unwrap(function)
    return _functions(Path(function.__code__.co_filename), root)[function.__name__]


@cache
def _functions(path: Path, root: Path) -> dict[str, Listing]:
    """The functions of a file by name."""
    text = path.read_text(encoding="utf-8")
    lines, html, file = text.splitlines(), highlight.python_lines(text), str(path_of(path, root))

    def listing(node: ast.FunctionDef) -> Listing:
        numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        return Listing(file, [Line(n, _indent(lines[n - 1]), html[n - 1].rstrip()) for n in numbers])

    return {node.name: listing(node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
