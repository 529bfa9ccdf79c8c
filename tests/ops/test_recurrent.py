"""What the recurrent operations promise beyond agreeing with torch: ends of sequences, ranges, the carousel, errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.numerics import relative_error
from tinygrad_lab.ops.gru import gru
from tinygrad_lab.ops.kernels import inputs, recurrent, repeated
from tinygrad_lab.ops.lstm import lstm, lstm_1997
from tinygrad_lab.ops.rnn import rnn
from tinygrad_lab.tensor import Tensor

T, B, D, H = 6, 3, 2, 4
BLOCKS = {lstm: 4, lstm_1997: 3, rnn: 1}
every = pytest.mark.parametrize("operation", BLOCKS, ids=lambda operation: operation.info.name)


def arguments(operation: Any, scale: float = 1.0, requires_grad: bool = True) -> list[Tensor]:
    """Input, initial states, weights and biases."""
    rows, states = BLOCKS[operation] * H, 1 if operation is rnn else 2
    shapes = [(T, B, D), *[(B, H)] * states, (rows, D), (rows, H), (rows,), (rows,)]
    rng = np.random.default_rng(0)
    return [Tensor(scale * rng.standard_normal(shape), requires_grad=requires_grad) for shape in shapes]


@every
@pytest.mark.parametrize("reverse", [False, True])
def test_each_sequence_runs_as_if_alone(operation: Any, reverse: bool) -> None:
    x, *rest = arguments(operation)
    states, parameters = rest[:-4], rest[-4:]
    lengths = np.array([4, 1, 6])
    output, *last = operation(x, *states, *parameters, lengths, reverse)
    for b, length in enumerate(lengths):
        alone = operation(x[:length, b : b + 1], *[s[b : b + 1] for s in states], *parameters, None, reverse)
        assert relative_error(output.numpy()[:length, b], alone[0].numpy()[:, 0]) < 1e-14
        assert not output.numpy()[length:, b].any()
        for state, expected in zip(last, alone[1:], strict=True):
            assert relative_error(state.numpy()[b], expected.numpy()[0]) < 1e-14


@every
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_is_never_seen(operation: Any, reverse: bool) -> None:
    x, *rest = arguments(operation)
    lengths = np.array([4, 1, 6])
    other = Tensor(x.numpy() + 1e3 * (np.arange(T)[:, None] >= lengths)[:, :, None], requires_grad=True)
    results = []
    for padded in (x, other):
        output, *_ = operation(padded, *rest, lengths, reverse)
        output.backward(np.ones(output.shape))
        results.append((output, padded.grad))
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert not x.grad.numpy()[np.arange(T)[:, None] >= lengths].any()


def test_nothing_overflows_after_the_end() -> None:
    """A growing relu network may run far beyond a short sequence's end; nothing of that may reach a gradient."""
    x, h_0, weight_ih, weight_hh, *_ = arguments(rnn)
    growing = Tensor(1e100 * np.abs(weight_hh.numpy()), requires_grad=True)
    lengths = np.array([1, 2, 1])
    output, _ = rnn(x, h_0, weight_ih, growing, lengths=lengths, nonlinearity="relu")
    output.backward(np.ones(output.shape))
    assert np.isfinite(growing.grad.numpy()).all()


@every
def test_outputs_do_not_share_memory(operation: Any) -> None:
    outputs = operation(*arguments(operation))
    for k, first in enumerate(outputs):
        for second in outputs[k + 1 :]:
            assert not np.may_share_memory(first.numpy(), second.numpy())


@every
def test_frozen_inputs_get_no_gradient(operation: Any) -> None:
    free = arguments(operation, requires_grad=False)
    for place in range(len(free)):
        leaves = [Tensor(t, requires_grad=k == place) for k, t in enumerate(free)]
        output, *_ = operation(*leaves)
        output.backward(np.ones(output.shape))
        assert [leaf.grad is not None for leaf in leaves] == [k == place for k in range(len(free))]


