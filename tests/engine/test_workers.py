"""A batch in parts on worker processes: the whole's numbers, whatever is done to the model between two steps."""

import os
import sys
from typing import Any

import numpy as np
import pytest

from tests.engine.working import (
    Fragile,
    Network,
    assert_as_the_whole,
    assert_close,
    batch_of,
    finite,
    gradients,
    let_everything_pay,
    loss,
    pids,
    squared,
)
from tinygrad_lab import nn, no_grad, optim
from tinygrad_lab.modes import detect_anomaly
from tinygrad_lab.nn.utils import clip_grad_norm_, in_parts
from tinygrad_lab.nn.utils.parts import parts, split
from tinygrad_lab.random import record_draws
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.trace.record import Recorder, listening
from tinygrad_lab.workers import paying, shared
from tinygrad_lab.workers.step import Step
from tinygrad_lab.workers.threads import OnThreads

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere parts are worked on by threads"),
]


@pytest.fixture(autouse=True)
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    let_everything_pay(monkeypatch)


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("size", [2, 7, 8])
def test_loss_and_gradients_are_those_of_the_whole_batch(
    size: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", str(workers))
    model = Network()
    for _ in range(2):  # a step like any other: it can come again
        assert_as_the_whole(model, batch_of(size))
    assert len(pids(model)) == min(workers, size) - 1


def test_four_workers_train_as_the_whole_batch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(workers: int) -> list[float]:
        monkeypatch.setenv("TINYGRAD_LAB_WORKERS", str(workers))
        model = Network().to(np.float64)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        found = []
        for _ in range(20):
            optimizer.zero_grad()
            value = loss(model, batch_of(9, np.float64))
            value.backward()
            optimizer.step()
            found.append(value.item())
        assert len(pids(model)) == workers - 1
        return found

    np.testing.assert_allclose(losses(4), losses(1), rtol=1e-12)


def test_workers_and_threads_give_the_same_bits() -> None:
    model, twin, batch = Network(p=0.5), Network(p=0.5), batch_of()
    value = loss(model, batch)
    value.backward()
    step = Step(squared, twin, split(batch, 2), list(twin.parameters()), [twin.dropout.generator])
    other = parts(OnThreads(step), *twin.parameters())
    other.backward()
    assert value.item() == other.item()
    mine, others = gradients(model), gradients(twin)
    assert pids(model)
    for name in mine:
        np.testing.assert_array_equal(mine[name], others[name])


# ---- noise ---------------------------------------------------------------------------------------


def test_noise_can_be_repeated_and_differs_from_step_to_step() -> None:
    def three_steps() -> list[dict[str, np.ndarray]]:
        model, found = Network(p=0.5), []
        for _ in range(3):
            loss(model, batch_of()).backward()
            found.append(gradients(model))
        return found

    mine, again = three_steps(), three_steps()
    for a, b in zip(mine, again, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert (mine[0]["first.weight"] != mine[1]["first.weight"]).any()


def test_the_models_generator_says_where_a_run_stands() -> None:
    model = Network(p=0.5)
    before = model.dropout.generator.bit_generator.state
    loss(model, batch_of()).backward()
    once = gradients(model)
    model.dropout.generator.bit_generator.state = before
    loss(model, batch_of()).backward()
    for name, again in gradients(model).items():
        np.testing.assert_array_equal(again, once[name])


def test_evaluation_and_training_mode_reach_the_workers() -> None:
    model = Network(p=0.9)
    loss(model, batch_of()).backward()
    noisy = gradients(model)
    model.eval()
    assert_as_the_whole(model, batch_of())
    model.train()
    loss(model, batch_of()).backward()
    assert (gradients(model)["first.weight"] != noisy["first.weight"]).any()


# ---- what is done to a model between two steps ---------------------------------------------------


def by_data(model: Network) -> None:
    model.last.weight.data = Tensor(np.full((1, 6), 0.3, np.float32))


def in_place(model: Network) -> None:
    with no_grad():
        model.first.weight -= 0.1
        model.last.bias.copy_(Tensor(np.ones(1, np.float32)))


def by_a_kept_view(model: Network) -> None:
    kept = model.first.weight.data
    loss(model, batch_of()).backward()
    gradients(model)
    with no_grad():
        kept += 0.5


def loaded(model: Network) -> None:
    model.load_state_dict(Network(seed=5).state_dict())


def frozen(model: Network) -> None:
    model.first.requires_grad_(False)


def thawed(model: Network) -> None:
    model.requires_grad_(False)
    model.last.requires_grad_()
    loss(model, batch_of()).backward()
    assert list(gradients(model)) == ["last.weight", "last.bias"]
    model.requires_grad_()


def constant(model: Network) -> None:
    model.slope = 0.25


def another_layer(model: Network) -> None:
    model.last = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 1))


def untied(model: Network) -> None:
    model.tied.weight = nn.Parameter(np.eye(6, dtype=np.float32))


