"""Checkpoints: what is saved comes back, resumed runs are the same runs, and what is broken is named."""

import io
import json
import os
import re
import struct
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError, load, save
from tinygrad_lab.tensor import Tensor

# ---- arrays and JSON ------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((4, 4))


@pytest.mark.parametrize(
    "array",
    [
        SQUARE,
        SQUARE.T,
        SQUARE[::2, ::-1],
        np.asfortranarray(RNG.standard_normal((3, 4, 5)).astype(np.float32)),
        np.broadcast_to(np.float32(3), (2, 3)),
        np.array(2.5),
        np.zeros((0, 3)),
        SQUARE.astype(">f8"),
        np.array([True, False]),
        np.arange(3, dtype=np.int64),
        np.array([np.nan, -0.0, np.inf]),
    ],
    ids=lambda a: f"{a.dtype.str}{a.shape}{a.strides}",
)
def test_arrays_of_any_layout_come_back(tmp_path: Path, array: np.ndarray) -> None:
    save(tmp_path / "file", {"a": array, "b": Tensor(np.ones(2))})
    tensors, metadata = load(tmp_path / "file")
    assert list(tensors) == ["a", "b"]
    assert metadata == {}
    assert tensors["a"].shape == array.shape
    assert tensors["a"].dtype == array.dtype.newbyteorder("=")
    assert tensors["a"].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_safetensors_own_writer_would_scramble_a_transposed_array(tmp_path: Path) -> None:
    """Since 0.8, which writes memory as it lies; those before made a copy of their own."""
    save_file({"a": SQUARE.T}, tmp_path / "file")
    scrambled = not np.array_equal(load_file(tmp_path / "file")["a"], SQUARE.T)
    newer = tuple(map(int, version("safetensors").split(".")[:2])) >= (0, 8)
    assert scrambled == newer, "no need for the copy in _stored_once"


def test_metadata_comes_back(tmp_path: Path) -> None:
    metadata = {"name": "tést", "lr": 0.1, "big": 2**70, "list": [1, None, {"a": True}]}
    save(tmp_path / "file", {}, metadata)
    assert load(tmp_path / "file") == ({}, metadata)
    save(tmp_path / "file", {}, {"n": np.int64(3), "a": np.arange(2)})
    assert load(tmp_path / "file")[1] == {"n": 3, "a": [0, 1]}


def test_the_same_memory_is_stored_once_and_tied_again(tmp_path: Path) -> None:
    shared = np.arange(6.0).reshape(2, 3)
    given = {"first": shared, "again": shared[:], "transposed": shared.T, "equal": shared.copy()}
    save(tmp_path / "file", given)
    assert set(load_file(tmp_path / "file")) == {"first", "transposed", "equal"}
    tensors, _ = load(tmp_path / "file")
    for name, array in given.items():
        np.testing.assert_array_equal(tensors[name], array)
    assert tensors["again"] is tensors["first"]
    assert not np.may_share_memory(tensors["equal"], tensors["first"])


def test_temporary_arrays_are_not_taken_for_one(tmp_path: Path) -> None:
    class Fresh:
        def __init__(self, value: float) -> None:
            self.value = value

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            return np.full(200_000, self.value)[::50_000]

    save(tmp_path / "file", {str(i): Fresh(i) for i in range(20)})
    tensors, _ = load(tmp_path / "file")
    assert [tensors[str(i)][0] for i in range(20)] == list(range(20))


def test_foreign_files_are_read(tmp_path: Path) -> None:
    save_file({"a": SQUARE}, tmp_path / "file", {"made": "elsewhere"})
    tensors, metadata = load(tmp_path / "file")
    np.testing.assert_array_equal(tensors["a"], SQUARE)
    assert metadata == {"made": "elsewhere"}


def test_metadata_that_is_not_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="checkpoint metadata must be JSON, got set"):
        save(tmp_path / "file", {}, {"a": {1}})
    assert os.listdir(tmp_path) == []


