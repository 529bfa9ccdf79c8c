"""What the dimensions of a value are called, and what stands at their edges, such as the tokens of a sentence.

A dimension has a name where an operation's annotation gives it one ("*n c h w": channel, row, column).  Names and
labels then go along with the numbers through operations that keep or move whole dimensions.  Whoever knows more says
so, and lets it go along:

    value.axes = [Axis("batch"), Axis("token", [["a", "cat"], ["the", "dog"]], by="batch")]
    name_axes(trace)
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lab.ops.operation import OperationInfo
    from tinygrad_lab.trace.steps import Forward, Trace, Value


@dataclass(frozen=True)
class Axis:
    """One dimension of a value.

    Attributes:
        name: what it is called; "" where nobody knows.
        labels: a text for each index; with ``by`` a list of them for each index of that other dimension.
        by: the name of the dimension whose index says which list it is: each sentence of a batch has its own words.
    """

    name: str = ""
    labels: Sequence[Any] = ()
    by: str = ""


Axes = list[Axis]

NAMES = {  # by an annotation's dimensions: the words for those that have one each
    "*n l h": "query feature", "*m s h": "key feature", "*m s v": "key feature", "*n l v": "position feature",
    "*n t h": "position feature", "*n s h": "position feature", "*n s v": "position feature", "*n s": "position",
    "*n t v": "position feature", "b t e": "batch time channel", "e k": "channel tap", "e": "channel",
    "b history e": "batch time channel", "*n c h w": "channel row column", "f cg kh kw": "filter channel row column",
    "f": "filter", "*n f oh ow": "filter row column", "*n c oh ow": "channel row column", "v d": "entry feature",
    "*n d": "feature", "n c *positions": "batch channel", "c": "channel", "*n i": "input", "o i": "output input",
    "o": "output", "*n o": "output", "t b i": "time batch input", "b h": "batch unit", "h i": "unit input",
    "h h": "unit previous", "h": "unit", "t b h": "time batch unit", "4*h i": "gate·unit input",
    "4*h h": "gate·unit previous", "4*h": "gate·unit", "3*h i": "gate·unit input", "3*h h": "gate·unit previous",
    "3*h": "gate·unit", "t half": "position pair", "e n": "channel state", "b t n": "batch time state",
    "b e n": "batch channel state",
}  # fmt: skip
HEADS, TOKENS, IMAGES = ("batch", "head"), ("batch", "position"), ("image",)
BEFORE = {  # what stands before them, where there are just so many dimensions more
    "*n l h": HEADS, "*m s h": HEADS, "*m s v": HEADS, "*n l v": HEADS, "*n t h": HEADS, "*n s h": HEADS,
    "*n s v": HEADS, "*n s": HEADS, "*n t v": HEADS, "*n": TOKENS, "*n d": TOKENS,
    "*n c h w": IMAGES, "*n f oh ow": IMAGES, "*n c oh ow": IMAGES,
}  # fmt: skip
KEEPING = ("softmax", "log_softmax", "masked_softmax", "layer_norm", "rms_norm", "batch_norm", "local_response_norm",
           "rotary_embedding", "cumsum")  # fmt: skip  # their first output has the dimensions of their first input


def name_axes(trace: Trace) -> None:
    """Give every value of a trace the names and labels that its operations tell of."""
    for step in trace:
        if step.phase == "forward":
            for item in step.inputs:
                _fill(item.value, annotated(step.operation, item.parameter, item.value.array.ndim))
            for value, dims in zip(step.outputs, _returned(step.operation, len(step.outputs)), strict=True):
                _fill(value, _understood(_carried(step, value)))
                _fill(value, _words(dims, value.array.ndim))


def annotated(operation: OperationInfo, parameter: str, ndim: int) -> Axes:
    """Return the names that an operation's signature gives the dimensions of an argument."""
    known = operation.signature.parameters.get(parameter)
    dims = _dims(known.annotation) if known else []
    return _words(dims[0], ndim) if dims else []


def _returned(operation: OperationInfo, outputs: int) -> list[str]:
    """The dimensions of each output, as annotated."""
    dims = _dims(operation.signature.return_annotation)
    return dims if len(dims) == outputs else [""] * outputs


def _dims(annotation: Any) -> list[str]:
    """The dimensions of the arrays that an annotation speaks of."""
    if hasattr(annotation, "dim_str"):
        return [annotation.dim_str.strip()]
    return [dims for part in typing.get_args(annotation) for dims in _dims(part)]


def _words(dims: str, ndim: int) -> Axes:
    words = NAMES.get(dims, "").split()
    before = BEFORE.get(dims, ())
    if before and len(before) + len(words) == ndim:
        return [Axis(word) for word in (*before, *words)]
    if dims.endswith("*positions"):
        return [*map(Axis, words), *[Axis()] * (ndim - len(words))] if ndim >= len(words) else []
    return [*[Axis()] * (ndim - len(words)), *map(Axis, words)] if words and ndim >= len(words) else []


