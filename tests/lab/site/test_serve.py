"""The site served on this machine."""

import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from tinygrad_lab.lab.site.serve import server


def test_the_server_is_of_this_machine_only(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello", encoding="utf-8")
    with server(tmp_path) as running:
        host, port = running.server_address[:2]
        assert host == "127.0.0.1"
        Thread(target=running.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"hello"
        with server(tmp_path) as second:  # the port is taken: another one
            assert second.server_address[1] != port
        running.shutdown()


@pytest.mark.parametrize(
    ("error", "shown"), [(BrokenPipeError(), False), (ConnectionResetError(), False), (KeyError(), True)]
)
def test_a_caller_who_leaves_is_no_error(
    error: Exception, shown: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(tmp_path) as running:
        try:
            raise error
        except Exception:
            running.handle_error(None, ("127.0.0.1", 0))
    assert bool(capsys.readouterr().err) == shown
