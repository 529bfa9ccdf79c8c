"""What click's options do not do by themselves: words that begin with a minus, whole numbers only, fields in a help."""

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
    """For this command, and the processes that it starts."""
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


class WithFields(click.Command):
    """A command to which the fields of a paper's configuration are options, too; with the paper's name, help has them.

    Its first argument is the paper.
    """

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click remembers the first one's)
        """``-h`` and ``--help``, in whichever context the command was asked first."""
        return ["-h", "--help"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[__name__] = list(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, and below them those of the paper, if one is named."""
        super().format_options(ctx, formatter)
        given, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta.get(__name__, ())))
        slug = next((word for word in words_of(given) if not word.startswith("-")), None)
        if slug is not None:
            title, options = self.fields(slug, given)
            with formatter.section(title):
                formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])

    def fields(self, slug: str, given: dict[str, Any]) -> tuple[str, list[click.Option]]:
        """What to write above the options, and the options."""
        from tinygrad_lab.lab import overrides, registry

        paper = registry.find(slug)
        size = given.get("size") or "small"
        config = registry.configuration(paper, given.get("variant"), size)
        return f"Fields of {slug} {config.variant} {size}", overrides.options(config)


class WithSearch(WithFields):
    """The same with the options of how the paper's model searches or samples."""

    def fields(self, slug: str, given: dict[str, Any]) -> tuple[str, list[click.Option]]:  # noqa: ARG002 (has no sizes)
        from tinygrad_lab.lab import generation, overrides, registry

        return f"How {slug} writes", overrides.options(generation.inference(registry.find(slug)).OPTIONS)


def words_of(given: dict[str, Any]) -> list[str]:
    """The arguments among what the parser found."""
    found = given.get("slug", given.get("slugs"))
    return [found] if isinstance(found, str) else [*found] if isinstance(found, list | tuple) else []
