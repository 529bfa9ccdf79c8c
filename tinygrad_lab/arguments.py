"""Options of a training program: a variant, a size, and every field of the configuration.

config = arguments(VARIANTS, epochs=4)    # python -m papers.lenet.train --variant modern --learning-rate 0.01
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from tinygrad_lab.complaints import ended

Config = TypeVar("Config")


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


def arguments(variants: Mapping[str, Mapping[Any, Config]], **changes: Any) -> Config:
    """The configuration that the command line asks for.

    Args:
        variants: by name, then by size; the first variant is the default, and ``small`` the default size.
        changes: fields that differ from it unless an option says otherwise.
    """
    program = type(_any(variants)).__module__.replace(".config", ".train")
    parser = Parser(prog=program, description="Train, and print the metrics after every epoch.")
    add_configuration(parser, variants, **changes)
    options = parser.parse()
    try:
        return configuration(options, variants, **changes)
    except ValueError as error:
        parser.error(str(error))


def program(main: Callable[[], None]) -> None:
    """Run ``main`` as a program; whatever goes wrong, data that is not there, say, ends it with one line and code 2."""
    code = ended(main, _name(main), ValueError)
    if code:
        sys.exit(code)


def _name(main: Callable[[], None]) -> str:
    """The module as it is called: ``python -m`` calls it __main__."""
    spec = sys.modules[main.__module__].__spec__
    return spec.name if spec else main.__module__


def add_configuration(parser: Parser, variants: Mapping[str, Mapping[Any, Any]], **changes: Any) -> None:
    """Add --variant, --size and an option for every field of a configuration; help knows of the changes."""
    first = next(iter(variants))
    default: Any = variants[first].get("small", _any(variants))
    parser.add_argument("--variant", default=first, choices=variants, help=f"default: {first}")
    parser.add_argument("--size", default="small", choices=variants[first], help="default: small")
    parser.epilog = f"The defaults are those of {first} small."
    add_fields(parser, type(default), {**vars(default), **changes})


def add_fields(parser: Parser, of: type, defaults: Mapping[str, Any] | None = None) -> None:
    """Add an option for every field of the dataclass ``of``; its variant has one already.

    Args:
        parser: takes the options.
        of: the dataclass.
        defaults: what help says that the fields are without the options, if not what the dataclass says.
    """
    for name, kind in _types(of).items():
        value = getattr(of, name) if defaults is None else defaults[name]
        about: dict[str, Any] = {"help": f"default: {_as_typed(value)}"}
        if kind is bool:
            about["action"] = argparse.BooleanOptionalAction
        elif get_origin(kind) is tuple:
            about |= {"type": _reader(get_args(kind)[0]), "nargs": "+"}
        else:
            about["type"] = _reader(kind)
        parser.add_argument(f"--{name.replace('_', '-')}", **about)


def _as_typed(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text.replace("%", "%%")  # of which argparse makes one again


def _reader(kind: Any) -> Any:
    """What makes a value of an option's text; numbers are finite."""
    return finite if kind is float else kind


def finite(text: str) -> float:
    """The number.

    Raises:
        ArgumentTypeError: it is none, or an infinite one.
    """
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid float value: {text!r}") from None
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def configuration(options: argparse.Namespace, variants: Mapping[str, Mapping[Any, Config]], **changes: Any) -> Config:
    """The configuration of the variant and size in ``options``, with the changes and then with its fields in them.

    Raises:
        ValueError: values that do not go together.
    """
    config: Any = variants[options.variant][options.size]
    changed: Config = replace(config, **changes | given(options, type(config)))
    if (seed := getattr(changed, "seed", 0)) < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    return changed


def given(options: argparse.Namespace, of: type) -> dict[str, Any]:
    """The options that were given and are fields of the dataclass ``of``."""
    values = {name: getattr(options, name) for name in _types(of)}
    return {n: tuple(v) if isinstance(v, list) else v for n, v in values.items() if v is not None}


def _any(variants: Mapping[str, Mapping[Any, Config]]) -> Config:
    return next(iter(next(iter(variants.values())).values()))


def _types(of: type) -> dict[str, Any]:
    hints = get_type_hints(of)
    return {field.name: hints[field.name] for field in fields(of) if field.name != "variant"}
