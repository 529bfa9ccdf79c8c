"""A small data set in place of MNIST, a machine on which nothing is installed, and a mirror on this machine."""

import gzip
import hashlib
import struct
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest

from tinygrad_lab.data import locate
from tinygrad_lab.data.sources import MNIST, SOURCES, IdxFile


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of bytes in the IDX format, written here independently of the reader."""
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def describe(name: str, array: np.ndarray) -> IdxFile:
    return IdxFile(name, array.shape, hashlib.sha256(idx_bytes(array)).hexdigest())


@pytest.fixture
def arrays():
    """The content of the small data set's four files, by file name."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": np.array(rng.integers(0, 256, (6, 4, 4)), np.uint8),
        "train-labels-idx1-ubyte": np.array([0, 1, 2, 0, 1, 9], np.uint8),
        "t10k-images-idx3-ubyte": np.array(rng.integers(0, 256, (3, 4, 4)), np.uint8),
        "t10k-labels-idx1-ubyte": np.array([3, 4, 5], np.uint8),
    }


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty folders for the three places that are searched, in the order of the search; the variable is not set."""
    folders = {name: tmp_path / name for name in ("named", "system", "cache")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.delenv(locate.VARIABLE, raising=False)
    monkeypatch.setattr(locate, "SYSTEM_FOLDERS", (folders["system"],))
    monkeypatch.setattr(pooch, "os_cache", lambda _: folders["cache"])
    return folders


@pytest.fixture
def mirror(monkeypatch):
    """(address, content by path, its handler) of a web server on this machine."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", served, Handler
        server.shutdown()


@pytest.fixture
def source(request, arrays, mirror, monkeypatch):
    """The small data set under MNIST's name, found nowhere, with a mirror that serves nothing yet."""
    request.getfixturevalue("places")
    files = [describe(name, array) for name, array in arrays.items()]
    splits = {"train": tuple(files[:2]), "test": tuple(files[2:])}
    small = replace(MNIST, splits=splits, mirrors=(mirror[0],))
    monkeypatch.setitem(SOURCES, "mnist", small)
    return small


@pytest.fixture
def put(arrays, source):
    """put(folder): write the four files of the small data set below it, gzipped."""

    def write(folder):
        (folder / source.name).mkdir()
        for name, array in arrays.items():
            (folder / source.name / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))

    return write
