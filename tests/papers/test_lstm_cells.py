"""The cells: their equations in numbers, what the carousel does to errors, and three implementations that agree."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.lstm import model as engine
from reference.lstm import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad

CELLS = {"2000": (engine.LSTM, reference.LSTM), "1997": (engine.LSTM1997, reference.LSTM1997),
         "rnn": (engine.RNN, reference.RNN)}  # fmt: skip


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def layer_of_one_cell(layer: Callable, weights_ih: list, weights_hh: list, biases: list):
    """A layer with one input and one cell, its weights a number for each block."""
    made = seeded(layer, 1, 1).double()
    state = {"weight_ih_l0": weights_ih, "weight_hh_l0": weights_hh}
    arrays = {name: np.array(values)[:, None] for name, values in state.items()}
    made.load_state_dict(arrays | {"bias_ih_l0": np.array(biases), "bias_hh_l0": np.zeros(len(biases))})
    return made


# ---- equations -------------------------------------------------------------------------------------------------------


def test_two_steps_of_the_cell_of_2000_by_hand() -> None:
    layer = layer_of_one_cell(engine.LSTM, [0.5, -1.0, 2.0, 0.3], [0.1, 0.2, -0.4, 0.7], [0.0, 1.0, 0.1, -0.2])
    h = c = 0.0
    for x in (0.8, -0.6):
        i = sigmoid(0.5 * x + 0.1 * h)
        f = sigmoid(-1.0 * x + 0.2 * h + 1.0)
        g = math.tanh(2.0 * x - 0.4 * h + 0.1)
        o = sigmoid(0.3 * x + 0.7 * h - 0.2)
        c = f * c + i * g
        h = o * math.tanh(c)
    output, state = layer(Tensor([[[0.8]], [[-0.6]]], dtype=np.float64))
    assert [value.item() for value in state] == pytest.approx([h, c], rel=1e-12)
    assert output[1, 0, 0].item() == pytest.approx(h, rel=1e-12)


def test_two_steps_of_the_cell_of_1997_by_hand() -> None:
    layer = layer_of_one_cell(engine.LSTM1997, [0.5, 2.0, 0.3], [0.1, -0.4, 0.7], [0.0, 0.1, -0.2])
    h = c = 0.0
    for x in (0.8, -0.6):
        i = sigmoid(0.5 * x + 0.1 * h)
        g = 4 * sigmoid(2.0 * x - 0.4 * h + 0.1) - 2
        o = sigmoid(0.3 * x + 0.7 * h - 0.2)
        c = c + i * g
        h = o * (2 * sigmoid(c) - 1)
    _, state = layer(Tensor([[[0.8]], [[-0.6]]], dtype=np.float64))
    assert [value.item() for value in state] == pytest.approx([h, c], rel=1e-12)


def test_two_steps_of_the_plain_layer_by_hand() -> None:
    layer = layer_of_one_cell(engine.RNN, [0.5], [-0.9], [0.2])
    h = math.tanh(0.5 * -0.6 - 0.9 * math.tanh(0.5 * 0.8 + 0.2) + 0.2)
    _, (state,) = layer(Tensor([[[0.8]], [[-0.6]]], dtype=np.float64))
    assert state.item() == pytest.approx(h, rel=1e-12)


@pytest.mark.parametrize(("net", "wrote"), [(-60.0, -2.0), (0.0, 0.0), (60.0, 2.0)])
def test_g_of_1997_has_the_range_from_minus_2_to_2(net: float, wrote: float) -> None:
    """The summary table of the paper has the ranges of g and h the other way round; text and experiments have these."""
    open_gate = layer_of_one_cell(engine.LSTM1997, [0.0, 1.0, 0.0], [0.0] * 3, [60.0, 0.0, 0.0])
    _, (_, c) = open_gate(Tensor([[[net]]], dtype=np.float64))
    assert c.item() == pytest.approx(wrote, abs=1e-12)


@pytest.mark.parametrize(("state", "seen"), [(-60.0, -1.0), (0.0, 0.0), (60.0, 1.0)])
def test_h_of_1997_has_the_range_from_minus_1_to_1(state: float, seen: float) -> None:
    open_gate = layer_of_one_cell(engine.LSTM1997, [0.0] * 3, [0.0] * 3, [-60.0, 0.0, 60.0])
    before = (Tensor(np.zeros((1, 1))), Tensor(np.array([[state]])))
    _, (h, _) = open_gate(Tensor(np.zeros((1, 1, 1))), before)
    assert h.item() == pytest.approx(seen, abs=1e-12)


# ---- the constant error carousel -------------------------------------------------------------------------------------


def error_carried(layer: engine.Layer, steps: int) -> float:
    """d c_T / d c_0 of a layer with one cell that reads zeros."""
    c = Tensor(np.array([[0.3]]), requires_grad=True)
    _, (_, last) = layer(Tensor(np.zeros((steps, 1, 1))), (Tensor(np.zeros((1, 1))), c))
    last.backward()
    return c.grad.item()


def test_closed_gates_carry_error_unchanged_over_a_thousand_steps() -> None:
    closed = layer_of_one_cell(engine.LSTM1997, [0.0] * 3, [0.5] * 3, [-60.0, 0.0, -60.0])
    assert error_carried(closed, 1000) == pytest.approx(1.0, rel=1e-12)


def test_a_forget_gate_is_a_weight_on_the_carousel() -> None:
    """The error over T steps is multiplied by f^T: open, it is the cell of 1997."""
    opened, half = (
        layer_of_one_cell(engine.LSTM, [0.0] * 4, [0.0] * 4, [-60.0, bias, 0.0, -60.0]) for bias in (60.0, 0.0)
    )
    assert error_carried(opened, 1000) == pytest.approx(1.0, rel=1e-12)
    assert error_carried(half, 20) == pytest.approx(0.5**20, rel=1e-12)


def test_without_a_forget_gate_the_state_grows_with_the_length_of_the_stream() -> None:
    """Why Gers et al. added it: a cell of 1997 that keeps writing never comes back."""
    biases = [2.0, 2.0, 0.0]
    states = {}
    for layer, extra in ((engine.LSTM1997, []), (engine.LSTM, [1.0])):
        blocks = len(biases) + len(extra)
        made = layer_of_one_cell(layer, [0.0] * blocks, [0.0] * blocks, biases[:1] + extra + biases[1:])
        states[layer] = [made(Tensor(np.zeros((steps, 1, 1))))[1][1].item() for steps in (100, 200)]
    assert states[engine.LSTM1997][1] == pytest.approx(2 * states[engine.LSTM1997][0])
    assert states[engine.LSTM][1] == pytest.approx(states[engine.LSTM][0])


# ---- three implementations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
@given(steps=st.integers(1, 6), batch=st.integers(1, 3), inputs=st.integers(1, 4), hidden=st.integers(1, 5))
def test_operation_loop_and_other_side_agree(name: str, steps: int, batch: int, inputs: int, hidden: int) -> None:
    """Outputs, last states, and the gradients of inputs, first states and parameters."""
    ours, theirs = (side(inputs, hidden) for side in CELLS[name])
    ours.double()
    theirs.double()
    theirs.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in ours.state_dict().items()})
    rng = np.random.default_rng(steps + 10 * batch)
    sequence = rng.standard_normal((steps, batch, inputs))
    state = [rng.standard_normal((batch, hidden)) for _ in range(ours.states)]

    found = []
    for fused in (ours.fused, None):
        ours.fused = fused  # None: the loop over ``step``
        leaves = [Tensor(value, requires_grad=True) for value in (sequence, *state)]
        ours.zero_grad()
        output, last = ours(leaves[0], tuple(leaves[1:]))
        results = [output, *last]
        weighted(results).backward()
        found.append(
            [value.numpy() for value in results] + [leaf.grad.numpy() for leaf in (*leaves, *ours.parameters())]
        )
    leaves = [torch.from_numpy(value).requires_grad_() for value in (sequence, *state)]
    output, last = theirs(leaves[0], tuple(leaves[1:]))
    weighted([output, *last]).backward()
    found.append(
        [value.detach().numpy() for value in (output, *last)]
        + [leaf.grad.numpy() for leaf in (*leaves, *theirs.parameters())]
    )
    for other in found[1:]:
        for expected, value in zip(found[0], other, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_a_step_that_is_edited_runs_once_its_operation_is_taken_away(name: str) -> None:
    class Edited(CELLS[name][0]):
        fused = None

        def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(part + 1 for part in state)

    output, _ = seeded(Edited, 3, 4)(Tensor(np.zeros((2, 5, 3), np.float32)))
    np.testing.assert_array_equal(output.numpy()[:, 0, 0], [1, 2])


def weighted(results: list):
    """One number that every element of every result has its own weight in."""
    total = 0.0
    for place, value in enumerate(results):
        weights = np.cos(np.arange(value.numel()) + place).reshape(tuple(value.shape))
        total = (
            total + (value * (torch.from_numpy(weights) if isinstance(value, torch.Tensor) else Tensor(weights))).sum()
        )
    return total


@pytest.mark.parametrize("name", CELLS)
def test_state_handed_on_is_one_long_sequence(name: str) -> None:
    layer = seeded(CELLS[name][0], 3, 4).double()
    sequence = Tensor(np.random.default_rng(0).standard_normal((9, 2, 3)))
    with no_grad():
        whole, last = layer(sequence)
        first, state = layer(sequence[:4])
        second, after = layer(sequence[4:], state)
    np.testing.assert_allclose(np.concatenate([first.numpy(), second.numpy()]), whole.numpy(), rtol=1e-12)
    for a, b in zip(after, last, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_an_empty_sequence_is_refused(name: str) -> None:
    layer = seeded(CELLS[name][0], 3, 4)
    with pytest.raises(ValueError, match="input"):
        layer(Tensor(np.zeros((0, 2, 3), np.float32)))


@pytest.mark.parametrize("side", [0, 1])
def test_forget_bias_is_the_sum_of_both_biases(side: int) -> None:
    """torch's form has two biases: setting both to 1 would make 2."""
    layer = CELLS["2000"][side](3, 5)
    before = {name: np.array(value.tolist()) for name, value in layer.state_dict().items()}
    layer.set_forget_bias(1.0)
    after = {name: np.array(value.tolist()) for name, value in layer.state_dict().items()}
    rows = np.arange(20) // 5 == 1  # blocks in torch's order: input, forget, cell, output
    np.testing.assert_array_equal((after["bias_ih_l0"] + after["bias_hh_l0"])[rows], 1.0)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        np.testing.assert_array_equal(after[name][~rows], before[name][~rows])


@pytest.mark.parametrize("side", [0, 1])
def test_input_gates_share_the_biases_they_are_given(side: int) -> None:
    """Section 5.4: -3 for the cells of the first block, -6 for those of the second; nothing else changes."""
    layer = CELLS["1997"][side](3, 4)
    before = {name: np.array(value.tolist()) for name, value in layer.state_dict().items()}
    layer.set_input_biases((-3.0, -6.0))
    after = {name: np.array(value.tolist()) for name, value in layer.state_dict().items()}
    sums = after["bias_ih_l0"] + after["bias_hh_l0"]
    np.testing.assert_array_equal(sums[:4], [-3, -3, -6, -6])
    for name, value in after.items():
        kept = slice(4 if "bias" in name else 0, None)
        np.testing.assert_array_equal(value[kept], before[name][kept])