def _fill(value: Value, axes: Axes) -> None:
    """Add what is new; what is known of a value stays."""
    if len(axes) == value.array.ndim and any(axis != Axis() for axis in axes):
        known = value.axes or [Axis()] * len(axes)
        value.axes = [_merged(old, new) for old, new in zip(known, axes, strict=True)]


def _merged(old: Axis, new: Axis) -> Axis:
    labelled = old if len(old.labels) else new
    return replace(labelled, name=old.name or new.name)


# ---- along with the numbers -----------------------------------------------------------------------------------------


def _understood(axes: Axes) -> Axes:
    """Labels whose dimension of lists is not there any more say nothing."""
    known = {axis.name for axis in axes}
    return [axis if not axis.by or axis.by in known else Axis(axis.name) for axis in axes]


def _carried(step: Forward, made: Value) -> Axes:
    """The axes of an output, from those of the inputs."""
    given = [(item.value.axes or [Axis()] * item.value.array.ndim, item.value.array.shape) for item in step.inputs]
    if not given:
        return []
    name, (axes, shape) = step.operation.name, given[0]
    if step.operation.elementwise or "*shape" in _dims(step.operation.signature.return_annotation):
        return _broadcast(given, made.array.shape)
    if name in KEEPING and made.array.shape == shape:
        return axes
    if name in ("linear", "embedding"):
        return [*axes[: len(shape) - (name == "linear")], Axis()]
    if name in ("reshape", "view"):
        return _reshaped(axes, shape, made.array.shape)
    if name == "transpose":
        return _transposed(axes, int(step.settings["dim0"]), int(step.settings["dim1"]))
    if name == "permute":
        return [axes[int(axis)] for axis in step.settings["dims"]]
    if name == "getitem":
        return list(_taken(axes, step.settings.get("key")))
    if name == "matmul" and len(given) == 2 and made.array.ndim == len(shape) >= 2 and len(given[1][0]) >= 2:
        return [*axes[:-1], given[1][0][-1]]
    return []


def _broadcast(given: Sequence[tuple[Axes, tuple[int, ...]]], shape: tuple[int, ...]) -> Axes:
    """Dimensions meet from the right; each is called as in the operand that has it in full and knows most."""
    found = []
    for back, size in zip(range(len(shape), 0, -1), shape, strict=True):
        axes = [axes[-back] for axes, own in given if back <= len(own) and own[-back] == size]
        found.append(max(axes, key=lambda axis: (len(axis.labels) > 0, axis.name != ""), default=Axis()))
    return found


def _reshaped(axes: Axes, before: tuple[int, ...], after: tuple[int, ...]) -> Axes:
    """The first and the last dimensions stay what they are as long as their sizes do."""
    most = min(len(before), len(after))
    first = next((n for n in range(most) if before[n] != after[n]), most)
    last = next((n for n in range(most - first) if before[-1 - n] != after[-1 - n]), most - first)
    between = len(after) - first - last
    return [*axes[:first], *[Axis()] * between, *axes[len(axes) - last :]]


def _transposed(axes: Axes, first: int, second: int) -> Axes:
    swapped = list(axes)
    if swapped:
        swapped[first], swapped[second] = swapped[second], swapped[first]
    return swapped


def _taken(axes: Axes, key: Any) -> Iterator[Axis]:
    """What integers, slices, None and an ellipsis leave; nothing for other keys."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(k is not None and k is not Ellipsis and not isinstance(k, int | slice) for k in keys):
        return
    if Ellipsis not in keys:
        keys.append(Ellipsis)
    spare = len(axes) - sum(k is not None and k is not Ellipsis for k in keys)
    place = keys.index(Ellipsis)
    keys[place : place + 1] = [slice(None)] * spare
    chosen = [k for k in keys if k is not None]
    taken = {axis.name: k for axis, k in zip(axes, chosen, strict=True)}
    rest = iter([_labelled(axis, k, taken) for axis, k in zip(axes, chosen, strict=True) if isinstance(k, slice)])
    yield from (Axis() if k is None else next(rest) for k in keys if k is None or isinstance(k, slice))


def _labelled(axis: Axis, k: slice, taken: dict[str, int | slice]) -> Axis:
    """A dimension with the labels of what a slice leaves; of lists of them those that are left, one where it is one."""
    if not axis.by:
        return replace(axis, labels=axis.labels[k])
    lists, among = [row[k] for row in axis.labels], taken.get(axis.by, slice(None))
    if isinstance(among, slice):
        return replace(axis, labels=lists[among])
    return replace(axis, labels=lists[among], by="")
