"""LSTM, GRU, RNN and their cells against torch: settings, packed and padded, states, dropout noise, gradients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import rnn as torch_rnn

from tests.numerics import relative_error
from tinygrad_lab import random
from tinygrad_lab.lab.noise import ReplayDraws
from tinygrad_lab.nn.cells import GRUCell, RNNCell
from tinygrad_lab.nn.gru import GRU
from tinygrad_lab.nn.module import Module
from tinygrad_lab.nn.recurrent import LSTM, RNN, LSTMCell
from tinygrad_lab.nn.utils import rnn
from tinygrad_lab.tensor import Tensor

T, B, D, H = 5, 3, 4, 6
LENGTHS = [2, 5, 3]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"num_layers": 3},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 2, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False, "batch_first": True},
]
LAYERS = [
    (LSTM, torch.nn.LSTM, {}),
    (GRU, torch.nn.GRU, {}),
    (RNN, torch.nn.RNN, {}),
    (RNN, torch.nn.RNN, {"nonlinearity": "relu"}),
]
NAMES = ["LSTM", "GRU", "RNN", "RNN-relu"]


def twins(ours: Any, theirs: Any, *sizes: int, **settings: Any) -> tuple[Any, Any]:
    """The same layer on both sides, in float64, with torch's initial values."""
    mine, other = ours(*sizes, **settings, dtype=np.float64), theirs(*sizes, **settings, dtype=torch.float64)
    assert list(mine.state_dict()) == list(other.state_dict())
    mine.load_state_dict({name: value.numpy() for name, value in other.state_dict().items()})
    return mine, other


def both(*shape: int, seed: int = 0) -> tuple[Tensor, torch.Tensor]:
    values = np.random.default_rng(seed).standard_normal(shape)
    return Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)


def initial_states(layer: Any, *shape: int) -> tuple[Any, Any]:
    """hx on both sides, in the form that the layer takes."""
    pairs = [both(*shape, seed=7 + k) for k in range(len(layer.states))]
    ours, theirs = zip(*pairs, strict=True)
    return (ours, theirs) if isinstance(layer, LSTM) else (ours[0], theirs[0])


def flat(values: Any) -> list:
    return [leaf for v in values for leaf in (flat(v) if isinstance(v, tuple) else [v])]


def assert_equal(
    ours: Sequence[Tensor], theirs: Sequence[torch.Tensor], leaves: Sequence, other_leaves: Sequence
) -> None:
    """All outputs, and the gradient of one random projection of all of them with respect to every leaf."""
    total, other_total = Tensor(np.zeros(())), torch.zeros((), dtype=torch.float64)
    for seed, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert relative_error(mine.numpy(), other.detach().numpy()) < 1e-12
        weight = np.random.default_rng(seed).standard_normal(mine.shape)
        total, other_total = total + (mine * Tensor(weight)).sum(), other_total + (other * torch.tensor(weight)).sum()
    total.backward()
    other_total.backward()
    for mine, other in zip(leaves, other_leaves, strict=True):
        assert relative_error(mine.grad.numpy(), other.grad.numpy()) < 1e-12


def parameters_of(mine: Module, other: torch.nn.Module) -> tuple[list, list]:
    return list(mine.parameters()), list(other.parameters())


# ---- the layers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("ours", "theirs", "extra"), LAYERS, ids=NAMES)
@pytest.mark.parametrize("given", [False, True], ids=["zero", "hx"])
def test_equals_torch(ours: Any, theirs: Any, extra: dict, settings: dict, given: bool) -> None:
    mine, other = twins(ours, theirs, D, H, **settings, **extra)
    a, b = both(B, T, D) if settings.get("batch_first") else both(T, B, D)
    states = initial_states(mine, mine.num_layers * mine.directions, B, H) if given else (None, None)
    parameters, other_parameters = parameters_of(mine, other)
    leaves, other_leaves = [a, *parameters], [b, *other_parameters]
    if given:
        leaves, other_leaves = leaves + flat([states[0]]), other_leaves + flat([states[1]])
    assert_equal(flat(mine(a, states[0])), flat(other(b, states[1])), leaves, other_leaves)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("ours", "theirs", "extra"), LAYERS[:3], ids=NAMES[:3])
