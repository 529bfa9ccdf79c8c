"""Arguments and results are checked against their annotations while tests run.

beartype checks types; jaxtyping gives the arrays' shapes their meaning: a name stands for one length throughout a call.
jaxtyping's own import hook does the same, but binds every call of every function, whether or not it handles an array,
and compiles two checkers for every closure that is made: four fifths of the time of all tests went there.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.door import die_if_unbearable
from jaxtyping import config, jaxtyped

from tests.hints import tell_apart

NAME = "__checked__"  # of ``checked`` in the modules under test
SILENT: set[tuple[str, int, str]] = set()  # functions that are left alone: file, line and name
CONF = BeartypeConf(violation_type=TypeError)


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
    for hint in said.values():
        tell_apart(hint)
    text = repr([*said.values()])
    if "{" in text:  # a length that is computed from an argument
        return jaxtyped(typechecker=beartype(conf=CONF))(function)
    if "jaxtyping" in text:
        return _with_shapes(function, said)
    if "<locals>" in function.__qualname__ or all(what is Any for what in said.values()):
        SILENT.add(place)
        return function
    return _with_types(function, said)


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    """What an annotation means, Any for a name that stands for nothing yet, or for the type checker only."""
    try:
        while isinstance(annotation, str):
            annotation = eval(annotation, names)
    except NameError:
        return Any
    tell_apart(annotation)
    return annotation


def _with_types(function: Callable, said: dict[str, Any]) -> Callable:
    written, function.__annotations__ = function.__annotations__, said
    looked_at = _unseen(beartype(conf=CONF)(function))
    function.__annotations__ = written

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (function if config.jaxtyping_disable else looked_at)(*args, **kwargs)

    return _unseen(call)


def _with_shapes(function: Callable, said: dict[str, Any]) -> Callable:
    """The function that looks at arguments and results of a form that it has not seen yet."""
    signature = inspect.signature(function)
    seen: set[tuple] = set()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if config.jaxtyping_disable:
            return function(*args, **kwargs)
        given = (form(args), form(kwargs))
        if given not in seen:
            values = _bound(signature, args, kwargs)
            _look(function, said, values)
            seen.add(given)
        result = function(*args, **kwargs)
        made = (given, form(result))
        if made not in seen:
            _look(function, said, [*_bound(signature, args, kwargs), ("return", result)])
            seen.add(made)
        return result

    return _unseen(call)


def form(value: Any) -> Any:
    """All that a look would see: types, shapes and dtypes down to those within tuples, lists and dictionaries."""
    return _form_of(type(value))(value)


@functools.cache
def _form_of(kind: type) -> Callable[[Any], Any]:
    if hasattr(kind, "dtype"):
        return lambda array: (kind, array.shape, array.dtype)
    if issubclass(kind, tuple | list):
        return lambda items: (kind, *map(form, items))
    if issubclass(kind, dict):
        return lambda items: (kind, *((name, form(item)) for name, item in items.items()))
    if issubclass(kind, str | bool):
        return lambda literal: (kind, literal)
    return lambda _: kind


def _bound(signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    """Name and value of every argument; a variadic parameter's one by one."""
    found = []
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        kind = signature.parameters[name].kind
        several = value if kind is kind.VAR_POSITIONAL else value.values() if kind is kind.VAR_KEYWORD else [value]
        found += [(name, item) for item in several]
    return found


def _look(function: Callable, said: dict[str, Any], values: Iterable[tuple[str, Any]]) -> None:
    """Raise TypeError if a value is not what is said of it; a name in a shape is the same length in all of them."""
    with jaxtyped("context"):
        for name, value in values:
            try:
                die_if_unbearable(value, said.get(name, Any), conf=CONF)
            except TypeError as error:
                raise TypeError(f"{function.__module__}.{function.__qualname__}, {name}: {error}") from None


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
