"""The networks around the cells: sizes, noise, initial values, losses and metrics of the three tasks."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from papers.lstm import PAPER, data
from papers.lstm.config import VARIANTS, LSTMConfig
from papers.lstm.model import AddingModel, GrammarModel, Network, SymbolModel, build, loss
from papers.lstm.tasks.reber import ReberString, batch_of
from papers.lstm.train import configure_optimizer, evaluate, train
from reference.lstm import builtin
from reference.lstm import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab.sides import sides
from tinygrad_lab.random import generator, record_draws

TEXT = VARIANTS["2000"]["tiny"]


def network(config: LSTMConfig, seed: int = 0) -> Network:
    return build(config, generator(seed)).double()


def example(config: LSTMConfig, seed: int = 0) -> dict:
    return as_tensors(data.example_batch(config, generator(seed)))


def as_tensors(batch: dict) -> dict:
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def count(module: object) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "blocks"), [("2000", 4), ("1997", 3), ("rnn", 1)])
def test_parameters_of_each_part(cell: str, blocks: int) -> None:
    """A layer: for every gate and the input of the cells, H rows of I + H weights and two biases."""
    model = build(VARIANTS[cell]["paper"], generator(0))
    assert [count(layer) for layer in model.layers] == [blocks * 650 * (650 + 650 + 2)] * 2
    assert count(model.embedding) == 96 * 650
    assert count(model.output) == 96 * (650 + 1)
    assert count(build(VARIANTS[cell]["small"], generator(0)).layers) == blocks * 256 * (256 + 256 + 2)


def test_small_networks_of_the_tasks_of_1997() -> None:
    """Ours have no connections from gates to gates, and a bias more at every place, than the paper's 264 and 93.

    Its counts come out as: every cell and gate reads inputs, cells and gates; gates have biases.
    """
    cells, gates = 4, 8  # four blocks of one cell
    assert (cells + gates) * (7 + cells + gates) + 7 * cells + gates == 264
    cells, gates = 4, 4  # two blocks of two cells, biases everywhere
    assert (cells + gates) * (2 + cells + gates) + cells + (cells + gates) + 1 == 93
    assert count(build(VARIANTS["reber"]["paper"], generator(0))) == 3 * 4 * (7 + 4 + 2) + 7 * (4 + 1)
    assert count(build(VARIANTS["adding"]["paper"], generator(0))) == 3 * 4 * (2 + 4 + 2) + (4 + 1)


def test_one_hot_symbols_have_no_parameters() -> None:
    model = build(VARIANTS["reber"]["tiny"], generator(0))
    assert count(model.embedding) == 0
    np.testing.assert_array_equal(model.embedding(Tensor([2, 0])).numpy(), np.eye(7)[[2, 0]])


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_sides_have_the_same_parameters_in_the_same_order(variant: str) -> None:
    config = VARIANTS[variant]["small"]
    ours, theirs = build(config, generator(0)).state_dict(), reference.build(config).state_dict()
    assert {k: tuple(v.shape) for k, v in ours.items()} == {k: tuple(v.shape) for k, v in theirs.items()}
    assert list(ours) == list(theirs)


# ---- initial values --------------------------------------------------------------------------------------------------


def engine_side(config: LSTMConfig) -> Any:
    return build(config, generator(0))


def torch_side(config: LSTMConfig) -> Any:
    """From a seed, as the engine's: of a hundred values drawn afresh, the spread is off by a fifth now and then."""
    torch.manual_seed(0)
    return reference.build(config)


SIDES = pytest.mark.parametrize("side", [engine_side, torch_side])


@SIDES
def test_initial_range_bounds_everything_but_the_forget_bias(side) -> None:
    config = replace(TEXT, initial_range=0.05, forget_bias=2.5, hidden=30)
    for name, parameter in side(config).named_parameters():
        values = np.array(parameter.tolist())
        if "bias_ih" in name:
            assert (values == 2.5).sum() == 30
            values = values[values != 2.5]
        assert np.abs(values).max() <= 0.05, name
        if values.size > 100:
            assert values.std() == pytest.approx(0.05 / math.sqrt(3), rel=0.2), name


@SIDES
def test_the_papers_network_for_adding_starts_with_its_input_gates_closed(side) -> None:
    """Section 5.4: two blocks of two cells, biases -3 and -6 of their input gates, everything else within 0.1."""
    layer = side(VARIANTS["adding"]["paper"]).layers[0]
    sums = np.array(layer.bias_ih_l0.tolist()) + np.array(layer.bias_hh_l0.tolist())
    assert sums[:4].tolist() == [-3, -3, -6, -6]
    assert np.abs(sums[4:]).max() <= 0.2