def test_one_sequence_without_a_batch(ours: Any, theirs: Any, extra: dict, settings: dict) -> None:
    mine, other = twins(ours, theirs, D, H, **settings, **extra)
    a, b = both(T, D)
    states = initial_states(mine, mine.num_layers * mine.directions, H)
    assert_equal(flat(mine(a, states[0])), flat(other(b, states[1])), [a, *mine.parameters()], [b, *other.parameters()])


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("ours", "theirs", "extra"), LAYERS, ids=NAMES)
@pytest.mark.parametrize("given", [False, True], ids=["zero", "hx"])
def test_packed_sequences(ours: Any, theirs: Any, extra: dict, settings: dict, given: bool) -> None:
    mine, other = twins(ours, theirs, D, H, **settings, **extra)
    a, b = both(T, B, D)
    states = initial_states(mine, mine.num_layers * mine.directions, B, H) if given else (None, None)
    packed = rnn.pack_padded_sequence(a, LENGTHS, enforce_sorted=False)
    other_packed = torch_rnn.pack_padded_sequence(b, torch.tensor(LENGTHS), enforce_sorted=False)
    (output, last), (other_output, other_last) = mine(packed, states[0]), other(other_packed, states[1])
    ours_flat, theirs_flat = [output.data, *flat([last])], [other_output.data, *flat([other_last])]
    assert_equal(ours_flat, theirs_flat, [a, *mine.parameters()], [b, *other.parameters()])


def test_halves_with_the_state_carried_equal_the_whole() -> None:
    """Also in the gradients, to which each parameter's two uses add up."""
    layer = LSTM(D, H, 2, dtype=np.float64)
    x, _ = both(6, B, D)
    weight = Tensor(np.random.default_rng(3).standard_normal((6, B, H)))
    whole, last = layer(x)
    (whole * weight).sum().backward()
    expected = [t.grad.numpy().copy() for t in (x, *layer.parameters())]
    layer.zero_grad()
    x.grad = None
    first, state = layer(x[:4])
    second, end = layer(x[4:], state)
    ((first * weight[:4]).sum() + (second * weight[4:]).sum()).backward()
    assert relative_error(np.concatenate([first.numpy(), second.numpy()]), whole.numpy()) < 1e-14
    assert all(relative_error(a.numpy(), b.numpy()) < 1e-14 for a, b in zip(end, last, strict=True))
    for tensor, gradient in zip((x, *layer.parameters()), expected, strict=True):
        assert relative_error(tensor.grad.numpy(), gradient) < 1e-13


def test_only_the_last_state_is_used() -> None:
    mine, other = twins(LSTM, torch.nn.LSTM, D, H)
    a, b = both(T, B, D)
    assert_equal([mine(a)[1][1]], [other(b)[1][1]], [a, *mine.parameters()], [b, *other.parameters()])


def test_backward_twice_adds_up() -> None:
    layer = LSTM(D, H, dtype=np.float64)
    x, _ = both(T, B, D)
    output, _ = layer(x)
    output.backward(np.ones(output.shape), retain_graph=True)
    once = x.grad.numpy().copy()
    output.backward(np.ones(output.shape))
    np.testing.assert_array_equal(x.grad.numpy(), 2 * once)


