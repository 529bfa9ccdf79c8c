"""``tinygrad-lab step``: from a target to one of the stepper's faces."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.stepping import expression, page
from tinygrad_lab.lab.stepping.drawing import EXPLAINED, rule_lines
from tinygrad_lab.lab.stepping.outline import Branch, branches, walk
from tinygrad_lab.lab.stepping.subject import Subject
from tinygrad_lab.lab.stepping.target import Traced, trace_target
from tinygrad_lab.trace import Backward
from tinygrad_lab.trace.schema import as_json, not_finite

BEFORE = len("   0 forward   ")  # of a step's line: what stands before its operation
PRINTERS = ("", "dumb", "unknown")  # terminals that can only go on to the next line, or do not say what they can


def show(
    target: str,
    values: Sequence[str],
    module: str | None,
    variant: str | None,
    random: bool,
    html_file: Path | None,
    json_file: str | None,
    quiz: bool,
) -> None:
    """Trace a target and write it, or open the terminal's screen, or print it.

    Raises:
        UsageError: a target that cannot be traced, or a file that cannot be written.
    """
    if html_file is not None:
        page.try_place(html_file)
    traced = trace_target(target, values, module, variant, random)
    if html_file is not None:
        page.write(html_file, traced, quiz)
        click.echo(f"wrote {html_file}: {len(traced.trace)} steps", err=True)
    if json_file:
        console.write_json(as_json(traced.trace), json_file)
    if html_file is None and not json_file:
        if on_a_terminal():
            from tinygrad_lab.lab.stepping import terminal

            terminal.run(traced, quiz)
        else:
            if quiz:
                click.echo("--quiz asks on a terminal, and on a page that --html writes: all is told here", err=True)
            print_steps(traced)


def serve(target: str, module: str | None, variant: str | None, random: bool) -> None:
    """Show a paper's page on a server of this machine, with numbers that can be changed.

    Raises:
        UsageError: no such paper, variant or module.
    """
    from tinygrad_lab.lab.stepping import serve as serving

    paper = registry.find(target)
    serving.serve(serving.Session(lambda: Subject(paper, variant, random), target, module))


def on_a_terminal() -> bool:
    """Whether somebody is looking, at a terminal that can show a screen and has keys."""
    return sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM", "") not in PRINTERS


def print_steps(traced: Traced) -> None:
    """A line for each step, below its module's, with its rule going back; and which step lost a number, if one did."""
    click.echo(f"{traced.title}: {traced.item}" if traced.item else traced.title)
    if expression.SUMMED in traced.sources.get(expression.FILE, ""):
        click.echo(expression.SUMMED)
    turning = next((step for step in traced.trace if isinstance(step, Backward)), None)
    for depth, item in walk(branches(list(traced.trace))):
        indent = "  " * depth
        text = " " * BEFORE + item.name if isinstance(item, Branch) else str(item)
        if item is turning:
            click.echo(EXPLAINED)
        click.echo(text[:BEFORE] + indent + text[BEFORE:])
        if isinstance(item, Backward):
            for line in rule_lines(item):
                click.echo(f"{'':16}{indent}{line}")
    born = not_finite(traced.trace)
    if born:
        name = traced.trace[born["step"]].operation.name
        click.echo(f"step {born['step']}, {name}, makes the first {born['what']} out of finite numbers", err=True)
