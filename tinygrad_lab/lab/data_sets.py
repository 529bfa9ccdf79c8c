"""The list of data sets as a table."""

from collections.abc import Sequence

from tinygrad_lab.data import Entry
from tinygrad_lab.lab import console


def print_data_sets(entries: Sequence[Entry]) -> None:
    """One row a data set."""
    rows = [
        (e.name, e.what, e.licence, f"{e.size:,}" if e.size else "-", e.checksum, str(e.found or "-")) for e in entries
    ]
    columns = ("name", "what", "licence", "bytes", "checksum", "found in")
    console.print_table("Data sets", columns, rows, right=("bytes",), prose=True)