def another_buffer(model: Network) -> None:
    model.register_buffer("slope_of_all", Tensor(np.float32(0.5)))
    model.slope = model.slope_of_all


CHANGES = [
    by_data, in_place, by_a_kept_view, loaded, frozen, thawed, constant, another_layer, untied, another_buffer,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_workers_see_what_changes_in_a_model(change: Any) -> None:
    model = Network()
    assert_as_the_whole(model, batch_of())
    change(model)
    for _ in range(2):
        assert_as_the_whole(model, batch_of())


def test_a_model_may_be_converted_between_two_steps() -> None:
    model = Network()
    assert_as_the_whole(model, batch_of())
    model.double()
    assert_as_the_whole(model, batch_of(dtype=np.float64))
    model.float()
    assert_as_the_whole(model, batch_of())


def test_batches_may_change_their_size() -> None:
    model = Network()
    for size in (8, 3, 20_000, 2):  # more than a socket holds at once
        assert_as_the_whole(model, batch_of(size))


# ---- gradients -----------------------------------------------------------------------------------


def test_gradients_add_up_over_several_batches_and_scale() -> None:
    model = Network()
    squared(model, batch_of()).backward()
    once = gradients(model)
    for _ in range(2):
        (0.5 * loss(model, batch_of())).backward()
    assert_close(gradients(model), once)


def test_two_losses_may_wait_for_one_backward() -> None:
    model, first, second = Network(), batch_of(5), batch_of(8)
    (squared(model, first) + 3 * squared(model, second)).backward()
    expected = gradients(model)
    (loss(model, first) + 3 * loss(model, second)).backward()
    assert_close(gradients(model), expected)


def test_a_loss_that_is_never_differentiated_leaves_no_trace() -> None:
    model = Network()
    for _ in range(3):
        loss(model, batch_of())
    assert_as_the_whole(model, batch_of())


def test_backward_comes_once_only() -> None:
    model = Network()
    value = loss(model, batch_of())
    value.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="a second time"):
        value.backward()


def test_the_model_may_be_gone_before_backward() -> None:
    model = Network()
    parameters = list(model.parameters())
    value = loss(model, batch_of())
    del model
    value.backward()
    assert all(parameter.grad is not None for parameter in parameters)


def test_gradients_are_the_users_own_memory() -> None:
    model = Network()
    loss(model, batch_of()).backward()
    held = {name: parameter.grad for name, parameter in model.named_parameters()}
    before = gradients(model)
    for _ in range(2):
        loss(model, batch_of(3)).backward()
        model.zero_grad()
    for name, gradient in held.items():
        np.testing.assert_array_equal(gradient.numpy(), before[name])


def test_clipping_sees_the_gradient_of_the_whole_batch() -> None:
    model = Network()
    squared(model, batch_of()).backward()
    expected = clip_grad_norm_(model.parameters(), 0.1).item()
    clipped = gradients(model)
    loss(model, batch_of()).backward()
    np.testing.assert_allclose(clip_grad_norm_(model.parameters(), 0.1).item(), expected, rtol=1e-5)
    assert_close(gradients(model), clipped)


# ---- when a batch stays whole --------------------------------------------------------------------


def test_the_batch_stays_whole_where_someone_watches_or_it_cannot_be_cut() -> None:
    model = Network(p=0.5)
    with record_draws() as draws:
        loss(model, batch_of())
    assert len(draws) == 1
    with no_grad():
        loss(model, batch_of())
    with detect_anomaly():
        loss(model, batch_of())
    with listening(Recorder()):
        loss(model, batch_of())
    loss(model, batch_of(1))
    loss(model, batch_of() | {"y": Tensor(np.zeros((1, 1), np.float32))})
    wanted = batch_of()
    wanted["x"].requires_grad_()
    loss(model, wanted).backward()
    assert wanted["x"].grad is not None
    model.requires_grad_(False)
    loss(model, batch_of())
    assert pids(model) == []


def test_what_has_no_copy_in_another_process_stays_here() -> None:
    class Local(Network):
        """Another process could not import it."""

    seen: list[Any] = []
    watched, lasting = Network(), Network()
    watched.first.register_forward_hook(lambda *_: seen.append(1))
    lasting.made = [lambda x: x]
    for model in (Local(), watched, lasting):
        loss(model, batch_of()).backward()
        assert pids(model) == []
    assert seen == [1]
    model = Network()
    in_parts(lambda model, batch: squared(model, batch))(model, batch_of()).backward()
    assert pids(model) == []


def test_a_mean_over_the_batch_keeps_it_whole() -> None:
    model = Network()
    model.first = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))
    loss(model, batch_of()).backward()
    assert pids(model) == []


def test_a_loss_need_not_be_decorated_where_it_is_defined() -> None:
    model = Network()
    in_parts(squared)(model, batch_of()).backward()
    assert len(pids(model)) == 1


