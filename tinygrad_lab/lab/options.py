"""What click's options do not do by themselves: words that begin with a minus, finite numbers only, workers."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from tinygrad_lab.cores import BOUND, cores

LARGEST_SEED = 2**63 - 1  # that both sides take
OPTION = re.compile(r"--[a-z][a-z-]*(=.*)?", re.DOTALL)  # what is meant for one, even if there is none of that name


class Text(click.ParamType[str]):
    """Something to be read: it must be whole characters."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.fail(f"{text!r} is not valid UTF-8", param, ctx)
        return text


class Finite(click.ParamType[float]):
    """A number that is neither infinite nor NaN."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


TEXT, FINITE = Text(), Finite()


def _bound_workers(ctx: click.Context, _param: click.Parameter, number: int | None) -> None:
    """Bound the workers of this command, and of the processes that it starts."""
    if number is None:
        try:
            cores()
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return
    before = os.environ.get(BOUND)
    os.environ[BOUND] = str(number)
    ctx.call_on_close(lambda: os.environ.pop(BOUND) if before is None else os.environ.update({BOUND: before}))


workers_option = click.option(
    "--workers", type=click.IntRange(1), expose_value=False, callback=_bound_workers, metavar="N",
    help="Processes that share the engine's steps, this one included; one for each core where that pays. 1: none else.",
)  # fmt: skip


class Formulas(click.Command):
    """A command whose arguments may begin with a minus: ``step "-log(p)" p=.5``; its options have long names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes = {
            name: isinstance(option, click.Option) and not (option.is_flag or option.count)
            for option in self.get_params(ctx)
            for name in (*option.opts, *option.secondary_opts)
        }
        options, words = apart(args, takes)
        return super().parse_args(ctx, [*options, "--", *words])


def apart(args: Sequence[str], takes: dict[str, bool]) -> tuple[list[str], list[str]]:
    """Options with their values, and all other words.

    Args:
        args: as they were typed.
        takes: by the name of an option, whether a value follows it.
    """
    options: list[str] = []
    words: list[str] = []
    rest: Iterator[str] = iter(args)
    for word in rest:
        name, equals, _ = word.partition("=")
        if word == "--":
            words += rest
        elif takes.get(name, False) and not equals:
            options += [word, *next(([value] for value in rest), [])]
        elif name in takes or OPTION.fullmatch(word):
            options.append(word)
        else:
            words.append(word)
    return options, words
