"""What a command has to say: as text, as JSON, or both."""

from collections.abc import Callable
from typing import Any


def report(value: Any, json_file: str | None, show: Callable[[], None]) -> None:
    """Write JSON where it is asked for, and show the text unless the JSON has stdout for itself."""
    if json_file:
        from tinygrad_lab.lab import console  # only then: it takes a while to import

        console.write_json(value, json_file)
    if json_file != "-":
        show()
