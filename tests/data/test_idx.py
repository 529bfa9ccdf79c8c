"""IDX files: what was written is read, and every way of being damaged is one clear error."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.data.conftest import idx_bytes
from tinygrad_lab.data.idx import DataError, read_idx
from tinygrad_lab.data.sources import ImageSource, sources_of

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
RAW = idx_bytes(ARRAY)


@given(array=arrays(np.uint8, array_shapes(max_dims=4, min_side=0)), compressed=st.booleans())
def test_what_was_written_is_read(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(gzip.compress(idx_bytes(array)) if compressed else idx_bytes(array))
    read = read_idx(path, shape=array.shape, sha256=hashlib.sha256(idx_bytes(array)).hexdigest())
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8


def test_the_checksum_is_of_the_content_not_of_the_compressed_file(tmp_path):
    digest = hashlib.sha256(RAW).hexdigest()
    for level in (1, 9):
        path = tmp_path / f"{level}.gz"
        path.write_bytes(gzip.compress(RAW, level))
        np.testing.assert_array_equal(read_idx(path, sha256=digest), ARRAY)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (RAW[:-1], r"23 bytes after the header, expected 24 for shape \(2, 3, 4\)"),
        (RAW + b"x", r"more than 24 bytes after the header, expected 24"),
        (RAW[:10], r"10 bytes of header, expected 16 for 3 dimensions"),
        (b"", r"starts with nothing, an IDX file of bytes starts with 00 00 08"),
        (b"\x00\x00\x0d\x03" + RAW[4:], r"starts with 00 00 0d 03"),
        (b"\x00\x00\x08\x00" + RAW[4:], r"starts with 00 00 08 00"),
        (b"<html>", r"starts with 3c 68 74 6d"),
        (RAW[:4] + struct.pack(">3I", *[2**32 - 1] * 3) + RAW[16:], r"24 bytes after the header, expected 7922816"),
    ],
    ids=["truncated", "extra byte", "half a header", "empty", "float elements", "no dimensions", "not IDX", "huge"],
)
def test_wrong_content_is_named(tmp_path, compress, content, line):
    path = tmp_path / "images"
    path.write_bytes(compress(content))
    with pytest.raises(DataError, match=line) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_wrong_shape_is_named(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(RAW)
    with pytest.raises(DataError, match=r"promises shape \(2, 3, 4\), expected \(2, 3, 5\)"):
        read_idx(path, shape=(2, 3, 5))


def test_wrong_checksum_is_named_with_both(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(RAW[:-1] + b"\xff")
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest(), hashlib.sha256(RAW).hexdigest()
    with pytest.raises(DataError, match=f"{found}, expected {expected}"):
        read_idx(path, sha256=expected)


def _flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda gz: gz[:-9],
        lambda gz: gz[:12],
        lambda gz: gz[:-4],
        lambda gz: _flip(gz, 10),
        lambda gz: _flip(gz, len(gz) - 6),
    ],
    ids=["cut inside", "cut at the start", "cut in the trailer", "flipped in the stream", "flipped in the CRC"],
)
def test_a_damaged_gzip_stream_is_named(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(RAW)))
    with pytest.raises(DataError, match=r"images\.gz: "):
        read_idx(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        read_idx(tmp_path / "nowhere")


def test_what_is_read_cannot_be_written_into(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(RAW)
    assert not read_idx(path).flags.writeable


@pytest.mark.parametrize("source", sources_of(ImageSource).values(), ids=lambda source: source.name)
def test_the_known_files_have_the_published_sizes(source):
    assert [file.size for file in source.files] == [47_040_016, 60_008, 7_840_016, 10_008]
    assert len({file.sha256 for file in source.files}) == 4
    assert all(len(file.sha256) == 64 for file in source.files)
