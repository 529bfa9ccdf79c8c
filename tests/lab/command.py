"""Running the command line inside the test process, with its output caught."""

import contextlib
import io
from dataclasses import dataclass
from unittest import mock

from tinygrad_lab.lab import cli, console


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


def run(*arguments: str) -> Result:
    """tinygrad-lab with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(console, "stdout", console.Plain(file=out, width=200)),
        mock.patch.object(console, "stderr", console.Plain(file=err, width=200)),
    ):
        try:
            cli.main(list(arguments))
        except SystemExit as stop:
            return Result(int(stop.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main() returned")