def whole_file(folder: Path) -> Path:
    path = folder / "run.safetensors"
    save(path, {"a": np.arange(100.0), "b": np.ones(3)}, {"version": 1})
    return path


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, -801, -1])
def test_truncated_files(tmp_path: Path, kept: int) -> None:
    path = whole_file(tmp_path)
    content = path.read_bytes()
    kept = kept % len(content)
    path.write_bytes(content[:kept])
    with pytest.raises(
        CheckpointError, match=rf"run.safetensors .*truncated.*: {kept:,} bytes found, .*[0-9,]+ expected"
    ):
        load(path)


def test_size_expected_is_named(tmp_path: Path) -> None:
    path = whole_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content + b"more")
    with pytest.raises(CheckpointError, match=f"{len(content) + 4:,} bytes found, {len(content):,} expected"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 no such thing at all, a zip perhaps",
        b"\x80\x04\x95 a pickle",
        struct.pack("<Q", 4) + b"[1]]",
        struct.pack("<Q", 3) + b"[1]",
        struct.pack("<Q", 9) + b'{"a": 12}',
        struct.pack("<Q", 2) + b"\xff\xfe",
        struct.pack("<Q", 37) + b'{"a": {"data_offsets": [0, 1, 2, 3]}}1',
        struct.pack("<Q", 58) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}    1234',
    ],
)
def test_not_a_safetensors_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.safetensors"):
        load(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(CheckpointError, match=r"cannot save .*, which needs [0-9]+ bytes"):
        save(tmp_path / "no" / "folder", {"a": np.ones(2)})


def test_every_flipped_bit_of_the_data_is_noticed(tmp_path: Path) -> None:
    path = whole_file(tmp_path)
    content = bytearray(path.read_bytes())
    for place in range(len(content) - 824, len(content), 103):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"damaged: wrong checksum of [ab]"):
            load(path)


def test_every_flipped_bit_of_the_header_is_noticed_or_changes_no_array(tmp_path: Path) -> None:
    """Names, types, shapes, tied arrays, and whose file it is."""
    path = tmp_path / "file.safetensors"
    tied = np.arange(6.0).reshape(2, 3)
    save(path, {"a": tied, "b": tied, "empty": np.zeros((0, 2))}, {"step": 3})
    whole, before = path.read_bytes(), load(path)[0]
    for place in range(8, 8 + int.from_bytes(whole[:8], "little")):
        for bit in (0, 2, 5):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            try:
                after, _ = load(path)
            except CheckpointError:
                continue
            assert {n: (x.dtype, x.shape, x.tobytes()) for n, x in after.items()} == {
                n: (x.dtype, x.shape, x.tobytes()) for n, x in before.items()
            }


def test_files_of_before_the_layout_had_a_checksum_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    tied = np.arange(6.0)
    save(path, {"a": tied, "b": tied})
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    about = json.loads(header["tinygrad_lab"])
    del about["layout"]
    save_file({"a": tied}, path, {"tinygrad_lab": json.dumps(about)})
    assert load(path)[0]["b"].tolist() == tied.tolist()
    save_file({"a": tied}, path, header | {"tinygrad_lab": json.dumps(about)})  # which has the mark of later ones
    with pytest.raises(CheckpointError, match="damaged: wrong checksum of the arrays' names, types and shapes"):
        load(path)


def test_other_formats_and_broken_metadata(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_file({}, path, {"tinygrad_lab": json.dumps({"format": 99})})
    with pytest.raises(CheckpointError, match="has format 99, this version reads format 1"):
        load(path)
    save_file({}, path, {"tinygrad_lab": "{"})
    with pytest.raises(CheckpointError, match="metadata is not JSON"):
        load(path)


# ---- what a full disk leaves ----------------------------------------------------------------------------------------


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


class FullFile(io.BytesIO):
    write = full  # type: ignore[assignment]


@pytest.mark.parametrize("broken", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    path = whole_file(tmp_path)

    if broken == "write":
        monkeypatch.setattr(checkpoint, "open", lambda *_: FullFile(), raising=False)
    else:
        monkeypatch.setattr(checkpoint.os, broken, full)
    message = rf"cannot save {re.escape(str(path))}, which needs 8,[0-9]+ bytes: .*No space left on device"
    with pytest.raises(CheckpointError, match=message):
        save(path, {"a": np.zeros(1000)}, {"version": 2})
    monkeypatch.undo()
    assert os.listdir(tmp_path) == [path.name]
    assert load(path)[1] == {"version": 1}
