"""Commands that take a paper's own fields as options: of its configuration, or of how its model writes."""

from typing import Any

import click

from tinygrad_lab.lab import overrides, registry


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
        paper = registry.find(slug)
        size = given.get("size") or "small"
        config = registry.configuration(paper, given.get("variant"), size)
        return f"Fields of {slug} {config.variant} {size}", overrides.options(config)


class WithSearch(WithFields):
    """The same with the options of how the paper's model searches or samples."""

    def fields(self, slug: str, given: dict[str, Any]) -> tuple[str, list[click.Option]]:  # noqa: ARG002 (has no sizes)
        from tinygrad_lab.lab import generation  # only for a help: it brings both sides

        return f"How {slug} writes", overrides.options(generation.inference(registry.find(slug)).OPTIONS)


def words_of(given: dict[str, Any]) -> list[str]:
    """The arguments among what the parser found."""
    found = given.get("slug", given.get("slugs"))
    return [found] if isinstance(found, str) else [*found] if isinstance(found, list | tuple) else []
