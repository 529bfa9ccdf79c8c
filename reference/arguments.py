"""Options of a training program: every attribute of its configuration is one.

    config = arguments(Run())    # python -m reference.lenet.train --epochs 3 --learning-rate 0.01

A configuration says beside each attribute what it must be, in the attribute's type: ``epochs: Count = 20``.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, get_args, get_origin, get_type_hints


class Rule(NamedTuple):
    """What a value must be, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]


def one_of(*names: str) -> Rule:
    """The value is one of these names."""
    return Rule(f"one of {', '.join(names)}", lambda name: name in names)


Count = Annotated[int, Rule("at least 1", lambda n: n >= 1)]
CountOrZero = Annotated[int, Rule("at least 0", lambda n: n >= 0)]
Positive = Annotated[float, Rule("above 0", lambda x: 0 < x < math.inf)]
NotNegative = Annotated[float, Rule("at least 0", lambda x: 0 <= x < math.inf)]
Counts = Annotated[tuple[int, ...], Rule("numbers of at least 1", lambda ns: min(ns) >= 1)]
Factors = Annotated[tuple[float, ...], Rule("numbers above 0", lambda xs: all(0 < x < math.inf for x in xs))]
Share = Annotated[float, Rule("at least 0 and below 1", lambda x: 0 <= x < 1)]
Window = Annotated[int, Rule("from 2 to 4096", lambda n: 2 <= n <= 4096)]  # tokens of a text that are read together


class Options:
    """A configuration whose attributes are options."""

    def check(self) -> None:
        """Raise ValueError where values do not fit each other; here they always do."""


Configuration = TypeVar("Configuration", bound=Options)


class Parser(argparse.ArgumentParser):
    """Options that are spelled out; what is wrong with them is said in one line, and the program ends with code 2."""

    def __init__(self, **about: Any) -> None:
        super().__init__(allow_abbrev=False, **about)

    def parse(self, words: Sequence[str] | None = None) -> argparse.Namespace:
        """The options among ``words``, by default those of the command line; there must be nothing else."""
        options, unknown = self.parse_known_args(words)
        if unknown:
            known = ", ".join(action.option_strings[0] for action in self._actions)
            self.error(f"there is no option {unknown[0]}; the options are: {known}")
        return options

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(2, f"{self.prog}: {message}\n")


def arguments(config: Configuration) -> Configuration:
    """The configuration with the attributes that the command line gives."""
    parser = Parser(prog=type(config).__module__.replace(".config", ".train"), description=type(config).__doc__)
    add_attributes(parser, config)
    try:
        change(config, vars(parser.parse()))
    except ValueError as error:
        parser.error(str(error))
    return config


def add_attributes(parser: argparse.ArgumentParser, config: Options) -> None:
    """Add an option for every attribute."""
    for name, (kind, _) in _types(config).items():
        about: dict[str, Any] = {"dest": name, "help": f"{getattr(config, name)} unless given"}
        if kind is bool:
            about["action"] = argparse.BooleanOptionalAction
        elif get_origin(kind) is tuple:
            about |= {"type": get_args(kind)[0], "nargs": "+"}
        else:
            about["type"] = kind
        parser.add_argument(f"--{name.replace('_', '-')}", **about)


def change(config: Options, options: dict[str, Any]) -> None:
    """Set the attributes that are among the options and not None.

    Raises:
        ValueError: a value that is not what it must be, or values that do not fit each other.
    """
    for name, (kind, rules) in _types(config).items():
        if options.get(name) is not None:
            setattr(config, name, tuple(options[name]) if get_origin(kind) is tuple else options[name])
        for words, holds in rules:
            if not holds(getattr(config, name)):
                raise ValueError(f"{name} must be {words}, got {getattr(config, name)!r}")
    config.check()


def attributes(config: Options) -> dict[str, Any]:
    """All attributes and their values."""
    return {name: getattr(config, name) for name in _types(config)}


def _types(config: Options) -> dict[str, tuple[Any, list[Rule]]]:
    """Of each attribute its type and what it must be besides."""
    hints = get_type_hints(type(config), include_extras=True)
    plain = get_type_hints(type(config))
    return {name: (plain[name], list(getattr(hint, "__metadata__", ()))) for name, hint in hints.items()}
