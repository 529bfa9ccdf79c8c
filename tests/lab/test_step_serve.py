"""A paper's page with the engine behind it: numbers change, and only from the page itself."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.command import run
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping.serve import LONGEST, Session, server
from tinygrad_lab.lab.stepping.subject import Subject

PIXEL = {"name": "image", "index": [0, 0, 8, 8], "value": 0.25}


class Client:
    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.port = port

    def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, str]:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        usual: dict[str, str | None] = {"Host": self.host, "Origin": f"http://{self.host}",
                                        "Content_Type": "application/json"}  # fmt: skip
        given = {name.replace("_", "-"): value for name, value in {**usual, **headers}.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, None if method == "GET" else text, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    paper = registry.find("lenet")
    with server(Session(lambda: Subject(paper), "lenet", None)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        assert running.server_address[0] == "127.0.0.1"
        yield Client(running.server_address[1])
        running.shutdown()
        thread.join()


def image(text: str) -> Any:
    page = json.loads(text)
    value = next(v for v in page["trace"]["values"] if v["name"] == "image")
    return page["trace"]["tensors"][value["tensor"]]


def test_the_page_may_speak_to_its_server_and_to_nobody_else(client: Client) -> None:
    status, text = client.ask("GET", "/")
    assert status == 200
    assert "connect-src 'self'" in text


def test_a_change_is_traced_and_taken_back(client: Client) -> None:
    _, at_first = client.ask("POST", "/restore", {})
    status, changed = client.ask("POST", "/change", PIXEL)
    assert status == 200
    assert image(changed) != image(at_first)
    again = client.ask("POST", "/change", PIXEL)[1]
    assert json.loads(again) == json.loads(changed)  # dropout draws the same, nothing adds up
    restored = client.ask("POST", "/restore", {})[1]
    assert json.loads(restored) == json.loads(at_first)


@pytest.mark.parametrize(
    ("request_body", "says"),
    [
        ({"name": "imag", "index": [0], "value": 1}, "'imag' cannot be changed"),
        ({**PIXEL, "index": [0, 0, 99, 0]}, "is no place in a tensor of shape [1, 1, 16, 16]"),
        ({**PIXEL, "value": "red"}, "image: 'red' is no number"),
        ({**PIXEL, "value": 10**400}, "must be at most 1e+30 in size"),
        ({**PIXEL, "more": 1}, "a change is"),
        ([], "a change is"),
        ("{", "the request is not JSON"),
        ("[" * 5000, "the request is not JSON"),
        (b"\xff\xfe", "the request is not JSON"),
    ],
)
def test_a_wrong_change_is_one_sentence_and_changes_nothing(client: Client, request_body: Any, says: str) -> None:
    before = client.ask("POST", "/restore", {})
    status, text = client.ask("POST", "/change", request_body)
    assert status == 400
    assert says in json.loads(text)["error"]
    assert json.loads(client.ask("POST", "/restore", {})[1]) == json.loads(before[1])


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Host": "elsewhere.example"}),  # DNS that points here
        ("GET", "/../README.md", {}),
        ("GET", "/change", {}),
        ("POST", "/", {}),
        ("POST", "/change", {"Host": "elsewhere.example"}),
        ("POST", "/change", {"Origin": "http://elsewhere.example"}),  # another site's page
        ("POST", "/change", {"Origin": None}),
        ("POST", "/change", {"Content_Type": "text/plain"}),  # what a form can send
        ("POST", "/change", {"Content_Length": "9" * 30}),
    ],
)
def test_what_does_not_come_from_the_page_is_refused(client: Client, method, path, headers) -> None:
    status, text = client.ask(method, path, PIXEL, **headers)
    assert status in (403, 404, 413)
    assert json.loads(text)["error"]


def test_a_request_that_is_too_long_is_refused(client: Client) -> None:
    assert client.ask("POST", "/change", "x" * (LONGEST + 1))[0] == 413


def test_what_cannot_be_run_is_taken_back() -> None:
    paper = registry.find("seq2seq_attention")
    session = Session(lambda: Subject(paper), "seq2seq_attention", None)
    before = session.page()
    with pytest.raises(UsageError, match="lengths must be 1 whole numbers from 1 to 6"):
        session.change({"name": "length", "index": [0], "value": 0})
    assert session.page() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("relu(x)", "x=1", "--serve"), "--serve goes with a paper"),
        (("lenet", "--serve", "--quiz"), "--serve goes with a paper"),
        (("lenett", "--serve"), "unknown paper 'lenett'"),
        (("lenet", "--serve", "--variant", "1999"), "unknown variant '1999'"),
        (("relu(x)", "x=1", "--random"), "go with a paper"),
    ],
)
def test_the_command_refuses_what_cannot_be_served(arguments, says) -> None:
    result = run("step", *arguments)
    assert result.code == 2
    assert says in result.err