@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (9, 5), (7, 200), (3, 600), (4, 0)])
def test_several_steps_at_once_are_as_one_by_one(steps: int, batch: int, biases: int) -> None:
    """A large weight meets the inputs of several steps together; the last group may be smaller."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((inputs.SMALL // 64 + 1, 64))
    x, bias = rng.standard_normal((steps, batch, 64)), rng.standard_normal(len(weight))
    given = [bias] * biases + [None] * (2 - biases)
    a = inputs.Inputs(x, weight).products(*given)
    assert a.flags.c_contiguous
    for step, a_t in zip(x, a, strict=True):
        assert relative_error(a_t, weight @ step.T + biases * bias[:, None]) < 1e-13


@pytest.mark.parametrize("operation", [*BLOCKS, gru], ids=lambda operation: operation.info.name)
def test_large_weights_and_many_steps_agree_with_the_definition(operation: Any) -> None:
    """Then other forms run than for small ones; 33 rows are no whole number of strips."""
    steps, batch, features, units = recurrent.MANY + 1, 70, inputs.SMALL // 33 + 1, 33
    rows, states = {**BLOCKS, gru: 3}[operation] * units, 1 if operation in (rnn, gru) else 2
    draw = np.random.default_rng(0).standard_normal
    arrays = [0.02 * draw((steps, batch, features)), *draw((states, batch, units))]
    arrays += [draw((rows, features)), 0.2 * draw((rows, units))]
    leaves = [[Tensor(array, requires_grad=True) for array in arrays] for _ in range(2)]
    fast, defined = operation(*leaves[0]), operation.info.definition(*leaves[1])
    dy = draw(fast[0].shape)
    for output, *_ in (fast, defined):
        output.backward(dy)
    for one, other in zip(fast, defined, strict=True):
        assert relative_error(one.numpy(), other.numpy()) < 1e-13
    for one, other in zip(*leaves, strict=True):
        assert relative_error(one.grad.numpy(), other.grad.numpy()) < 1e-12


@pytest.mark.parametrize("operation", [*BLOCKS, gru], ids=lambda operation: operation.info.name)
@pytest.mark.parametrize(("symbols", "reverse"), [(5, False), (5, True), (40, False)])
def test_repeated_inputs_agree_with_the_definition(operation: Any, symbols: int, reverse: bool) -> None:
    """Texts repeat few symbols: products with the rows of an embedding are made once for each."""
    steps, batch, features, units = 11, 32, 64, 256 // BLOCKS.get(operation, 3) + 1
    rows, states = BLOCKS.get(operation, 3) * units, 1 if operation in (rnn, gru) else 2
    rng = np.random.default_rng(0)
    table = rng.standard_normal((symbols, features))
    arrays = [table[rng.integers(symbols, size=(steps, batch))]]
    arrays += [*rng.standard_normal((states, batch, units)), 0.1 * rng.standard_normal((rows, features))]
    arrays += [0.1 * rng.standard_normal((rows, units)), *rng.standard_normal((2, rows))]
    assert arrays[-4].size >= inputs.LOOKED_UP
    assert repeated.repeated(arrays[0].reshape(-1, features)) is not None
    leaves = [[Tensor(array, requires_grad=True) for array in arrays] for _ in range(2)]
    lengths = Tensor(np.arange(batch) % steps + 1)
    fast = operation(*leaves[0], lengths, reverse)
    defined = operation.info.definition(*leaves[1], lengths, reverse)
    dy = rng.standard_normal(fast[0].shape)
    for output, *_ in (fast, defined):
        output.backward(dy)
    for one, other in zip(fast, defined, strict=True):
        assert relative_error(one.numpy(), other.numpy()) < 1e-13
    for one, other in zip(*leaves, strict=True):
        assert relative_error(one.grad.numpy(), other.grad.numpy()) < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_taken_for_repeated_only_where_they_are_equal(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 6)).astype(dtype)[rng.integers(20, size=400)]
    found = repeated.repeated(x)
    assert len(found.table) == 20
    np.testing.assert_array_equal(found.table[found.place], x)
    assert repeated.repeated(x[:100]) is None  # too few to be worth a look
    x[399, 5] += 1  # begins as others do, and ends otherwise
    assert repeated.repeated(x) is None
    x[:] = np.nan  # equal to nothing
    assert repeated.repeated(x) is None
    assert repeated.repeated(rng.standard_normal((400, 6)).astype(dtype)) is None
    few_at_first = np.concatenate([np.zeros((256, 6), dtype), rng.standard_normal((256, 6)).astype(dtype)])
    assert repeated.repeated(few_at_first) is None
    assert repeated.repeated(np.zeros((400, 0), dtype)) is None


def test_ranges_of_1997() -> None:
    """h in [-1, 1], and a step moves the state by at most 2, the range of g."""
    x, h_0, c_0, *parameters = arguments(lstm_1997, scale=50.0)
    states = [c_0.numpy()]
    for steps in range(1, T + 1):
        output, _, c_n = lstm_1997(x[:steps], h_0, c_0, *parameters)
        states.append(c_n.numpy())
    moves = np.abs(np.diff(states, axis=0))
    assert 1.9 < moves.max() <= 2
    assert 0.9 < np.abs(output.numpy()).max() <= 1


def carried(operation: Callable, biases: list[float]) -> np.ndarray:
    """d c_n / d c_0 over T steps without any weights, gates held by their biases."""
    x, h_0, c_0, weight_ih, weight_hh, *_ = (Tensor(np.zeros(t.shape)) for t in arguments(operation))
    c_0 = Tensor(np.full(c_0.shape, 0.3), requires_grad=True)
    bias = Tensor(np.repeat(biases, H))
    _, _, c_n = operation(x, h_0, c_0, weight_ih, weight_hh, bias)
    c_n.backward(np.ones(c_n.shape))
    return c_0.grad.numpy()


def test_the_carousel_carries_errors_unchanged() -> None:
    """With no weights the error flow of 1997 is exactly 1 over any lag; the forget gate makes it f per step."""
    np.testing.assert_array_equal(carried(lstm_1997, [-40.0, 0.0, -40.0]), 1.0)
    np.testing.assert_allclose(carried(lstm, [-40.0, 1.0, 0.0, -40.0]), (1 / (1 + np.exp(-1.0))) ** T, rtol=1e-14)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (0, B, D), r"input has shape \(0, 3, 2\), a sequence must have at least one step"),
        (0, (T, B, D + 1), r"weight_ih has shape \(16, 2\), for an input of shape \(6, 3, 3\).*must be \(16, 3\)"),
        (1, (B + 1, H), r"h_0 has shape \(4, 4\).*must be \(3, 4\)"),
        (2, (B, H + 1), r"c_0 has shape \(3, 5\).*must be \(3, 4\)"),
        (3, (H, D), r"weight_ih has shape \(4, 2\).*must be \(16, 2\)"),
        (4, (3 * H, H), r"weight_hh has shape \(12, 4\), it must be \(4 H, H\)"),
        (5, (H,), r"bias_ih has shape \(4,\).*must be \(16,\)"),
        (6, (H,), r"bias_hh has shape \(4,\).*must be \(16,\)"),
    ],
)
def test_wrong_shapes_are_named(place: int, shape: tuple[int, ...], message: str) -> None:
    arrays = [t.numpy() for t in arguments(lstm)]
    arrays[place] = np.zeros(shape)
    unchecked = lstm.info.body.__wrapped__  # as users run it: only tests check annotations, and those speak first
    with pytest.raises(ValueError, match=f"lstm: {message}"):
        unchecked(*arrays)


def test_mixed_dtypes_are_named() -> None:
    x, *rest = arguments(lstm)
    with pytest.raises(TypeError, match=r"lstm: input is float32 and h_0 is float64, they must have one dtype"):
        lstm(Tensor(x, dtype=np.float32), *rest)


@pytest.mark.parametrize("lengths", [[1, 2], [0, 1, 2], [1, 2, 7]])
def test_bad_lengths_are_named(lengths: list[int]) -> None:
    unchecked = rnn.info.body.__wrapped__
    with pytest.raises(ValueError, match=r"rnn: lengths must be 3 whole numbers from 1 to 6.*got \["):
        unchecked(*[t.numpy() for t in arguments(rnn)], np.array(lengths))


def test_other_nonlinearities_are_refused() -> None:
    with pytest.raises(ValueError, match="rnn: nonlinearity must be tanh or relu, got 'sine'"):
        rnn(*arguments(rnn), nonlinearity="sine")
