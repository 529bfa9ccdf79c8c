"""Looking at a site through a server of one's own machine."""

import contextlib
import functools
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import click

from tinygrad_lab.lab.local_server import LocalServer

PORT = 8000  # or any free one, where somebody else has it


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each file helps nobody."""


def serve(folder: Path) -> None:
    """Serve these files until interrupted, and say where."""
    with server(folder) as running:
        click.echo(f"http://127.0.0.1:{running.server_address[1]}/ (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()


def server(folder: Path) -> LocalServer:
    """A server of these files, for this machine only; its address is in ``server_address``."""
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        return LocalServer(("127.0.0.1", PORT), handler)
    except OSError:
        return LocalServer(("127.0.0.1", 0), handler)
