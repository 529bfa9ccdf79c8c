"""Processes that are killed while they write: pages, results, sites, data sets, checkpoints.

Every victim is a fork of this process, so that a kill after a few milliseconds meets work and not the start of Python.
"""

import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from traceback import format_exc
from unittest import mock

import numpy as np

from tests.data.conftest import describe, idx_bytes
from tests.faults.part import RIGHT, Outcome
from tests.lab.command import run
from tinygrad_lab.data import locate
from tinygrad_lab.data.sources import MNIST, SOURCES
from tinygrad_lab.lab import parity_report
from tinygrad_lab.lab.site import output
from tinygrad_lab.lab.site.build import Site

Work = Callable[[], None]


def started(work: Work) -> int:
    """Do ``work`` in a fork; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def killed(work: Work, seconds: float, number: int = signal.SIGKILL) -> int:
    """Do ``work`` in a fork, send it a signal after so long, and return how it ended: -9 if that was in time."""
    child = started(work)
    time.sleep(seconds)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def duration(work: Work) -> float:
    """How long ``work`` takes if it is let."""
    begin = time.perf_counter()
    assert os.waitstatus_to_exitcode(os.waitpid(started(work), 0)[1]) == 0
    return time.perf_counter() - begin


def command(*words: str) -> Work:
    """A command that has to end well."""

    def work() -> None:
        result = run(*words)
        assert result.code == 0, result.err

    return work


def remains(folder: Path) -> list[str]:
    """What writers use on their way, and should have cleared."""
    marks = (".part", ".tmp", ".lock")
    return [path.name for path in folder.rglob("*") if path.suffix in marks or path.name.startswith(output.STAGING)]


def many(count: int, draw: Random, work: Work, check: Callable[[], None]) -> int:
    """Kill ``work`` at random instants until ``count`` kills came in time; how many there were in all.

    Each time what is there is looked at.  Most kills come late, where files are written.  After the last one the work
    is done once more, undisturbed: nothing refuses it.
    """
    took, in_time, kills = duration(work), 0, 0
    while in_time < count:
        met = killed(work, draw.triangular(0.0, 1.1 * took, took)) == -signal.SIGKILL
        took *= 1.02 if met else 0.95  # other work on the machine comes and goes
        in_time, kills = in_time + met, kills + 1
        check()
    work()
    return kills


# ---- the four commands -----------------------------------------------------------------------------------------------


def pages(folder: Path, count: int, draw: Random) -> int:
    """``step --html``: the old page or the new one, whole."""
    page = folder / "page.html"

    def check() -> None:
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")

    found = many(count, draw, command("step", "relu(w*x + b)", "w=2", "x=-3", "b=1", "--html", str(page)), check)
    assert remains(folder) == []
    return found


def results(folder: Path, count: int, draw: Random, slug: str = "dropout") -> int:
    """``claims --quick``: every file of results whole, and pictures again from them."""

    def check() -> None:
        for path in folder.glob("*.json"):
            json.loads(path.read_text(encoding="utf-8"))
        for path in folder.glob("*.png"):
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")

    found = many(count, draw, command("claims", slug, "--quick", "--seeds", "1", "--out", str(folder)), check)
    assert remains(folder) == []
    command("claims", slug, "--quick", "--redraw", "--out", str(folder))()
    return found


def sites(folder: Path, count: int, draw: Random, pages: int = 400) -> int:
    """``read``, with a site that is not computed: built, exchanged, recognised, every page of it whole."""
    names = [f"part-{n % 7}/page-{n}.html" for n in range(pages)]

    def write(site: Site) -> None:
        for name in names:
            site.file(name, f"{os.getpid()}\n" + "x" * 5000 + "\n")

    def check() -> None:
        for path in folder.rglob("part-*/*.html"):
            if output.STAGING not in str(path):
                assert len(path.read_text(encoding="utf-8").split("\n")[1]) == 5000

    with mock.patch.object(Site, "write", write), mock.patch.object(parity_report, "run", return_value=[]):
        found = many(count, draw, command("read", "--out", str(folder)), check)
        assert remains(folder) == []
        texts = {path.read_text(encoding="utf-8") for path in folder.rglob("part-*/*.html")}
        assert len(texts) == 1, "pages of two sites"
    return found


def downloads(folder: Path, count: int, draw: Random) -> int:
    """``data fetch``: files that are right, or not there."""
    rng = np.random.default_rng(0)
    shapes = {"train-images-idx3-ubyte": (400, 28, 28), "train-labels-idx1-ubyte": (400,),
              "t10k-images-idx3-ubyte": (100, 28, 28), "t10k-labels-idx1-ubyte": (100,)}  # fmt: skip
    arrays = {name: rng.integers(0, 10, shape).astype(np.uint8) for name, shape in shapes.items()}
    files = [describe(name, array) for name, array in arrays.items()]
    cache = folder / "mnist"

    def check() -> None:
        for file in files:
            if (cache / f"{file.name}.gz").exists():
                np.testing.assert_array_equal(file.read(cache / f"{file.name}.gz"), arrays[file.name])

    def work() -> None:
        for path in cache.glob("*.gz"):
            path.unlink()
        command("data", "fetch", "mnist")()

    with served({f"/{name}.gz": gzip.compress(idx_bytes(array)) for name, array in arrays.items()}) as address:
        small = replace(MNIST, splits={"train": (files[0], files[1]), "test": (files[2], files[3])}, mirrors=(address,))
        with (
            mock.patch.dict(SOURCES, mnist=small),
            mock.patch.object(locate, "SYSTEM_FOLDERS", ()),
            mock.patch("pooch.os_cache", return_value=folder),
            mock.patch.dict(os.environ, NO_PROXY="127.0.0.1"),
        ):
            found = many(count, draw, work, check)
            assert remains(folder) == []
    return found


@contextmanager
def served(content: dict[str, bytes]) -> Iterator[str]:
    """The address of a slow web server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for start in range(0, len(body), 1 << 14):
                self.wfile.write(body[start : start + (1 << 14)])
                time.sleep(0.005)

        def handle(self) -> None:
            with suppress(OSError):  # the other end was killed
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


COMMANDS = {"step --html": pages, "claims --quick": results, "read": sites, "data fetch": downloads}

IN_A_ROW = 5  # kills of a command, between which it is let go on


def tries(draw: Random) -> Iterator[Outcome]:
    """Some kills of each command, and again."""
    with TemporaryDirectory() as place:
        for number, (name, kill) in enumerate(cycle(COMMANDS.items())):
            folder = Path(place) / str(number)
            folder.mkdir()
            try:
                kill(folder, IN_A_ROW, draw)
                kind = RIGHT
            except AssertionError:
                kind = "lost"
            yield from [Outcome(kind, f"{name} {format_exc()[-600:]}")] * IN_A_ROW
