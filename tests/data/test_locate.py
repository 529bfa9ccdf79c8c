"""The search: its order, what is corrupt, what is nowhere, and downloads from a mirror on this machine."""

import contextlib
import gzip
import re
import sys
import time

import numpy as np
import pytest

from tests.data.conftest import idx_bytes
from tinygrad_lab.data import DataError, available, default_images, download, fetch, load_images
from tinygrad_lab.data.locate import VARIABLE, find
from tinygrad_lab.files import UNFINISHED


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def serve(mirror, arrays):
    mirror[1].update({f"/{name}.gz": gzip.compress(idx_bytes(array)) for name, array in arrays.items()})


def test_the_named_folder_comes_before_the_system_and_the_system_before_the_cache(places, source, put, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(places["named"]))
    file = source.files[0]
    assert find(source, file) is None
    for place in ("cache", "system", "named"):
        put(places[place])
        assert find(source, file) == places[place] / "mnist" / f"{file.name}.gz"


def test_files_need_not_be_compressed(places, put):
    put(places["system"])
    folder = places["system"] / "mnist"
    for path in list(folder.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert load_images("mnist").source == str(folder / "train-images-idx3-ubyte")


def test_images_are_scaled_and_labels_kept(places, put, arrays):
    put(places["cache"])
    data = load_images("mnist", "test")
    np.testing.assert_array_equal(np.rint(data.images[:, 0] * 255), arrays["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.labels, [3, 4, 5])
    assert data.images.dtype == np.float32
    assert data.images.shape == (3, 1, 4, 4)
    assert data.checksum != load_images("mnist", "train").checksum


def test_a_corrupt_file_is_an_error_although_a_later_place_has_a_good_one(places, put):
    put(places["system"])
    put(places["cache"])
    bad = places["system"] / "mnist" / "train-labels-idx1-ubyte.gz"
    bad.write_bytes(gzip.compress(idx_bytes(np.zeros(6, np.uint8))))
    with pytest.raises(DataError, match=f"^{re.escape(str(bad))}: the content's SHA-256 is .*, expected "):
        load_images("mnist")


@pytest.mark.usefixtures("source")
def test_a_variable_that_names_no_folder_is_an_error(places, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(places["named"] / "typo"))
    with pytest.raises(DataError, match=f"{VARIABLE} is '.*typo', which is not a folder"):
        load_images("mnist")


@pytest.mark.usefixtures("source")
def test_what_is_nowhere_is_an_error_with_places_and_ways(places, monkeypatch):
    with pytest.raises(DataError, match="train-images-idx3-ubyte could not be had") as caught:
        load_images("mnist")
    message = str(caught.value)
    for said in ("404", str(places["system"]), str(places["cache"]), f"{VARIABLE} is not set", "data fetch mnist"):
        assert said in message
    monkeypatch.setenv(VARIABLE, str(places["named"]))
    with pytest.raises(DataError, match=re.escape(str(places["named"] / "mnist"))):
        load_images("mnist")


@pytest.mark.usefixtures("source")
def test_what_is_nowhere_is_downloaded_once_into_the_cache(places, mirror, arrays):
    serve(mirror, arrays)
    data = load_images("mnist")
    np.testing.assert_array_equal(data.labels, arrays["train-labels-idx1-ubyte"])
    assert files_below(places["cache"]) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    mirror[1].clear()
    np.testing.assert_array_equal(load_images("mnist").images, data.images)


@pytest.mark.parametrize(
    "served", [b"<html>sorry</html>", gzip.compress(b"\0\0\x08\x01\0\0\0\x06abcdef", mtime=0), b""]
)
@pytest.mark.usefixtures("source")
def test_a_corrupt_download_is_an_error_and_leaves_nothing(places, mirror, arrays, served):
    serve(mirror, arrays)
    mirror[1]["/train-labels-idx1-ubyte.gz"] = served
    with pytest.raises(DataError, match=r"labels-idx1-ubyte\.gz: what was served is not the file: .*(expected|IDX)"):
        load_images("mnist")
    assert files_below(places["cache"]) == ["train-images-idx3-ubyte.gz"]


def test_the_next_mirror_is_tried_after_a_failure(source, mirror, arrays):
    serve(mirror, arrays)
    object.__setattr__(source, "mirrors", (f"{mirror[0]}gone/", mirror[0]))
    assert len(load_images("mnist").labels) == 6


@pytest.mark.usefixtures("source")
def test_fetch_fills_the_cache_and_replaces_what_is_corrupt_there(places, mirror, arrays):
    serve(mirror, arrays)
    assert fetch("mnist") == places["cache"] / "mnist"
    assert files_below(places["cache"]) == sorted(f"{name}.gz" for name in arrays)
    bad = places["cache"] / "mnist" / "t10k-labels-idx1-ubyte.gz"
    kept = places["cache"] / "mnist" / "t10k-images-idx3-ubyte.gz"
    bad.write_bytes(b"half")
    before = kept.stat().st_mtime_ns
    fetch("mnist")
    assert len(load_images("mnist", "test").labels) == 3
    assert kept.stat().st_mtime_ns == before


@pytest.mark.usefixtures("source")
def test_nothing_to_fetch_for_the_digits():
    with pytest.raises(ValueError, match="nothing to fetch"):
        fetch("digits")


@pytest.mark.usefixtures("source")
def test_without_pooch_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-lab\[lab\]'"):
        load_images("mnist")


def test_a_data_set_is_available_only_when_complete(places, put):
    assert not available("mnist")
    put(places["cache"])
    assert available("mnist")
    (places["cache"] / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    assert not available("mnist")


def test_the_default_is_mnist_where_found_else_the_digits(places, put):
    assert default_images().name == "digits"
    put(places["system"])
    assert default_images().name == "mnist"


@pytest.mark.usefixtures("source")
def test_unknown_names_are_errors():
    for function in (load_images, available, fetch):
        with pytest.raises(ValueError, match=r"one of mnist, fashion-mnist, .*, got '\.\./secret'"):
            function("../secret")
    with pytest.raises(ValueError, match=r"one of mnist, fashion-mnist, digits, got 'timemachine'"):
        load_images("timemachine")
    with pytest.raises(ValueError, match="split must be one of train, test, got 'valid'"):
        load_images("digits", "valid")


# ---- downloads on a bad day ------------------------------------------------------------------------------------------


def answer(mirror, monkeypatch, respond):
    """Let the mirror answer with ``respond(handler)`` whatever is asked."""
    monkeypatch.setattr(mirror[2], "do_GET", respond)


def endless_body(handler):
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(bytes(1 << 16))


def dripping_body(handler):
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)


def redirect_to(address):
    def respond(handler):
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return respond


def cut_short(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)


@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (endless_body, "more than .* bytes are served"),
        (dripping_body, "stalled: .* bytes in 0 seconds"),
        (redirect_to("http://[::1"), "Invalid|parse"),
        (redirect_to("file:///etc/passwd"), "adapters"),
        (redirect_to("/elsewhere"), "redirects"),
        (cut_short, "expected|IncompleteRead|not the file"),
    ],
)
@pytest.mark.usefixtures("source")
def test_a_server_that_misbehaves_is_one_error_and_leaves_nothing(respond, said, places, mirror, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.2)
    answer(mirror, monkeypatch, respond)
    begin = time.monotonic()
    with pytest.raises(DataError, match=said):
        load_images("mnist")
    assert time.monotonic() - begin < 5
    assert files_below(places["cache"]) == []


@pytest.mark.usefixtures("source")
def test_what_a_killed_download_left_is_cleared(places, mirror, arrays):
    left = places["cache"] / "mnist" / UNFINISHED.format("12345-0")
    left.parent.mkdir()
    left.write_bytes(b"half")
    serve(mirror, arrays)
    fetch("mnist")
    assert files_below(places["cache"]) == sorted(f"{name}.gz" for name in arrays)
