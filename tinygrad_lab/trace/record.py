"""Recording: the engine tells a ``Recorder`` of every operation; from that a ``Trace`` is made."""

import ast
import linecache
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from tinygrad_lab.modes import calling_frame, running_module, state
from tinygrad_lab.ops.operation import Arguments, OperationInfo
from tinygrad_lab.tensor import Node, Tensor, backpropagate
from tinygrad_lab.trace.axes import name_axes
from tinygrad_lab.trace.steps import Backward, Contribution, Forward, Input, Trace, Value

Settings = dict[str, Any]  # arguments by name

LONGEST = 32  # characters of a piece of code that serves as a name
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
LIMIT = 2000  # steps, forwards and backwards, that a reader can still find the way in

_last = threading.local()  # .recorder: the one of the last record() block of this thread


class TooLargeError(ValueError):
    """More steps than a trace holds, which are ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} operations: trace a smaller model, or a module of it")
        self.limit = limit


class Place(NamedTuple):
    """Where an operation was called."""

    file: str
    line: int
    source: str  # the line's text
    variables: Mapping[str, Any]  # what names the code there has for tensors
    text: str = ""  # the piece of code that called it


@runtime_checkable
class Listener(Protocol):
    """What the engine tells of every operation; ``Recorder`` is one."""

    def forward(self, info: OperationInfo, args: Arguments, kwargs: Settings, made: Any, node: Node | None) -> None: ...

    def backward(self, node: Node, gradients: list[np.ndarray | None]) -> None: ...

    def contribution(self, position: int, gradient: np.ndarray, accumulated: np.ndarray) -> None: ...


class Recorder:
    """Listens to the engine inside ``record()``.

    Args:
        names: names for tensors, by name; a model's parameters are named by their path.
        limit: the largest number of forward steps.
    """

    def __init__(self, names: Mapping[str, Tensor] | None = None, limit: int = LIMIT) -> None:
        self.limit = limit
        self.steps: list[Forward | Backward] = []
        self.values: list[Value] = []
        self._known: dict[int, Value] = {}  # by id of the array
        self._kept: list[Any] = []  # what must not be freed while an id stands for it
        self._names: dict[int, str] = {}
        self._uses: Counter[str] = Counter()  # of each name, by values
        self._words: Counter[str] = Counter()  # of values that are called by their operation
        self._unnamed: set[int] = set()  # numbers of values that the code may yet give a name of its own
        for name, tensor in (names or {}).items():
            self._name(tensor, name)
        self._made_by: dict[int, Forward] = {}  # by id of the tape's node
        self._current: Backward | None = None

    # ---- what the engine tells --------------------------------------------------------------------------------------
    def forward(self, info: OperationInfo, args: Arguments, kwargs: Settings, made: Any, node: Node | None) -> None:
        """An operation has been run."""
        if len(self.steps) >= self.limit:
            raise TooLargeError(self.limit)
        place = self.place()
        self.learn_names(place.variables)
        inputs, settings = self._arguments(info, args, kwargs)
        made = made if isinstance(made, tuple) else (made,)
        outputs = [
            self._value(tensor, "result", self._text(info, place, k, len(made))) for k, tensor in enumerate(made)
        ]
        step = Forward(
            len(self.steps), info, running_module(), place.file, place.line, place.source, inputs, settings, outputs
        )
        self.steps.append(step)
        if node is not None:
            self._kept.append(node)
            self._made_by[id(node)] = step

    def place(self) -> Place:
        """Tell where the running operation was called: the innermost code outside of the engine."""
        return in_frame(calling_frame())

    def backward(self, node: Node, gradients: list[np.ndarray | None]) -> None:
        """A node of the tape is about to be differentiated."""
        step = self._made_by.get(id(node))
        if step is None:
            raise ValueError("trace: the result depends on operations that ran outside of record()")
        incoming = [None if gradient is None else gradient.copy() for gradient in gradients]
        for value, gradient in zip(step.outputs, incoming, strict=True):
            value.gradient = gradient
        self._current = Backward(len(self.steps), step, incoming)
        self.steps.append(self._current)

    def contribution(self, position: int, gradient: np.ndarray, accumulated: np.ndarray) -> None:
        """That node has given a gradient to its differentiable argument number ``position``."""
        assert self._current is not None  # backward() came before
        given = _differentiable(self._current.forward)[position]
        assert given is not None  # what is no tensor gets no gradient
        value = given.value
        first = value.gradient is None
        value.gradient = accumulated.copy()
        self._current.contributions.append(Contribution(given.parameter, value, gradient.copy(), value.gradient, first))

    def forget_backward(self) -> None:
        """Keep only the forward steps, so that another result can be traced."""
        self.steps = [step for step in self.steps if isinstance(step, Forward)]
        for value in self.values:
            value.gradient = None

    def trace(self, result: Tensor, gradient: Any = None) -> Trace:
        """Differentiate ``result``, which was computed while this recorder listened; see ``trace`` below."""
        self.forget_backward()
        self.differentiate(result, gradient)
        traced = Trace(list(self.steps), self.values, self.value_of(result))
        name_axes(traced)
        return traced

    def differentiate(self, result: Tensor, gradient: Any = None) -> None:
        """Record the steps backwards from ``result``."""
        with listening(self):
            backpropagate(result, gradient, retain_graph=True)

    def value_of(self, tensor: Tensor) -> Value:
        """Return what is known of a tensor that was seen."""
        return self._known[id(tensor._data)]

    # ---- values and their names -------------------------------------------------------------------------------------
    def _arguments(self, info: OperationInfo, args: Arguments, kwargs: Settings) -> tuple[list[Input], Settings]:
        """Tensor arguments as inputs, the others by name; defaults are left out."""
        named = [*self._by_parameter(info, args), *kwargs.items()]
        inputs = [Input(name, self._value(v, "constant")) for name, v in named if isinstance(v, Tensor)]
        for item in inputs:
            item.value.uses += 1
        settings = [(name, value) for name, value in named if not isinstance(value, Tensor)]
        return inputs, {name: value for name, value in settings if value is not None or info.requires(name)}

    @staticmethod
    def _by_parameter(info: OperationInfo, args: Arguments) -> Iterator[tuple[str, Any]]:
        fixed = info.parameters.index(info.variadic) if info.variadic else len(info.parameters)
        yield from zip(info.parameters[:fixed], args[:fixed], strict=False)
        for number, value in enumerate(args[fixed:]):
            yield f"{info.variadic}[{number}]", value

    def _text(self, info: OperationInfo, place: Place, k: int, of: int) -> str:
        """What to call a result for now: the code that made it if that is short and new, else its operation."""
        text = place.text if of == 1 else f"{place.text}[{k}]"
        return text if place.text and len(text) <= LONGEST and not self._uses[text] else self._numbered(info.name)

    def _numbered(self, word: str) -> str:
        """softmax.1, softmax.2, ..."""
        self._words[word] += 1
        return f"{word}.{self._words[word]}"

    def _value(self, tensor: Tensor, kind: Any, text: str = "") -> Value:
        known = self._known.get(id(tensor._data))
        if known is not None:
            return known
        name = self._names.get(id(tensor._data))
        if kind != "result" and tensor.requires_grad:
            kind = "parameter" if name and "." in name else "input"
        value = Value(len(self.values), self._unique(name or text or self._numbered(kind)), kind, tensor._data.copy())
        if not name:
            self._unnamed.add(value.number)
        self.values.append(value)
        self._known[id(tensor._data)] = value
        self._kept.append(tensor._data)
        return value

    def learn_names(self, variables: Mapping[str, Any]) -> None:
        """The names of parameters in the running model, and of tensors in the calling function."""
        if state.modules and id(state.modules[0]) not in self._names:
            self._names[id(state.modules[0])] = ""  # once for each model
            self._kept.append(state.modules[0])
            for name, parameter in [*state.modules[0].named_parameters(), *state.modules[0].named_buffers()]:
                self._name(parameter, name)
        for name, tensor in variables.items():
            if isinstance(tensor, Tensor):
                self._name(tensor, name)
                known = self._known.get(id(tensor._data))
                if known is not None and known.number in self._unnamed:
                    self._unnamed.discard(known.number)
                    known.name = self._unique(name)

    def _unique(self, name: str) -> str:
        """The name, with a number if another value has it."""
        self._uses[name] += 1
        return name if self._uses[name] == 1 else name + str(self._uses[name]).translate(LOWERED)

    def _name(self, tensor: Tensor, name: str) -> None:
        if id(tensor._data) not in self._names:
            self._names[id(tensor._data)] = name
            self._kept.append(tensor._data)


def _differentiable(step: Forward) -> list[Input | None]:
    """The inputs in the order of the tape's: a variadic operation's all, else by parameter; gaps keep their place."""
    info = step.operation
    if info.variadic:
        return [*(item for item in step.inputs if item.parameter.startswith(f"{info.variadic}["))]
    given = {item.parameter: item for item in step.inputs}
    return [given.get(name) for name in info.differentiable]


def in_frame(frame: FrameType) -> Place:
    """Return the place where a frame stands."""
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line)
    return Place(file, line, text.strip(), frame.f_locals, _piece(frame, text))


def _piece(frame: FrameType, line: str) -> str:
    """The expression that a frame is at work on, where it is one and stands in one line."""
    first, last, start, end = _positions(frame.f_code)[frame.f_lasti // 2]
    if first != last or start is None or end is None:
        return ""
    text = line.encode()[start:end].decode(errors="replace")
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return ""
    return text.replace("self.", "")


@cache
def _positions(code: CodeType) -> list[tuple[int | None, ...]]:
    return list(code.co_positions())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of everything that this thread does in the block."""
    before, state.recorder = state.recorder, listener
    try:
        yield
    finally:
        state.recorder = before


@contextmanager
def record(names: Mapping[str, Tensor] | None = None, limit: int = LIMIT) -> Iterator[Recorder]:
    """Record every operation of this thread inside the block, to be looked at with ``trace``.

    Args:
        names: names to show for tensors that are no module's parameters.
        limit: the largest number of operations.

    Raises:
        TooLargeError: more operations than ``limit``.
    """
    recorder = Recorder(names, limit)
    try:
        with listening(recorder):
            yield recorder
    finally:
        _last.recorder = recorder


def trace(result: Tensor, gradient: Any = None) -> Trace:
    """Differentiate ``result``, which was computed inside ``record()``, and return all steps.  No ``grad`` is touched.

    Args:
        result: what to differentiate; one element, unless ``gradient`` is given.
        gradient: the incoming gradient, same shape.

    Raises:
        ValueError: ``result`` was not computed in the last ``record()`` block, or does not require a gradient.
    """
    recorder: Recorder | None = getattr(_last, "recorder", None)
    if recorder is None or id(result._data) not in recorder._known:
        raise ValueError("trace: compute the result inside `with record():` first, then trace it after the block")
    if result._node is None:
        raise ValueError("trace: the result does not depend on anything that requires a gradient")
    return recorder.trace(result, gradient)
