"""JSON that somebody else has written: read with limits, and every field checked before it is used.

What is wrong is a ``ValueError`` of one line that names the file and the field.
"""

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

LARGEST = 1 << 20  # bytes of a document that only describes something
NAMED = 3  # names on the way to what is nested too deep
DEEPEST = 50  # lists and objects inside each other
LONG = 400  # characters of a message
SHOWN = 60  # characters of a wrong value in a message
REQUIRED: Any = object()  # the default of a field that must be there
MOST = 2**31 - 1  # of anything that is counted


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe or a device would have a reader wait for ever, and is refused.

    Raises:
        ValueError: there is no such file, or it is none.
    """
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
            raise ValueError(f"{path} cannot be read: it is {what}")
        return open(path, "rb")
    except FileNotFoundError:
        raise ValueError(f"{path} cannot be read: it does not exist") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def read_text(path: Path, limit: int = LARGEST) -> str:
    """The text of a file of at most ``limit`` bytes.

    Raises:
        ValueError: it cannot be read, is larger, or is no UTF-8.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"{path} cannot be read: it has {size:,} bytes, at most {limit:,} are taken")
        try:
            return file.read(limit).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error


def parse(text: str | bytes, called: str) -> Any:
    """JSON as Python's objects.

    Raises:
        ValueError: it is none, or nested deeper than anybody needs.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"{called} is nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise ValueError(f"{called} is not JSON: {error}") from error
    level: list[tuple[tuple[str, ...], Any]] = [((), value)]
    for _ in range(DEEPEST):
        level = [item for way, above in level for item in _inside(way, above)]
        if not level:
            return value
    where = ": ".join(shown(name) for name in level[0][0])
    raise ValueError(f"{called} is nested deeper than {DEEPEST} levels{' at ' * bool(where)}{where}")


def _inside(way: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Lists and objects in a value, with the first few names on the way to them."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, dict | list):
                yield (*way, name)[:NAMED], item
    elif isinstance(value, list):
        yield from ((way, item) for item in value if isinstance(item, dict | list))


def read_document(path: Path, limit: int = LARGEST) -> "Document":
    """The object in a JSON file.

    Raises:
        ValueError: the file cannot be read, or holds none.
    """
    return document(parse(read_text(path, limit), f"{path} cannot be read: it"), str(path))


def document(value: Any, called: str) -> "Document":
    """An object of JSON.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{called} must be a JSON object, got {shown(value)}")
    return Document(value, called)


def shown(value: Any) -> str:
    """A value as it stands in a message, cut where it is long."""
    try:
        words = repr(value)
    except RecursionError:
        words = f"a nested {type(value).__name__}"
    return words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"


def brief(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    words = " ".join(str(error.args[0] if error.args else type(error).__name__).split())
    return words if len(words) <= LONG else words[: LONG - 1] + "…"


def check_unicode(text: str, called: str) -> None:
    """Raise ValueError where a text has half of a character, as a terminal passes on a byte that it cannot read."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{called} has {text[error.start]!r} at place {error.start}, which is no character") from None


class Document:
    """The fields of an object; null stands for a field that is not there.

    Args:
        fields: by name.
        called: how messages name the object.
    """

    def __init__(self, fields: Mapping[str, Any], called: str) -> None:
        self.fields, self.called = fields, called

    def get(self, name: str, default: Any = None) -> Any:
        """Whatever stands there.

        Raises:
            ValueError: nothing, and there must be something.
        """
        value = self.fields.get(name)
        if value is not None:
            return value
        if default is REQUIRED:
            raise ValueError(f"{self.called} has no {name}")
        return default

    def wrong(self, name: str, wanted: str) -> ValueError:
        """The error for a field that is not what is wanted."""
        return ValueError(f"{self.called}: {name} must be {wanted}, got {shown(self.fields.get(name))}")

    def count(self, name: str, default: Any = REQUIRED, least: int = 1, most: int = MOST) -> int:
        """A whole number."""
        value = self.get(name, default)
        if name in self.fields and (type(value) is not int or not least <= value <= most):
            raise self.wrong(name, f"a whole number from {least} to {most}")
        return int(value)

    def number(self, name: str, default: Any = REQUIRED) -> float:
        """A finite number above 0."""
        value = self.get(name, default)
        if type(value) not in (int, float) or not 0 < value < 1e300 or not math.isfinite(value):
            raise self.wrong(name, "a number above 0")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.get(name, default)
        if type(value) is not bool:
            raise self.wrong(name, "true or false")
        return value

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """A string, or the default."""
        value = self.get(name, default)
        if value is not default and not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def section(self, name: str) -> "Document":
        """An object inside this one; empty where there is none."""
        value = self.get(name, {})
        if not isinstance(value, Mapping):
            raise self.wrong(name, "a JSON object")
        return Document(value, f"{self.called}: {name}")

    def numbers(self, name: str) -> list[int]:
        """Whole numbers from 0 up: none, one alone, or a list."""
        value = self.get(name, [])
        found = value if isinstance(value, list) else [value]
        if not all(type(number) is int and 0 <= number <= MOST for number in found):
            raise self.wrong(name, "a whole number from 0 up or a list of such")
        return found
