"""``tinygrad-lab step PAPER --serve``: the paper's page with the engine behind it, for this machine only.

    GET  /          the page
    POST /change    {"name": "image", "index": [0, 0, 3, 4], "value": 0.5}: puts the number there and traces anew
    POST /restore   {}: everything as it was at first

Both posts answer with what the page is given, or with {"error": a sentence}.  A request is answered only if it names
this server as its host, and a post only if it is JSON from this server's own page: another site's page cannot send one.
"""

import contextlib
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

import click

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.local_server import LocalServer
from tinygrad_lab.lab.stepping.page import contents, embedded, render
from tinygrad_lab.lab.stepping.subject import Subject
from tinygrad_lab.lab.stepping.target import Traced, trace_subject

HOSTS = ("127.0.0.1", "localhost")
LONGEST = 10_000  # bytes of a request
REFUSED = (ValueError, TypeError, IndexError, RuntimeError)  # what a model complains with: UsageError is one of them
Answer = tuple[HTTPStatus, str, str]  # with type and text


class Session:
    """One subject that is changed and traced again.

    Args:
        make: makes the subject as it is at first.
        slug: the paper's.
        module: the only part that is shown; all if None.
    """

    def __init__(self, make: Callable[[], Subject], slug: str, module: str | None) -> None:
        self._make, self._slug, self._module = make, slug, module
        self._one_at_a_time = threading.Lock()
        self._subject = make()
        self.traced()  # what cannot be shown is refused before anything is served

    def traced(self) -> Traced:
        """Trace the subject as it is now."""
        return trace_subject(self._slug, self._subject, self._module)

    def page(self) -> str:
        """The whole page."""
        with self._one_at_a_time:
            return render(self.traced(), served=True)

    def change(self, request: Any) -> dict[str, Any]:
        """Put a number into its place; if the model then cannot be run, take it back.

        Raises:
            UsageError: a request, place or number that is wrong, or one with which the model cannot be run.
        """
        if not isinstance(request, dict) or set(request) != {"name", "index", "value"}:
            raise UsageError('a change is {"name": ..., "index": [...], "value": ...}')
        with self._one_at_a_time:
            before = self._subject.get(request["name"], request["index"])
            self._subject.change(**request)
            try:
                return contents(self.traced(), quiz=False, served=True)
            except REFUSED as error:
                self._subject.change(request["name"], request["index"], before)
                raise UsageError(str(error)) from error

    def restore(self, _: Any) -> dict[str, Any]:
        """Take back all changes."""
        with self._one_at_a_time:
            self._subject = self._make()
            return contents(self.traced(), quiz=False, served=True)


class _Handler(BaseHTTPRequestHandler):
    session: Session
    server: LocalServer

    def do_GET(self) -> None:
        if self._own_host() and self.path == "/":
            self._send(HTTPStatus.OK, "text/html", self.session.page())
        else:
            self._send(*_refusal(HTTPStatus.NOT_FOUND, "there is nothing here but the page at /"))

    def do_POST(self) -> None:
        self._send(*self._answer())

    def _answer(self) -> Answer:
        act = {"/change": self.session.change, "/restore": self.session.restore}.get(self.path)
        if act is None or not self._own_host() or not self._own_page():
            return _refusal(HTTPStatus.FORBIDDEN, "only this server's own page can change numbers")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > LONGEST:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LONGEST} bytes")
        try:
            request = json.loads(self.rfile.read(int(length)))
            return HTTPStatus.OK, "application/json", embedded(act(request))
        except (UsageError, ValueError, RecursionError) as error:
            says = str(error) if isinstance(error, UsageError) else "the request is not JSON"
            return _refusal(HTTPStatus.BAD_REQUEST, says)

    def _own_host(self) -> bool:
        return self.headers.get("Host") in self._hosts()

    def _own_page(self) -> bool:
        json_sent = self.headers.get("Content-Type") == "application/json"
        return json_sent and self.headers.get("Origin") in [f"http://{host}" for host in self._hosts()]

    def _hosts(self) -> list[str]:
        return [f"{host}:{self.server.server_address[1]}" for host in HOSTS]

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each change helps nobody."""


def _refusal(status: HTTPStatus, says: str) -> Answer:
    return status, "application/json", json.dumps({"error": says})


def server(session: Session) -> LocalServer:
    """A server of this session, for this machine only, at a free port; its address is in ``server_address``."""
    return LocalServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"session": session}))


def serve(session: Session) -> None:
    """Serve until interrupted, and say where."""
    with server(session) as running:
        click.echo(f"http://127.0.0.1:{running.server_address[1]}/ (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()
