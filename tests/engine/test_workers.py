"""A batch in parts on worker processes: the whole's numbers, whatever is done to the model between two steps."""

from typing import Any

import numpy as np
import pytest

from tests.engine.marks import WITH_WORKERS
from tests.engine.working import (
    Network,
    assert_as_the_whole,
    assert_close,
    batch_of,
    gradients,
    loss,
    pids,
    squared,
)
from tinygrad_lab import nn, no_grad, optim
from tinygrad_lab.nn.utils import clip_grad_norm_
from tinygrad_lab.nn.utils.parts import parts, split
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers.step import Step
from tinygrad_lab.workers.threads import OnThreads

pytestmark = WITH_WORKERS


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
