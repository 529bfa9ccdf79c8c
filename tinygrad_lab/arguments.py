"""Options of a training program: a variant, a size, and every field of the configuration.

config = arguments(VARIANTS, epochs=4)    # python -m papers.lenet.train --variant modern --learning-rate 0.01
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

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
    add_configuration(parser, variants)
    options = parser.parse()
    try:
        return configuration(options, variants, **changes)
    except ValueError as error:
        parser.error(str(error))


def program(main: Callable[[], None]) -> None:
    """Run ``main``; data that is not there, or not what it must be, ends it with one line and code 2."""
    try:
        main()
    except ValueError as error:
        print(f"{_name(main)}: {error}", file=sys.stderr)
        sys.exit(2)


def _name(main: Callable[[], None]) -> str:
    """The module as it is called: ``python -m`` calls it __main__."""
    spec = sys.modules[main.__module__].__spec__
    return spec.name if spec else main.__module__


def add_configuration(parser: Parser, variants: Mapping[str, Mapping[Any, Any]]) -> None:
    """Add --variant, --size and an option for every field of a configuration."""
    first = next(iter(variants))
    parser.add_argument("--variant", default=first, choices=variants)
    parser.add_argument("--size", default="small", choices=variants[first])
    add_fields(parser, type(_any(variants)))


def add_fields(parser: Parser, of: type) -> None:
    """Add an option for every field of the dataclass ``of``; its variant has one already."""
    for name, kind in _types(of).items():
        flag = f"--{name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        elif get_origin(kind) is tuple:
            parser.add_argument(flag, type=get_args(kind)[0], nargs="+")
        else:
            parser.add_argument(flag, type=kind)


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
