"""The servers of ``read`` and ``step``, asked as nobody should: an answer, or a refusal; and they go on.

What is asked is a right request with something wrong in it: bytes that have changed, another host,
a path that leads out, a body that is no change, a line that never ends, a caller who has left.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from traceback import format_exc
from typing import Any
from unittest import mock

from tests.faults import damage
from tests.faults.part import REFUSED, RIGHT, Outcome
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site.serve import server as site_server
from tinygrad_lab.lab.stepping.serve import Session
from tinygrad_lab.lab.stepping.serve import server as step_server
from tinygrad_lab.lab.stepping.subject import Subject

PIXEL = {"name": "image", "index": [0, 0, 8, 8], "value": 0.25}
SECRET = "a secret beside the site"
PATIENCE = 20  # seconds for an answer
LATE = b"no answer in time"
PATHS = [
    "/../secret", "/%2e%2e/secret", "/..%2fsecret", "//../secret", "/a/../../secret", "/%00", "/%ff%fe", "/a" * 3000,
    "/index.html%00.txt", "/link", "http://elsewhere.example/", "*", "/?" + "x" * 500, "/\\..\\secret", "/change/",
]  # fmt: skip
LINES = [
    "Host: elsewhere.example", "Origin: http://elsewhere.example", "Content-Length: -1", "Content-Length: 99999999999",
    "Content-Length: 1e3", "Content-Length: 0x10", "Content-Type: text/plain", "Transfer-Encoding: chunked",
    "Expect: 100-continue", "X: " + "y" * 70_000, "no colon", ": no name", "Range: bytes=0-", "Connection: keep-alive",
    "If-Modified-Since: never", "If-Modified-Since: Mon, 99 Jan 99999 99:99:99 GMT",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "G\0T", ""]
ODD = [0, -1, 1e308, float("nan"), None, True, "0.5", [], {}, [0, 0, 8], [0, 0, 99, 8], 10**400, "image", [0.5] * 4]


def request(port: int, method: str, path: str, body: bytes, *lines: str) -> bytes:
    """As a page of the server itself would send it, with further lines."""
    host = f"127.0.0.1:{port}"
    usual = [f"Host: {host}", f"Origin: http://{host}", "Content-Type: application/json"]
    mine = {line.partition(":")[0] for line in lines}
    head = [line for line in [*usual, f"Content-Length: {len(body)}"] if line.partition(":")[0] not in mine]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *head, *lines, "", ""]).encode("latin-1") + body


def odd(draw: Random, port: int) -> bytes:
    """A request with something wrong in it; now and then with nothing."""
    change = json.dumps({**PIXEL, draw.choice([*PIXEL, "more"]): draw.choice(ODD)}).encode()
    body = draw.choice([json.dumps(PIXEL).encode(), change, b"", b"[" * 5000, b"{}", b"\xff\xfe"])
    path = draw.choice(["/", "/", "/change", "/change", "/restore", draw.choice(PATHS)])
    method = draw.choice(["GET", "POST", "POST", draw.choice(METHODS)])
    lines = draw.sample(LINES, draw.choice((0, 0, 1, 1, 2)))
    whole = request(port, method, path, body, *lines)
    return damage.of_bytes(whole, draw) if draw.random() < 0.4 else whole


def asked(port: int, content: bytes, leave: bool) -> bytes:
    """What a server answers; nothing to a caller who leaves before it does."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(content)
            if leave:
                return b""
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))
        except TimeoutError:
            return LATE
        except OSError:  # it did not want to read on
            return b""


def judged(answer: bytes, failures: list[str]) -> Outcome:
    """Whether an answer is one: what was asked for, or a short refusal; or the caller was left alone."""
    if failures:
        return Outcome("traceback", failures.pop()[-800:])
    status = answer.split(b" ")[1:2]
    if answer == LATE:
        return Outcome("no end", str(LATE))
    if SECRET.encode() in answer:
        return Outcome("out of the folder", str(answer[:200]))
    if not answer or not answer.startswith(b"HTTP/") or status in ([b"200"], [b"304"], [b"206"]):
        return Outcome(RIGHT)
    short = b"Traceback" not in answer and len(answer) < 2000
    known = b"".join(status)[:1] in (b"4", b"5") or status == [b"301"]
    return Outcome(REFUSED if short and known else "unclear", str(answer[:300]))


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the tracebacks that it would show."""
    failures: list[str] = []

    def failed(*_: Any) -> None:
        failures.append(format_exc())

    with server, mock.patch.object(ThreadingHTTPServer, "handle_error", failed):
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_address[1], failures
        finally:  # a thread that serves from a closed socket turns for ever
            server.shutdown()


def stepper() -> ThreadingHTTPServer:
    """The server of ``step lenet --serve``."""
    paper = registry.find("lenet")
    return step_server(Session(lambda: Subject(paper), "lenet", None))


def site(folder: Path) -> ThreadingHTTPServer:
    """The server of ``read --serve``, with a secret beside its folder."""
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("hello", encoding="utf-8")
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    return site_server(folder / "site")


def well(port: int) -> Callable[[], bool]:
    """Whether the page is still what it was when this began; the stepper's after all is taken back."""

    def page() -> bytes:
        asked(port, request(port, "POST", "/restore", b"{}"), False)
        return asked(port, request(port, "GET", "/", b""), False).partition(b"\r\n\r\n")[2]

    before = page()
    return lambda: bool(before) and page() == before


def tries(draw: Random) -> Iterator[Outcome]:
    """A request to each server, and again; after some of them whether both are well."""
    with TemporaryDirectory() as place, running(stepper()) as step, running(site(Path(place))) as read:
        still = [well(step[0]), well(read[0])]
        for number, (port, failures) in enumerate(cycle((step, read)), 1):
            content = odd(draw, port)
            outcome = judged(asked(port, content, draw.random() < 0.1), failures)
            if number % 20 == 0 and not all(check() for check in still):
                outcome = Outcome("not well", "")
            yield Outcome(outcome.kind, f"{outcome.about} {content[:300]!r}")