# ---- dropout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["LSTM", "GRU"])
@pytest.mark.parametrize("form", ["time first", "batch first", "packed"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_dropout_draws_what_torch_draws(layer: str, form: str, bidirectional: bool, p: float) -> None:
    settings = {"num_layers": 3, "dropout": p, "bidirectional": bidirectional, "batch_first": form == "batch first"}
    mine, other = twins({"LSTM": LSTM, "GRU": GRU}[layer], getattr(torch.nn, layer), D, H, **settings)
    a, b = both(T, B, D)
    x: Any = a
    y: Any = b
    if form == "packed":
        x = rnn.pack_padded_sequence(a, LENGTHS, enforce_sorted=False)
        y = torch_rnn.pack_padded_sequence(b, torch.tensor(LENGTHS), enforce_sorted=False)
    with random.record_draws() as draws:
        output, last = mine(x)
    assert len(draws) == (2 if p < 1 else 0)
    with ReplayDraws(draws) as replay:
        other_output, other_last = other(y)
    replay.check_all_used()
    if form == "packed":
        output, other_output = output.data, other_output.data
    assert_equal(
        flat([output, last]), flat([other_output, other_last]), list(mine.parameters()), list(other.parameters())
    )


def test_evaluation_drops_nothing() -> None:
    mine, other = twins(LSTM, torch.nn.LSTM, D, H, num_layers=2, dropout=0.5)
    a, b = both(T, B, D)
    with random.record_draws() as draws:
        output, _ = mine.eval()(a)
    assert draws == []
    assert relative_error(output.numpy(), other.eval()(b)[0].detach().numpy()) < 1e-12


def test_dropout_of_a_single_layer_warns_as_in_torch() -> None:
    with pytest.warns(UserWarning, match=r"LSTM: dropout=0.5 acts between layers, and there is one"):
        LSTM(D, H, dropout=0.5)


# ---- one step -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (B,)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("given", [True, False])
def test_cell_equals_torch(shape: tuple[int, ...], bias: bool, given: bool) -> None:
    mine, other = twins(LSTMCell, torch.nn.LSTMCell, D, H, bias=bias)
    a, b = both(*shape, D)
    ours, theirs = zip(both(*shape, H, seed=1), both(*shape, H, seed=2), strict=True)
    leaves, other_leaves = [a, *mine.parameters()], [b, *other.parameters()]
    if not given:
        assert_equal(mine(a), other(b), leaves, other_leaves)
    else:
        assert_equal(mine(a, ours), other(b, theirs), [*leaves, *ours], [*other_leaves, *theirs])


@pytest.mark.parametrize("shape", [(), (B,)])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    ("ours", "name", "options"),
    [
        (GRUCell, "GRUCell", {}),
        (GRUCell, "GRUCell", {"bias": False}),
        (RNNCell, "RNNCell", {}),
        (RNNCell, "RNNCell", {"bias": False, "nonlinearity": "relu"}),
    ],
)
def test_cell_of_one_state_equals_torch(
    ours: Any, name: str, options: dict, given: bool, shape: tuple[int, ...]
) -> None:
    mine, other = twins(ours, getattr(torch.nn, name), D, H, **options)
    a, b = both(*shape, D)
    h, k = both(*shape, H, seed=1)
    leaves, other_leaves = [a, *mine.parameters()], [b, *other.parameters()]
    if given:
        assert_equal([mine(a, h)], [other(b, k)], [*leaves, h], [*other_leaves, k])
    else:
        assert_equal([mine(a)], [other(b)], leaves, other_leaves)


# ---- start, and what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN, LSTMCell, GRUCell, RNNCell])
def test_starts_uniform_within_one_over_the_root_of_hidden_size(layer: Any) -> None:
    for name, parameter in layer(50, 100, generator=random.generator(0)).named_parameters():
        values = parameter.numpy()
        assert values.dtype == np.float32
        assert 0.09 < np.abs(values).max() <= 0.1, name


def test_the_generator_decides_start_and_noise() -> None:
    x, _ = both(T, B, D)
    first, again = (LSTM(D, H, 2, dropout=0.5, generator=random.generator(5), dtype=np.float64) for _ in range(2))
    np.testing.assert_array_equal(first(x)[0].numpy(), again(x)[0].numpy())


def test_settings_show() -> None:
    assert repr(LSTM(3, 4, 2, dropout=0.1)) == (
        "LSTM(3, 4, num_layers=2, bias=True, batch_first=False, dropout=0.1, bidirectional=False)"
    )
    assert repr(RNN(3, 4, nonlinearity="relu")).endswith("bidirectional=False, nonlinearity='relu')")
    assert repr(GRU(3, 4)) == (
        "GRU(3, 4, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False)"
    )
    assert repr(GRUCell(3, 4)) == "GRUCell(3, 4, bias=True)"
    assert repr(LSTMCell(3, 4)) == "LSTMCell(3, 4, bias=True)"


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LSTM(0, 4), r"LSTM: input_size must be at least 1, got 0"),
        (lambda: RNN(3, 0), r"RNN: hidden_size must be at least 1, got 0"),
        (lambda: LSTM(3, 4, 0), r"LSTM: num_layers must be at least 1, got 0"),
        (lambda: LSTMCell(3, 0), r"LSTMCell: hidden_size must be at least 1, got 0"),
        (lambda: LSTM(3, 4, 2, dropout=1.5), r"LSTM: dropout must be in \[0, 1\], got 1.5"),
        (lambda: RNN(3, 4, nonlinearity="sine"), r"RNN: nonlinearity must be tanh or relu, got 'sine'"),
        (lambda: GRUCell(0, 4), r"GRUCell: input_size must be at least 1, got 0"),
        (lambda: RNNCell(3, 4, nonlinearity="sine"), r"RNNCell: nonlinearity must be tanh or relu, got 'sine'"),
        (lambda: GRUCell(3, 4)(zeros(2, 5)), r"GRUCell: input has shape \(2, 5\), it must be \(B, 3\)"),
        (lambda: RNNCell(3, 4)(zeros(2, 3), zeros(3, 4)), r"RNNCell: hx has shape \(3, 4\), it must be \(2, 4\)"),
        (
            lambda: GRU(3, 4)(zeros(0, 2, 3)),
            r"gru: input has shape \(0, 2, 3\), a sequence must have at least one step",
        ),
        (lambda: GRU(3, 4)(zeros(5, 2, 3), zeros(1, 3, 4)), r"GRU: hx has h_0 of shape \(1, 3, 4\), .* \(1, 2, 4\)"),
        (lambda: LSTM(3, 4)(zeros(5, 2, 7)), r"LSTM: input has 7 features a step, input_size is 3"),
        (
            lambda: LSTM(3, 4)(zeros(0, 2, 3)),
            r"lstm: input has shape \(0, 2, 3\), a sequence must have at least one step",
        ),
        (
            lambda: RNN(3, 4)(zeros(0, 2, 3)),
            r"rnn: input has shape \(0, 2, 3\), a sequence must have at least one step",
        ),
        (
            lambda: LSTM(3, 4, 2)(zeros(5, 2, 3), (zeros(2, 2, 4), zeros(1, 2, 4))),
            r"LSTM: hx has c_0 of shape \(1, 2, 4\), it must be .* \(2, 2, 4\)",
        ),
        (lambda: RNN(3, 4)(zeros(5, 2, 3), zeros(1, 3, 4)), r"RNN: hx has h_0 of shape \(1, 3, 4\), .* \(1, 2, 4\)"),
        (lambda: LSTMCell(3, 4)(zeros(2, 5)), r"LSTMCell: input has shape \(2, 5\), it must be \(B, 3\)"),
        (
            lambda: LSTMCell(3, 4)(zeros(2, 3), (zeros(2, 4), zeros(3, 4))),
            r"LSTMCell: hx has shapes \(2, 4\) and \(3, 4\), both must be \(2, 4\)",
        ),
    ],
)
def test_bad_input_is_named(unchecked_shapes: None, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
