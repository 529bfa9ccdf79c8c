"""Ways in which a file is not what it should be: bytes that have changed, and JSON that is well-formed and wrong."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

NOWHERE = object()  # stands for a field that is taken out
DEEP = object()  # for lists inside each other, deeper than a parser goes
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 2**31, 2**63, 2**70, 10**30, 0.5, -0.5, 1e308, float("nan"), float("inf"), "",
    "0", "1", "none", "F32", "x" * 5000, "\ud800", "é", [], [0], [-1, 2], ["a"], [[]], {}, {"a": 1}, {"": []},
    NOWHERE, NOWHERE, NOWHERE, DEEP,
]  # fmt: skip


def of_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, left out, put in, or repeated."""
    return rng.choice(BYTES)(bytearray(content), rng)


def _flipped(content: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 8))):
        if content:
            content[_place(content, rng)] = rng.randrange(256)
    return bytes(content)


def _cut(content: bytearray, rng: random.Random) -> bytes:
    return bytes(content[: rng.randrange(len(content) + 1)])


def _gap(content: bytearray, rng: random.Random) -> bytes:
    place = _place(content, rng)
    del content[place : place + rng.randrange(1, 20)]
    return bytes(content)


def _longer(content: bytearray, rng: random.Random) -> bytes:
    place = _place(content, rng)
    content[place:place] = content[place : place + 30] if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 20))
    return bytes(content)


def _zeroed(content: bytearray, rng: random.Random) -> bytes:
    place = _place(content, rng)
    content[place : place + 8] = rng.choice((bytes(8), b"\xff" * 8, b"\x00\x00\x00\x00\x00\x00\x00\x7f"))
    return bytes(content)


def _place(content: bytearray, rng: random.Random) -> int:
    """Mostly near the beginning, where lengths and names are."""
    return rng.randrange(max(1, len(content) if rng.random() < 0.5 else min(len(content), 400)))


BYTES: list[Callable[[bytearray, random.Random], bytes]] = [_flipped, _cut, _gap, _longer, _zeroed]


def of_json(content: bytes, rng: random.Random) -> bytes:
    """One or two values replaced by odd ones, taken out, or exchanged."""
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2))):
        places = list(_places(value))
        if places:
            inside, key = rng.choice(places)
            _replace(inside, key, rng)
    text = json.dumps(value if places else rng.choice((0, [], None)), default=lambda _: "DEEP")
    return text.replace('"DEEP"', "[" * 100_000 + "]" * 100_000).encode()


def of_safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header damaged as JSON, or the JSON that stands in its metadata."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    ours = header.get("__metadata__", {}).get("tinygrad_lab")
    if ours is not None and rng.random() < 0.8:
        header["__metadata__"]["tinygrad_lab"] = of_json(ours.encode(), rng).decode()
        text = json.dumps(header).encode()
    else:
        text = of_json(json.dumps(header).encode(), rng)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _places(value: Any) -> Any:
    """Every (container, key) inside a value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _replace(inside: Any, key: Any, rng: random.Random) -> None:
    odd = rng.choice(ODD)
    if odd is NOWHERE:
        del inside[key]
    elif isinstance(inside, dict) and rng.random() < 0.1:
        inside[f"{key}x"] = inside.pop(key)
    else:
        inside[key] = copy.deepcopy(odd) if isinstance(odd, list | dict) else odd


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a value, from key to key; of a list its first and its last item."""
    if isinstance(value, list):
        keys: Any = sorted({0, len(value) - 1}) if value else ()
    else:
        keys = value if isinstance(value, dict) else ()
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))
