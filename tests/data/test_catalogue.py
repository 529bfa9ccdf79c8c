"""The list of data sets says where each is and whether its files are right; importing it all costs next to nothing."""

import subprocess
import sys

import pytest

from tinygrad_lab.data import catalogue


def states():
    return {entry.name: (entry.checksum, entry.found) for entry in catalogue()}


def test_found_files_are_checked(places, put):
    assert states()["mnist"] == ("not found", None)
    put(places["cache"])
    folder = places["cache"] / "mnist"
    assert states()["mnist"] == ("ok", str(folder))
    bad = folder / "t10k-images-idx3-ubyte.gz"
    bad.write_bytes(bad.read_bytes()[:-1])
    assert states()["mnist"] == ("mismatch", str(folder))
    assert next(entry.problem for entry in catalogue() if entry.name == "mnist").startswith(f"{bad}: ")


@pytest.mark.usefixtures("source")
def test_the_digits_are_embedded():
    assert states()["digits"] == ("embedded", "scikit-learn")


@pytest.mark.usefixtures("source")
def test_every_entry_says_what_and_under_which_licence():
    entries = {entry.name: entry for entry in catalogue()}
    assert set(entries) == {
        "mnist", "fashion-mnist", "digits", "timemachine", "tinyshakespeare", "kjv", "topics", "cmudict", "eng-spa",
        "dates",
    }  # fmt: skip
    assert all(entry.what and entry.licence for entry in entries.values())
    assert [name for name, entry in entries.items() if not entry.size] == ["dates"]  # made when they are asked for


def test_importing_brings_none_of_the_optional_packages():
    code = (
        "import sys, tinygrad_lab.data; print([m for m in ('torch', 'sklearn', 'pooch', 'rich') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