TOKENS, IMAGES = Tensor(np.zeros((32, 64), int)), Tensor(np.zeros((64, 1, 32, 32), np.float32))
VECTORS, SEQUENCES = Tensor(np.zeros((128, 784), np.float32)), Tensor(np.zeros((64, 100, 8), np.float32))
MATRIX, LARGE, KERNEL = (Tensor(np.zeros(shape)) for shape in ((300, 200), (2000, 600), (100, 1, 5, 5)))


@pytest.mark.parametrize(
    ("batch", "parameters", "parts"),
    [
        ([TOKENS], [MATRIX], 2),  # 32 · 64 · 60,000 uses are 1.2e8
        ([TOKENS, Tensor(np.zeros(32))], [MATRIX, MATRIX], 4),
        ([TOKENS], [LARGE] * 9, 8),  # as many as there are cores
        ([TOKENS[:3]], [LARGE] * 9, 1),  # 64 uses each
        ([TOKENS[:6]], [LARGE] * 9, 3),
        ([TOKENS[:6]], [MATRIX] * 4, 1),
        ([TOKENS[:6]], [MATRIX] * 5, 2),
        ([TOKENS[:6]], [MATRIX] * 30, 3),
        ([VECTORS], [LARGE, LARGE], 1),  # 128 uses each
        ([IMAGES], [LARGE, LARGE], 1),
        ([IMAGES], [LARGE] + [KERNEL] * 20, 1),
        ([IMAGES], [KERNEL] * 20, 2),  # 64 · 32 · 32 / 25 patches, 50,000 numbers: 1.3e8
        ([SEQUENCES], [MATRIX], 7),  # 64 · 100 · 60,000 are 3.8e8
        ([TOKENS[:2]], [MATRIX], 1),
    ],
)
def test_the_number_of_parts_goes_by_uses_of_parameters(
    batch: list[Tensor], parameters: list[Tensor], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "8")
    assert paying.parts_that_pay(batch, parameters) == parts


@pytest.mark.parametrize("bound", ["0", "-1", "two", "1.5"])
def test_a_bound_that_is_no_number_is_refused(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", bound)
    with pytest.raises(ValueError, match=f"TINYGRAD_LAB_WORKERS must be a whole number from 1, got '{bound}'"):
        loss(Network(), batch_of())


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 6])
def test_an_error_in_any_part_comes_out(place: int) -> None:
    model, batch = Network(), batch_of()
    batch["x"].writable()[place, 0] = np.inf
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="not finite") as caught:
            finite(model, batch)
        assert any("worker" in note for note in getattr(caught.value, "__notes__", [])) == (place == 6)
        assert_as_the_whole(model, batch_of())


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_clear_error_of_the_engine_is_the_same_from_a_worker() -> None:
    model = Network()
    batch = batch_of()
    with pytest.raises(ValueError, match="linear") as whole:
        squared(model, batch | {"x": batch["x"][:, :5]})
    for _ in range(2):
        with pytest.raises(ValueError, match="linear") as cut:
            narrow(model, batch)
        assert type(cut.value) is type(whole.value)
        assert str(cut.value).replace("(3, 5)", "(7, 5)") == str(whole.value)


@in_parts
def narrow(model: Network, batch: dict[str, Any]) -> Tensor:
    """Gives the model what it cannot take, on workers only."""
    mine = batch["owner"] == os.getpid()
    return squared(model, batch if mine else batch | {"x": batch["x"][:, :5]})


def test_a_model_that_workers_cannot_make_is_told_at_every_step() -> None:
    model = Network()
    model.part = Fragile()
    for _ in range(2):
        with pytest.raises(ValueError, match="no Fragile here"):
            loss(model, batch_of())
    del model.part
    assert_as_the_whole(model, batch_of())


def test_an_error_backwards_comes_out_of_backward() -> None:
    value = loss_with_something_else(Network(), batch_of())
    with pytest.raises(RuntimeError, match="needs a gradient but is no parameter"):
        value.backward()


@in_parts
def loss_with_something_else(model: Network, batch: dict[str, Any]) -> Tensor:
    return squared(model, batch) * Tensor([2.0], requires_grad=True).sum()


def test_numpys_settings_for_errors_hold_on_workers() -> None:
    model, batch = Network(), batch_of()
    batch["y"].writable()[6] = 1e38
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        loss(model, batch)


def test_a_parameter_changed_between_forward_and_backward_is_told() -> None:
    model = Network()
    value = loss(model, batch_of())
    with no_grad():
        model.last.weight += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        value.backward()
    assert_as_the_whole(model, batch_of())


def test_a_report_says_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paying.described() == "up to 2 processes"
    monkeypatch.setattr(shared, "possible", lambda: False)
    assert paying.described() == "up to 2 threads"
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "1")
    assert paying.described() == "one process"
