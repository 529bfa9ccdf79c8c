"""Configuration fields as command line options: ``--batch-size 32`` for the field ``batch_size``."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import click

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.options import FINITE, LARGEST_SEED


def apply(config: Any, arguments: Sequence[str]) -> Any:
    """Replace the fields that ``arguments`` name, each parsed as the field's type; return the configuration.

    Raises:
        UsageError: an option that is no field (``variant`` and ``size`` have options of their own), a bad value, or
            values that do not go together.
    """
    known_options = options(config)
    try:
        given = click.Command("fields", params=[*known_options]).make_context("fields", list(arguments)).params
    except click.ClickException as error:
        known = ", ".join(option.opts[0] for option in known_options)
        said = error.format_message().rstrip(".")
        end = "" if said.endswith("?") else "."
        raise UsageError(f"{said}{end} The fields of this configuration: {known}") from error
    seed = given.get("seed")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed must be from 0 to {LARGEST_SEED}, got {seed}")
    try:
        return replace(config, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error


def options(config: Any) -> list[click.Option]:
    """Make an option for each field; its help says what the field is without it."""
    return [_option(field.name, getattr(config, field.name)) for field in fields(config) if field.name != "variant"]


def _option(name: str, value: Any) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):  # a list of sizes: --hidden 64,32
        return click.Option([flag, name], type=_Numbers(), help=f"[default: {','.join(map(str, value))}]")
    kind = FINITE if isinstance(value, float) else type(value)
    return click.Option([flag, name], type=kind, help=f"[default: {value}]")


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Comma-separated whole numbers."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a comma-separated list of whole numbers", param, ctx)
