"""Downloads from servers that misbehave: the right files, or one clear error and nothing left."""

import gzip
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np

from tests.data.conftest import describe, idx_bytes
from tests.faults import damage
from tests.faults.kills import remains
from tests.faults.part import REFUSED, RIGHT, Outcome
from tests.lab.command import run
from tinygrad_lab.data import download, locate
from tinygrad_lab.data.sources import MNIST, SOURCES

PATIENCE = 0.2  # seconds, in place of half a minute
SLOW = 30  # seconds after which an end is none
SHAPES = {
    "train-images-idx3-ubyte": (6, 4, 4), "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (3, 4, 4), "t10k-labels-idx1-ubyte": (3,),
}  # fmt: skip
Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler, bytes, Random], None]


def whole(handler: Handler, content: bytes, _draw: Random, length: int | None = None) -> None:
    """What was asked for."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def damaged(handler: Handler, content: bytes, draw: Random) -> None:
    whole(handler, damage.of_bytes(content, draw), draw)


def packed_again(handler: Handler, content: bytes, draw: Random) -> None:
    """A right gzip of wrong content."""
    whole(handler, gzip.compress(damage.of_bytes(gzip.decompress(content), draw)), draw)


def cut(handler: Handler, content: bytes, draw: Random) -> None:
    whole(handler, content[: draw.randrange(len(content))], draw, len(content))


def wrong_length(handler: Handler, content: bytes, draw: Random) -> None:
    whole(handler, content, draw, draw.choice((0, 1, len(content) - 1, 10**12, -1)))


def refused(handler: Handler, _content: bytes, draw: Random) -> None:
    handler.send_error(draw.choice((400, 403, 404, 429, 500, 503)))


def sent_elsewhere(handler: Handler, _content: bytes, draw: Random) -> None:
    places = (
        "/again",
        "http://[::1",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
        "\u00e9",
        "",
        "gopher://a",
        "http://",
    )
    handler.send_response(draw.choice((301, 302, 303, 307, 308)))
    handler.send_header("Location", draw.choice(places).encode().decode("latin-1"))
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def nonsense(handler: Handler, _content: bytes, draw: Random) -> None:
    handler.wfile.write(
        draw.choice((b"", b"HTTP/1.1\r\n", b"SMTP ready\r\n", draw.randbytes(200), b"HTTP/1.1 999 x\r\n\r\n"))
    )


def endless(handler: Handler, _content: bytes, draw: Random) -> None:
    handler.send_response(200)
    handler.end_headers()
    piece, pause = draw.choice(((bytes(1 << 16), 0.0), (b"x", 0.02)))
    for _ in range(10_000):
        handler.wfile.write(piece)
        time.sleep(pause)


ANSWERS: list[Answer] = [
    whole, damaged, packed_again, cut, wrong_length, refused, sent_elsewhere, nonsense, endless,
]  # fmt: skip


class Mirror:
    """A small MNIST on a server of this machine, which answers as each request has it."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        arrays = {name: rng.integers(0, 10, shape).astype(np.uint8) for name, shape in SHAPES.items()}
        self.files = [describe(name, array) for name, array in arrays.items()]
        self.content = {f"/{name}.gz": gzip.compress(idx_bytes(array)) for name, array in arrays.items()}
        self.cache = folder / "mnist"
        self.answers: Callable[[], Answer] = lambda: whole
        self.draw = Random(0)

    def outcome(self, draw: Random) -> Outcome:
        """What ``data fetch`` comes to, if about half of the answers are wrong ones."""
        used: list[str] = []

        def answer() -> Answer:
            used.append((chosen := draw.choice([whole] * 8 + ANSWERS)).__name__)
            return chosen

        self.answers, self.draw = answer, draw
        begin = time.monotonic()
        result = run("data", "fetch", "mnist")
        late = time.monotonic() - begin > SLOW
        bad = ["late"] * late + self._wrong() + remains(self.cache.parent)
        there = all((self.cache / f"{file.name}.gz").exists() for file in self.files)
        lines = [line for line in result.err.splitlines() if line.startswith("tinygrad-lab: ")]
        clear = result.code == 2 and len(lines) == 1 and "Traceback" not in result.err
        rmtree(self.cache, ignore_errors=True)
        about = f"{used} {result.code} {result.err[-400:]}"
        if bad:
            return Outcome(", ".join(bad), about)
        if result.code == 0:
            return Outcome(RIGHT if there else "nothing there", about)
        return Outcome(REFUSED if clear and "TINYGRAD_LAB_DEBUG" not in result.err else "unclear", about)

    def _wrong(self) -> list[str]:
        """The files that are there and are not what they should be."""
        found = []
        for file in self.files:
            path = self.cache / f"{file.name}.gz"
            if path.exists() and gzip.decompress(path.read_bytes()) != gzip.decompress(self.content[f"/{path.name}"]):
                found.append(path.name)
        return found

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, and be all there is of MNIST."""

        class Served(BaseHTTPRequestHandler):
            mirror = self

            def do_GET(self) -> None:
                content = self.mirror.content.get(self.path, b"not here")
                self.mirror.answers()(self, content, self.mirror.draw)

            def handle(self) -> None:
                with suppress(OSError):  # nobody listens any more
                    super().handle()

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server, ExitStack() as stack:
            splits = {"train": tuple(self.files[:2]), "test": tuple(self.files[2:])}
            address = f"http://127.0.0.1:{server.server_port}/"
            small = replace(MNIST, splits=splits, mirrors=(address,))
            for patch in (
                mock.patch.dict(SOURCES, mnist=small), mock.patch.object(locate, "SYSTEM_FOLDERS", ()),
                mock.patch("pooch.os_cache", return_value=self.cache.parent),
                mock.patch.dict(os.environ, NO_PROXY="127.0.0.1"),
                mock.patch.object(download, "PATIENCE", PATIENCE),
            ):  # fmt: skip
                stack.enter_context(patch)
            threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()


def tries(draw: Random) -> Iterator[Outcome]:
    """A data set fetched, and again."""
    with TemporaryDirectory() as place:
        mirror = Mirror(Path(place))
        with mirror.running():
            while True:
                yield mirror.outcome(draw)
