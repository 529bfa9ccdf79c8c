"""Arguments and results are checked against their annotations while tests run.

beartype checks types; jaxtyping gives the arrays' shapes their meaning: a name stands for one length throughout a call.
jaxtyping's own import hook does the same, but binds every call of every function, whether or not it handles an array,
and compiles two checkers for every closure that is made: four fifths of the time of all tests went there.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import config, jaxtyped

NAME = "__checked__"  # of ``checked`` in the modules under test
SILENT: set[tuple[str, int, str]] = set()  # functions that are left alone: file, line and name
typed = beartype(conf=BeartypeConf(violation_type=TypeError))


def checked(made: Any) -> Any:
    """A function that looks at what goes in and comes out; a dataclass that looks at its fields."""
    if not inspect.isclass(made):
        return _checked(made)
    if is_dataclass(made) and "__init__" in vars(made):
        made.__init__ = _checked(made.__init__)
    return made


def _checked(function: Callable) -> Callable:
    """The function as it is where its annotations say nothing.

    Nor is a function within a function looked at unless it names shapes, an operation's ``backward`` above all: it is
    made anew at every call.  What else may be wrong with it, mypy sees.
    """
    place = (function.__code__.co_filename, function.__code__.co_firstlineno, function.__qualname__)
    if place in SILENT:
        return function
    said = {name: _evaluated(what, function.__globals__) for name, what in function.__annotations__.items()}
    text = repr([*said.values()])
    if "{" in text:  # a length that is computed from an argument
        return jaxtyped(typechecker=typed)(function)
    if "jaxtyping" in text:
        return _switched(function, _in_one_scope(_looked_at(function, said)))
    if "<locals>" in function.__qualname__ or all(what is Any for what in said.values()):
        SILENT.add(place)
        return function
    return _switched(function, _looked_at(function, said))


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    """What an annotation means, Any for a name that stands for nothing yet, or for the type checker only."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)
    except NameError:
        return Any


def _looked_at(function: Callable, said: dict[str, Any]) -> Callable:
    written, function.__annotations__ = function.__annotations__, said
    try:
        return _unseen(typed(function))
    finally:
        function.__annotations__ = written


def _in_one_scope(function: Callable) -> Callable:
    """The function, the names in its shapes bound anew at every call, for arguments and result together."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with jaxtyped("context"):
            return function(*args, **kwargs)

    return _unseen(call)


def _switched(function: Callable, looked_at: Callable) -> Callable:
    """The function that is looked at, but for a while when jaxtyping is switched off."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (function if config.jaxtyping_disable else looked_at)(*args, **kwargs)

    return _unseen(call)


def _unseen(function: Any) -> Callable:
    """The function under a file name that the engine passes over in search of the line that called an operation."""
    function.__code__ = function.__code__.replace(co_filename="<jaxtyping>")
    return function


class Loader(SourceFileLoader):
    """Compiles a module with ``checked`` as innermost decorator of its functions, and as outermost of its classes."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[NAME] = checked
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.decorator_list.append(_decorator(node))
            elif isinstance(node, ast.ClassDef) and node.decorator_list:
                node.decorator_list.insert(0, _decorator(node))
        return compile(tree, path, "exec", dont_inherit=True)


def _decorator(of: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Name(NAME, ast.Load()), of)


class Finder(MetaPathFinder):
    """Finds the modules of some packages and has them loaded with checks."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def check_packages(*packages: str) -> None:
    """From now on, modules of these packages are imported with checks."""
    sys.meta_path.insert(0, Finder(packages))
