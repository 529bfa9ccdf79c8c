"""Where to look when two sides disagree: the first module that is wrong, forwards or backwards, and its operations.

Forwards the calls of modules are compared in the order in which they end, so that the innermost comes first.  Backwards
a call is to blame if the gradients of its outputs agree, but not all of those that it hands on: its inputs', its own
parameters', its inner modules' outputs'.  The innermost such call is the culprit.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab.lab import agreement, registry, slips
from tinygrad_lab.lab.agreement import STOPPED, Row
from tinygrad_lab.lab.calls import LOSS, Call, Observer, Operated
from tinygrad_lab.lab.derivative import wrong_parameters
from tinygrad_lab.lab.noise import replayed
from tinygrad_lab.lab.parity import Parity
from tinygrad_lab.lab.sides import Arrays
from tinygrad_lab.random import generator, record_draws
from tinygrad_lab.tensor import Node

ONE_PASS = ("forward", "loss", "gradient")
SHOWN = 4  # names of a long list


def lines(failed: Sequence[Row], size: str, steps: int, seed: int) -> Iterator[str]:
    """Say of each paper and variant that failed where to look; in float64, where rounding hides nothing, if it can."""
    compared = [row for row in failed if row.name != STOPPED]
    for slug, variant in dict.fromkeys((row.paper, row.variant) for row in compared):
        dtype = max(row.dtype for row in compared if (row.paper, row.variant) == (slug, variant))
        rows = [row for row in compared if (row.paper, row.variant, row.dtype) == (slug, variant, dtype)]
        checks = list(dict.fromkeys(row.check for row in rows))
        try:
            found = list(_found(Parity(registry.find(slug), variant, size, dtype, seed, steps), checks, rows))
        except Exception as error:  # a diagnosis must not hide what was found before
            found = [f"no diagnosis: {slips.describe(error, slug)}"]
        yield f"{slug} {variant} {dtype}: {'; '.join(checks)} wrong"
        yield from (f"  {line}" for line in found)
    for row in failed:
        if row.name == STOPPED:
            yield from _stopped(row, size, steps, seed)


def _stopped(row: Row, size: str, steps: int, seed: int) -> Iterator[str]:
    """Say which operation it is whose backward pass stops with an error, if that is what stopped a paper."""
    try:
        found = _stopping(Parity(registry.find(row.paper), row.variant, size, row.dtype, seed, steps))
    except Exception:  # the row itself says what is wrong, and where
        return
    if found:
        yield f"{row.paper} {row.variant} {row.dtype}: {STOPPED}"
        yield f"  {found}"


def _stopping(parity: Parity) -> str:
    """The operation whose backward raises, its module and line; nothing if none does."""
    model = parity.numpy.build(parity.config, parity.seed, parity.dtype).train()
    batch = parity.example(parity.config, generator(parity.seed))
    observer = Observer(parity.numpy, model)
    loss = observer.loss(parity.numpy.batch(batch, parity.dtype, requires_grad=True))
    try:
        loss.backward()
    except Exception as error:
        nodes = [frame.f_locals.get("node") for frame, _ in traceback.walk_tb(error.__traceback__)]
        last = [node for node in nodes if isinstance(node, Node)][-1:]
        for call in observer.calls:
            for operated in call.operations:
                if [operated.node] == last:
                    what = f"{type(error).__name__}: {error}"
                    return f"{_placed(operated)}, in {_named(call)}: its backward stops with {what}"
    return ""


def _found(parity: Parity, checks: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    weights = parity.numpy.state(parity.numpy.build(parity.config, parity.seed, parity.dtype))
    of_one_pass = [row for row in rows if row.check in ONE_PASS]
    list(parity.one_pass(weights))  # the bounds depend on the longest sum in it
    if of_one_pass:
        training = any(not row.name.endswith("in evaluation mode") for row in of_one_pass)
        yield from Comparison(parity, weights, training).explanation()
    elif "trajectory" in checks:
        yield from _of_training(parity, weights, rows)
    if "weights" in checks:
        yield "weights: they come back changed from a file (engine -> file -> torch -> file -> engine)"
    if "generation" in checks:
        yield _of_generation(parity, rows)


def _of_training(parity: Parity, weights: Arrays, rows: Sequence[Row]) -> Iterator[str]:
    """Say where to look when passes and gradients agree, and how soon the weights part."""
    yield (
        "forward, loss and gradients agree: look at the optimiser, its schedule and the training loop, "
        f"papers/{parity.paper.slug}/train.py and reference/{parity.paper.slug}/train.py"
    )
    parity.steps = 1
    parted = [row.name for row in parity.trajectory(weights) if not row.passed]
    if parted:
        yield f"after the first step already: {_listed(parted)}"
    elif losses := [row.worst for row in rows if row.name == "losses"]:
        yield f"the first step agrees; losses, {losses[0]}"


def _of_generation(parity: Parity, rows: Sequence[Row]) -> str:
    worst = next(row.worst for row in rows if row.check == "generation")
    slug = parity.paper.slug
    return f"generation: {worst}; look at papers/{slug}/inference.py and reference/{slug}/inference.py"


@dataclass
class Pass:
    """Forward and backward of one side, observed."""

    calls: list[Call]
    gradients: Arrays  # of the parameters
    inputs: Arrays  # gradients of the batch's numbers
    loss: np.ndarray


class Comparison:
    """One forward and backward pass of both sides, call by call."""

    def __init__(self, parity: Parity, weights: Arrays, training: bool) -> None:
        self.parity, self.training = parity, training
        batch = parity.example(parity.config, generator(parity.seed))
        ours, theirs = (parity.model(side, weights) for side in (parity.numpy, parity.torch))
        with record_draws() as draws:
            self.ours = self._observed(parity.numpy, ours, batch)
        with replayed(draws):
            self.theirs = self._observed(parity.torch, theirs, batch)
        self.twins = {call.key: call for call in self.theirs.calls}
        self.floor = agreement.floor(self._every(lambda call: call.made))
        self.gradient_floor = max(
            agreement.floor(self.theirs.gradients),
            agreement.floor({"": np.zeros(1), **self._every(lambda call: call.received)}),
        )

    def _every(self, parts: Callable[[Call], Sequence[Any]]) -> Arrays:
        arrays = [array for call in self.theirs.calls for array in parts(call) if array is not None]
        return {str(number): array for number, array in enumerate(arrays)}

    def _observed(self, side: Any, model: Any, batch: Any) -> Pass:
        model.train(self.training)
        inputs = side.batch(batch, self.parity.dtype, requires_grad=True)
        observer = Observer(side, model)
        loss = observer.loss(inputs)
        loss.backward()
        observer.read_gradients()
        gradients = side.gradients(model.named_parameters())
        return Pass(observer.calls, gradients, side.gradients(inputs.items()), side.array(loss))

    # ---- what is said -----------------------------------------------------------------------------------------------
    def explanation(self) -> Iterator[str]:
        mode = "" if self.training else " in evaluation mode"
        if culprit := self.first_forwards():
            call, before = culprit
            yield f"going forwards{mode}, the first module wrong is {_named(call)}{before}"
            yield from self._operations(call, [])
        elif culprit_backwards := self.first_backwards():
            call, wrong = culprit_backwards
            yield "forward and loss agree, gradients do not"
            yield (
                f"going backwards, the first module wrong is {_named(call)}: the gradient that it is given agrees, "
                f"what it hands on does not: {_listed(wrong)}"
            )
            yield from self._operations(call, wrong)
        else:
            yield "every module that both sides have agrees, forwards and backwards; see the quantities above"

    def _operations(self, call: Call, wrong: Sequence[str]) -> Iterator[str]:
        """The engine's operations in the call; of wrong gradients those that are no derivative, if there are any."""
        bad = [_of_backward(operated) for operated in call.operations] if wrong else []
        if found := [line for line in dict.fromkeys(bad) if line]:
            yield from found[:SHOWN]
        elif call.operations:
            numbers = [operated.line for operated in call.operations]
            names = dict.fromkeys(operated.info.name for operated in call.operations)
            where = f"{slips.shortened(call.operations[0].file)}, lines {min(numbers)} to {max(numbers)}"
            yield f"its operations: {', '.join(names)} ({where})"

    # ---- forwards ---------------------------------------------------------------------------------------------------
    def first_forwards(self) -> tuple[Call, str] | None:
        """The first call whose outputs differ, and what it was before if its inputs differed already."""
        for call in self.ours.calls:
            twin = self.twins.get(call.key)
            if twin is None or self._same(call.made, twin.made, "forward", self.floor):
                continue
            if call.parent and not self._same(call.given, twin.given, "forward", self.floor):
                return call.parent, f", before it calls {_named(call)}, whose inputs are wrong"
            return call, ""
        return None

    # ---- backwards --------------------------------------------------------------------------------------------------
    def first_backwards(self) -> tuple[Call, list[str]] | None:
        """The innermost call that is given the right gradients and hands on wrong ones."""
        suspects = {call: wrong for call in self.ours.calls if self._given_right(call) and (wrong := self._wrong(call))}
        for call in reversed(suspects):  # nearest to the loss first, outer ones before inner ones
            while inner := [other for other in suspects if call in _ancestors(other)]:
                call = inner[-1]  # inwards from here
            return call, suspects[call]
        return None

    def _given_right(self, call: Call) -> bool:
        twin = self.twins.get(call.key)
        return twin is not None and self._same_gradients(call.received, twin.received)

    def _wrong(self, call: Call) -> list[str]:
        """What a call hands on wrongly, in words."""
        twin = self.twins[call.key]
        parameters = self._differing(self.ours.gradients, self.theirs.gradients)
        wrong = [f"{name}.grad" for name in parameters if self._owner(name) == call.path]
        if call.path == LOSS:
            wrong += [f"the gradient of the batch's {n}" for n in self._differing(self.ours.inputs, self.theirs.inputs)]
        elif not self._same_gradients(call.handed_on, twin.handed_on):
            wrong.append("the gradient of its input")
        inner = [other for other in self.ours.calls if other.parent is call and not self._given_right(other)]
        return wrong + [f"the gradient of what {_named(other)} gave" for other in inner if other.key in self.twins]

    def _differing(self, ours: Arrays, theirs: Arrays) -> list[str]:
        return [n for n in theirs if not self._same([ours.get(n)], [theirs[n]], "gradient", self.gradient_floor)]

    def _owner(self, parameter: str) -> str:
        """The module that a parameter belongs to; if it is never called, the next one around it that is."""
        called = {call.path for call in self.ours.calls}
        path = parameter.rpartition(".")[0]
        while path and path not in called:
            path = path.rpartition(".")[0]
        return path if path in called else LOSS

    # ---- comparing --------------------------------------------------------------------------------------------------
    def _same_gradients(self, ours: list[Any], theirs: list[Any]) -> bool:
        return self._same(ours, theirs, "gradient", self.gradient_floor)

    def _same(self, ours: Sequence[Any], theirs: Sequence[Any], check: str, floor: float) -> bool:
        """Whether arrays agree one by one; None stands for one that is not there."""
        bound = agreement.tolerance(check, self.parity.dtype, self.parity.reduction)
        if len(ours) != len(theirs):
            return True  # not the same things: nothing can be said
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None or b is not None]
        return all(
            a is not None and b is not None and (a.size == b.size == 0 or agreement.compare(a, b, floor)[1] <= bound)
            for a, b in pairs
        )


def _of_backward(operated: Operated) -> str:
    """What is wrong with an operation's backward at this call; nothing if it is right, or cannot be tried."""
    if not (names := wrong_parameters(operated)):
        return ""
    return f"{_placed(operated)}: its backward is not its forward's derivative by {', '.join(names)}"


def _placed(operated: Operated) -> str:
    return f"operation {operated.info.name} ({slips.shortened(operated.file)}, line {operated.line})"


def _ancestors(call: Call) -> Iterator[Call]:
    while call.parent:
        call = call.parent
        yield call


def _named(call: Call) -> str:
    if call.path == LOSS:
        return "none of the model's, but loss()"
    again = f", call {call.number + 1}" if call.number else ""
    return f"{call.path or 'the model itself'} ({call.kind}{again})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