@SIDES
def test_layers_start_within_one_over_the_root_of_their_cells(side) -> None:
    model = side(replace(VARIANTS["1997"]["small"]))
    for name, parameter in model.layers.named_parameters():
        values = np.array(parameter.tolist())
        assert 0.9 / 16 < np.abs(values).max() <= 1 / 16, name


# ---- noise -----------------------------------------------------------------------------------------------------------


def test_noise_is_on_what_goes_up_and_never_on_what_goes_on_in_time() -> None:
    """Before each of the two layers and before the output, one mask for all steps of the sequence each."""
    model = network(TEXT)
    with record_draws() as draws:
        loss(model, example(TEXT))
    assert [draw.shape for draw in draws] == [(7, 3, 5), (7, 3, 6), (7, 3, 6)]


def test_state_does_not_depend_on_the_noise_of_its_own_layer() -> None:
    """Zaremba et al.: information reaches later steps of a layer without ever passing through dropout there."""
    config = replace(TEXT, layers=1, dropout=0.0)
    quiet, noisy = network(config), network(replace(config, dropout=0.9))
    sequence = example(config)["sequence"]
    embedded = quiet.embedding(sequence.transpose(0, 1))
    for one, other in zip(quiet.layers[0](embedded)[1], noisy.layers[0](embedded)[1], strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_evaluation_draws_nothing() -> None:
    with record_draws() as draws:
        evaluate(network(TEXT), [example(TEXT)])
    assert draws == []


# ---- losses and metrics ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_halves_of_a_batch_add_up_to_the_whole(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    model, batch = network(config).eval(), example(config)

    def part(rows: slice) -> float:
        return loss(model, {k: v[rows] if isinstance(v, Tensor) else v for k, v in batch.items()}).item()

    assert part(slice(0, 1)) + part(slice(1, None)) == pytest.approx(part(slice(None)), rel=1e-12)


def test_untrained_text_costs_about_the_logarithm_of_the_alphabet() -> None:
    bits = evaluate(network(replace(TEXT, initial_range=1e-6)), [example(TEXT)])["bits"]
    assert bits == pytest.approx(math.log2(96), rel=1e-4)


def test_text_loss_is_nats_and_the_metric_bits() -> None:
    model, batch = network(TEXT).eval(), example(TEXT)
    assert evaluate(model, [batch])["bits"] * math.log(2) == pytest.approx(loss(model, batch).item(), rel=1e-12)


def test_evaluation_carries_the_state_through_batches_that_continue() -> None:
    model = network(TEXT)
    batch = data.example_batch(replace(TEXT, length=30), generator(0))
    whole = evaluate(model, [as_tensors(batch)])
    parts = [
        {k: v[:, s : s + 10] for k, v in batch.items() if k != "count"} | {"count": 30.0, "continues": s > 0}
        for s in (0, 10, 20)
    ]
    assert evaluate(model, map(as_tensors, parts)) == pytest.approx(whole, rel=1e-12)
    fresh = evaluate(model, [as_tensors(part | {"continues": False}) for part in parts])
    assert fresh != pytest.approx(whole, rel=1e-6)


def test_a_string_is_right_when_legal_symbols_are_the_most_active_at_every_step() -> None:
    model = seeded(GrammarModel, VARIANTS["reber"]["tiny"])
    batch = batch_of([ReberString("BTX", ("TP", "S")), ReberString("BT", ("TP",))])
    legal_first = np.where(batch["legal"].transpose(1, 0, 2), 1.0, 0.0)
    legal = Tensor(batch["legal"])
    assert model.hits(Tensor(legal_first), legal).tolist() == [True, True]
    one_wrong = legal_first.copy()
    one_wrong[1, 0, 0] = 2.0  # B, above S at the second step of the first string
    assert model.hits(Tensor(one_wrong), legal).tolist() == [False, True]
    behind_the_end = legal_first.copy()
    behind_the_end[1, 1, 0] = 9.0
    assert model.hits(Tensor(behind_the_end), legal).tolist() == [True, True]
    tie = legal_first.copy()
    tie[0, :, 0] = 1.0
    assert model.hits(Tensor(tie), legal).tolist() == [False, False]


def test_padding_of_strings_costs_nothing() -> None:
    config = VARIANTS["reber"]["tiny"]
    model = network(config)
    strings = [ReberString("BTBTXSETE", ("TP",) * 8), ReberString("BPBTSSSXSEPE", ("TP",) * 11)]
    alone = sum(loss(model, as_tensors(batch_of([string]))).item() for string in strings)
    assert 2 * loss(model, as_tensors(batch_of(strings))).item() == pytest.approx(alone, rel=1e-12)


def test_answer_to_the_adding_problem_is_read_at_the_end_of_each_sequence() -> None:
    model = seeded(AddingModel, VARIANTS["adding"]["tiny"])
    output = Tensor(np.arange(6.0).reshape(3, 2, 1))
    answer = model.answer(output, Tensor([1, 3])).numpy()
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-np.array([0.0, 5.0]))))


