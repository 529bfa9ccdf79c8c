"""Files that are well-formed and wrong: each is one error that names file and field, soon and in little memory."""

import json
import os
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tinygrad_lab.checkpoint import CheckpointError, load
from tinygrad_lab.documents import parse, read_document
from tinygrad_lab.stored import INDEX, read_folder, tensor_files


def written(path: Path, header: Any, data: bytes = b"") -> Path:
    """A file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (DEEP, "its header is nested deeper than 50 levels"),
        (b'{"a":' + DEEP + b"}", "its header is nested deeper than 50 levels"),
        (b"[]", "its header must be a JSON object"),
        (b"{", "its header is not JSON"),
        (b"\xff{}", "its header is not JSON"),
        ({"a": 3}, "tensor 'a' must be a JSON object, got 3"),
        ({"a": entry(dtype="F7")}, "tensor 'a' is of type 'F7', which is not read"),
        ({"a": entry(dtype=None)}, "tensor 'a' is of type None"),
        ({"a": entry(shape=2)}, "tensor 'a': shape must be a list of sizes, got 2"),
        ({"a": entry(shape=[-2])}, "shape must be a list of sizes"),
        ({"a": entry(shape=[2.0])}, "shape must be a list of sizes"),
        ({"a": entry(shape=[True, 2])}, "shape must be a list of sizes"),
        ({"a": entry(shape=[1] * 40)}, "shape must be a list of sizes"),
        ({"a": entry(offsets=["0", 8])}, r"data_offsets must be two numbers, got \['0', 8\]"),
        ({"a": entry(offsets=[8])}, "data_offsets must be two numbers"),
        ({"a": entry(offsets=[8, 0])}, "data_offsets must be 8 bytes apart"),
        ({"a": entry(shape=[3])}, "data_offsets must be 12 bytes apart"),
        ({"a": entry(), "b": entry()}, "tensor 'b' does not begin where the last one ends"),
        ({"a": entry(offsets=[4, 12])}, "truncated or damaged"),
        ({"a": entry(), "__metadata__": []}, "__metadata__ must be strings by name"),
        ({"a": entry(), "__metadata__": {"x": 1}}, "__metadata__ must be strings by name"),
        ({"a": entry(shape=[2**61, 2**61], offsets=[0, 2**62 - 1])}, "data_offsets must be [0-9]+ bytes apart"),
    ],
)
def test_a_wrong_header_is_one_error_that_names_the_field(tmp_path: Path, header: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load(written(tmp_path / "file", header, bytes(8)))
    assert str(tmp_path / "file") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


CHECKSUM = zlib.crc32(np.ones(1, np.float32))
ABOUT = {"format": 1, "crc32": {}, "aliases": {}, "metadata": {}}


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (3, "must be a JSON object, got 3"),
        ({**ABOUT, "format": None}, "has format None"),
        ({**ABOUT, "format": [["deep"]]}, "has format"),
        ({**ABOUT, "crc32": None}, "wrong checksum of a"),
        ({**ABOUT, "crc32": 7}, "crc32 must be a JSON object, got 7"),
        ({**ABOUT, "crc32": {"a": "1"}}, "wrong checksum of a"),
        ({**ABOUT, "crc32": {"a": CHECKSUM}, "aliases": {"b": "c"}}, "alias 'b' of 'c'"),
        ({**ABOUT, "crc32": {"a": CHECKSUM}, "aliases": {"b": 3}}, "alias 'b' of 3"),
        ({**ABOUT, "crc32": {"a": CHECKSUM}, "aliases": {"a": "a"}}, "alias 'a' of 'a'"),
        ({**ABOUT, "crc32": {"a": CHECKSUM}, "metadata": []}, "metadata must be a JSON object"),
    ],
)
def test_foreign_metadata_under_our_name(tmp_path: Path, about: Any, message: str) -> None:
    save_file({"a": np.ones(1, np.float32)}, tmp_path / "file", {"tinygrad_lab": json.dumps(about)})
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "file")


def test_what_is_left_out_of_our_metadata_is_empty(tmp_path: Path) -> None:
    save_file({}, tmp_path / "file", {"tinygrad_lab": '{"format": 1}'})
    assert load(tmp_path / "file") == ({}, {})


def test_pipes_folders_and_missing_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("pipe", "no regular file"), ("", "a folder"), ("none", "none does not exist")):
        with pytest.raises(CheckpointError, match=message):
            load(tmp_path / name)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        b'{"a":[' + b"[]," * 3_000_000 + b"[]]}",
        b'{"a":[' + b"[1234567890]," * 600_000 + b"[]]}",
        b'{"a":"' + b"x" * 20_000_000 + b'"}',
        b'{"__metadata__":{"a":' + b"9" * 5_000 + b"}}",
    ],
    ids=["deep", "wide", "less wide", "large", "digits"],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_to_refuse_a_file_takes_not_much_memory(tmp_path: Path, header: bytes) -> None:
    path = written(tmp_path / "file", header)
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < max(2.2 * len(header), 300_000_000)


@pytest.mark.usefixtures("unchecked_shapes")
def test_100_000_empty_tensors_are_read_in_seconds(tmp_path: Path) -> None:
    path = written(tmp_path / "file", {str(number): entry(shape=[0], offsets=[0, 0]) for number in range(100_000)})
    tensors, _ = load(path)
    assert len(tensors) == 100_000


# ---- folders ---------------------------------------------------------------------------------------------------------


def sharded(folder: Path, **weight_map: Any) -> Path:
    """Two files and an index."""
    for number, names in enumerate(("ab", "c"), 1):
        save_file({name: np.full(2, number, np.float32) for name in names}, folder / f"part-{number}.safetensors")
    places = {"a": "part-1.safetensors", "b": "part-1.safetensors", "c": "part-2.safetensors"} | weight_map
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


def test_shards_are_those_of_the_index(tmp_path: Path) -> None:
    sharded(tmp_path)
    save_file({"a": np.zeros(9)}, tmp_path / "other.safetensors")
    assert {name: array.tolist() for name, array in read_folder(tmp_path).items()} == {
        "a": [1, 1], "b": [1, 1], "c": [2, 2],
    }  # fmt: skip
    save_file({"one": np.zeros(1)}, tmp_path / "model.safetensors")
    assert list(read_folder(tmp_path)) == ["one"]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"d": "part-2.safetensors"}, "tensor 'd' is not in part-2.safetensors"),
        ({"a": "part-2.safetensors"}, "tensor 'a' is not in part-2.safetensors"),
        ({"a": "part-3.safetensors"}, "part-3.safetensors cannot be read: it does not exist"),
        ({"a": "../part-1.safetensors"}, "a must be the name of a safetensors file beside it"),
        ({"a": "model.bin"}, "a must be the name of a safetensors file beside it"),
        ({"a": 3}, "a must be the name of a safetensors file beside it, got 3"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, places: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tensor_files(sharded(tmp_path, **places))


def test_a_tensor_in_two_files_and_an_index_of_nothing(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / INDEX).write_text('{"weight_map": {}}')
    with pytest.raises(ValueError, match="weight_map names no tensor"):
        tensor_files(tmp_path)
    (tmp_path / INDEX).unlink()
    save_file({"a": np.zeros(9)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"part-1.safetensors: tensor 'a' is in other.safetensors too"):
        tensor_files(tmp_path)
    with pytest.raises(ValueError, match="has no safetensors file"):
        tensor_files(tmp_path / "none")


# ---- documents -------------------------------------------------------------------------------------------------------


def test_documents_have_limits(tmp_path: Path) -> None:
    (tmp_path / "large").write_text('"' + "x" * (1 << 20) + '"')
    with pytest.raises(ValueError, match=r"large cannot be read: it has 1,048,578 bytes, at most 1,048,576 are taken"):
        read_document(tmp_path / "large")
    with pytest.raises(ValueError, match="it is nested deeper"):
        parse("[" * 51 + "]" * 51, "it")
    assert parse("[" * 50 + "]" * 50, "it")
    (tmp_path / "latin").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ValueError, match="latin cannot be read: 'utf-8'"):
        read_document(tmp_path / "latin")


@pytest.mark.parametrize("value", ["3", 0, 2**31, True, 1.0, [], float("nan")])
def test_a_count_is_a_whole_number_in_its_range(tmp_path: Path, value: Any) -> None:
    (tmp_path / "file").write_text(json.dumps({"n": value}))
    with pytest.raises(ValueError, match=r"file: n must be a whole number from 1 to 2147483647, got "):
        read_document(tmp_path / "file").count("n")
