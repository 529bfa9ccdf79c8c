"""Texts and pairs: found, checked by their content, split into columns; what is corrupt or unknown is an error."""

import gzip
import hashlib
import re
from dataclasses import replace

import pytest

from tinygrad_lab.data import DataError, available, catalogue, fetch, load_pairs, load_text
from tinygrad_lab.data.sources import CMUDICT, SOURCES, TINY_SHAKESPEARE, TextFile

TEXT = "Nay, answer me: stand, and unfold yourself.\n"
PAIRS = "ABBÉ\tAE B EY\nABBÉ\tAH B EY\nZEN\tZ EH N\n"


def known(name: str, content: str, remote: str = "") -> TextFile:
    raw = content.encode()
    return TextFile(name, len(raw), hashlib.sha256(raw).hexdigest(), remote)


@pytest.fixture
def small(places, mirror, monkeypatch):
    """Tiny Shakespeare and CMUdict with other, short content, found nowhere."""
    text = known("tinyshakespeare.txt", TEXT, "input.txt")
    monkeypatch.setitem(SOURCES, "tinyshakespeare", replace(TINY_SHAKESPEARE, file=text, mirrors=(mirror[0],)))
    pairs = replace(CMUDICT, splits={"train": known("train.tsv", PAIRS), "test": known("test.tsv", "A\tAH\n")})
    monkeypatch.setitem(SOURCES, "cmudict", pairs)
    return places


def write(path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())


@pytest.mark.parametrize("name", ["tinyshakespeare.txt", "tinyshakespeare.txt.gz"])
def test_a_text_is_read_whole(small, name):
    write(small["cache"] / "text" / name, TEXT)
    data = load_text("tinyshakespeare")
    assert (data.text, len(data), data.source) == (TEXT, len(TEXT), str(small["cache"] / "text" / name))
    assert data.checksum == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("content", "says"),
    [("short", "5 bytes, expected 44"), (TEXT + "x", "more than 44"), (TEXT[:-2] + "!\n", "SHA-256")],
)
def test_a_corrupt_text_is_an_error(small, content, says):
    path = small["system"] / "text" / "tinyshakespeare.txt"
    write(path, content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{says}"):
        load_text("tinyshakespeare")
    entry = next(entry for entry in catalogue() if entry.name == "tinyshakespeare")
    assert (entry.checksum, entry.found) == ("mismatch", str(path.parent))


def test_a_truncated_archive_is_an_error(small):
    path = small["system"] / "text" / "tinyshakespeare.txt.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(TEXT.encode())[:-6])
    with pytest.raises(DataError, match="cannot be read"):
        load_text("tinyshakespeare")


def test_a_text_is_downloaded_under_its_own_name(small, mirror):
    mirror[1]["/input.txt"] = TEXT.encode()
    assert not available("tinyshakespeare")
    assert fetch("tinyshakespeare") == small["cache"] / "text"
    assert available("tinyshakespeare")
    assert load_text("tinyshakespeare").source == str(small["cache"] / "text" / "tinyshakespeare.txt")


def test_pairs_are_split_into_columns(small):
    write(small["cache"] / "g2p" / "train.tsv.gz", PAIRS)
    data = load_pairs("cmudict", "train")
    assert data.pairs == (("ABBÉ", "AE B EY"), ("ABBÉ", "AH B EY"), ("ZEN", "Z EH N"))
    assert data.keys == ("ABBÉ", "ABBÉ", "ZEN")
    assert len(data) == 3
    assert data.checksum == hashlib.sha256(PAIRS.encode()).hexdigest()


def test_what_no_mirror_serves_is_an_error_with_places(small):
    with pytest.raises(DataError, match="served nowhere") as caught:
        load_pairs("cmudict", "test")
    assert str(small["cache"] / "g2p") in str(caught.value)
    assert "data fetch" not in str(caught.value)


def test_topics_are_always_there_and_plain_ascii():
    data = load_text("topics")
    assert available("topics")
    assert len(data) > 400_000
    assert data.text.isascii()
    assert set(data.text) - {"\n"} <= {chr(code) for code in range(32, 127)}


def test_unknown_names_and_splits_are_errors():
    with pytest.raises(ValueError, match="one of timemachine, tinyshakespeare, kjv, topics, got 'mnist'"):
        load_text("mnist")
    with pytest.raises(ValueError, match="one of cmudict, eng-spa, got 'dates'"):
        load_pairs("dates", "train")
    with pytest.raises(ValueError, match="split of eng-spa must be one of all, got 'test'"):
        load_pairs("eng-spa", "test")