def test_an_answer_is_right_within_four_hundredths() -> None:
    model = seeded(AddingModel, VARIANTS["adding"]["tiny"])
    targets = np.array([0.5, 0.5 + 0.0399, 0.5 - 0.0401])
    batch = {"length": Tensor([1, 1, 1]), "target": Tensor(targets), "count": 3.0}
    tally = model.tally(Tensor(np.zeros((1, 3, 1))), batch)
    assert tally["correct"].item() == 200.0
    assert tally["squared_error"].item() == pytest.approx(0.0399**2 + 0.0401**2)


# ---- training --------------------------------------------------------------------------------------------------------


def test_no_step_is_made_on_more_than_the_clipped_gradient() -> None:
    config = replace(TEXT, clip=1e-3, dropout=0.0)
    model = network(config)
    optimizer, scheduler = configure_optimizer(model, config, 10)
    next(train(model, optimizer, scheduler, [example(config)]))
    norm = math.sqrt(sum(float((parameter.grad.numpy() ** 2).sum()) for parameter in model.parameters()))
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_a_small_network_learns_the_grammar() -> None:
    """Four passes: better than guessing among the legal symbols with no memory of the second one."""
    config = replace(VARIANTS["reber"]["small"], batch_size=16, learning_rate=5e-2)
    side, _ = sides(PAPER)
    model = side.build(config, 0)
    before = side.evaluate(model, data.evaluation_batches(config, "test"))
    batches = data.training_batches(config, generator(0))
    optimizer, scheduler = side.optimizer(model, config, 64)
    for _ in range(4):
        list(side.train(model, optimizer, scheduler, batches))
    after = side.evaluate(model, data.evaluation_batches(config, "test"))
    assert after["loss"] < 0.6 * before["loss"]
    assert after["correct"] > before["correct"] == 0


# ---- the third witness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [name for name in VARIANTS if VARIANTS[name]["tiny"].cell != "1997"])
def test_network_with_torchs_own_layers_is_the_same_function(variant: str) -> None:
    """Two layers of the engine against two of torch.nn.LSTM or RNN: outputs, states handed on, and gradients."""
    config = replace(VARIANTS[variant]["tiny"], dropout=0.0)
    ours, witness = network(config), builtin.build(config).double()
    assert all(isinstance(layer, torch.nn.RNNBase) for layer in witness.layers)
    witness.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in ours.state_dict().items()})
    batch = example(config)
    theirs = {k: torch.from_numpy(v.numpy().copy()) if isinstance(v, Tensor) else v for k, v in batch.items()}
    loss(ours, batch).backward()
    reference.loss(witness, theirs).backward()
    for (name, parameter), other in zip(ours.named_parameters(), witness.parameters(), strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), other.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)
    with no_grad(), torch.no_grad():
        states, their_states = None, None
        for _ in range(2):
            output, states = ours(batch["sequence"], states)
            expected, their_states = witness(theirs["sequence"], their_states)
            np.testing.assert_allclose(output.numpy(), expected.numpy(), rtol=1e-10, atol=1e-13)


def test_the_cell_of_1997_stays_written_out() -> None:
    assert isinstance(builtin.build(VARIANTS["1997"]["tiny"]).layers[0], reference.LSTM1997)


@pytest.mark.parametrize("variant", VARIANTS)
def test_models_and_tasks_go_together(variant: str) -> None:
    config = PAPER.variants[variant]["tiny"]
    expected = {"text": SymbolModel, "adding": AddingModel, "reber": GrammarModel}[config.task]
    assert type(build(config)) is expected
