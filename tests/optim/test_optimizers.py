"""Trajectories of every optimiser equal torch's, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.optim.beside_torch import CONFIGURATIONS, DTYPES, SHAPES, leaf, names, pair_of_parameters, walk
from tinygrad_lab import nn, optim
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Parameter
from tinygrad_lab.optim import optimizer as optimizer_module
from tinygrad_lab.optim.optimizer import BLOCK
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize(("dtype", "bound"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=names)
def test_trajectory_equals_torch(name: str, options: dict, dtype: type, bound: float) -> None:
    rng = np.random.default_rng(0)
    mine, other = pair_of_parameters(rng, SHAPES, dtype)
    ours, theirs = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options)
    assert max(walk(ours, theirs, rng, 25)) <= bound


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=names)
def test_missing_gradients_skip_a_parameter_and_its_count(name: str, options: dict) -> None:
    rng = np.random.default_rng(1)
    mine, other = pair_of_parameters(rng, SHAPES, np.float64)
    ours, theirs = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options)
    assert max(walk(ours, theirs, rng, 25, lambda step, number: (step + number) % 3 == 0)) <= 1e-12


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_group_options_and_a_group_added_later(name: str) -> None:
    rng = np.random.default_rng(2)
    mine, other = pair_of_parameters(rng, SHAPES, np.float64)
    both = []
    for library, p in ((optim, mine), (torch.optim, other)):
        groups = [{"params": p[:2]}, {"params": p[2:3], "lr": 0.5, "weight_decay": 0.3}]
        both.append(getattr(library, name)(groups, lr=0.01))
    assert max(walk(*both, rng, 10)) <= 1e-12
    for optimizer, p in zip(both, (mine, other), strict=True):
        optimizer.add_param_group({"params": p[3], "lr": 0.2})
        optimizer.param_groups[0]["lr"] = 0.07
    assert max(walk(*both, rng, 10)) <= 1e-12


@given(
    lr=st.floats(0, 2),
    betas=st.tuples(st.floats(0, 0.999), st.floats(0, 0.9999)),
    eps=st.sampled_from([1e-8, 1e-5, 0.1]),
    weight_decay=st.floats(0, 0.5),
)
def test_adamw_with_drawn_options(lr: float, betas: tuple, eps: float, weight_decay: float) -> None:
    rng = np.random.default_rng(3)
    mine, other = pair_of_parameters(rng, [(4,)], np.float64)
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    assert max(walk(optim.AdamW(mine, **options), torch.optim.AdamW(other, **options), rng, 20)) <= 1e-9


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=names)
def test_parameters_larger_than_a_block(name: str, options: dict) -> None:
    rng = np.random.default_rng(4)
    mine, other = pair_of_parameters(rng, [(3, BLOCK - 7)], np.float64)
    ours, theirs = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options)
    assert max(walk(ours, theirs, rng, 2)) <= 1e-12


@pytest.mark.parametrize("block", [5, BLOCK])
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_any_memory_layout(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer_module, "BLOCK", block)
    rng = np.random.default_rng(5)
    start, gradient = rng.standard_normal((2, 4, 3))
    plain, odd = Parameter(start), Parameter(start)
    odd._data = np.asfortranarray(start)
    plain.grad, odd.grad = from_numpy(gradient), from_numpy(np.asfortranarray(gradient))
    for parameter in (plain, odd):
        array = parameter._data
        optimizer = getattr(optim, name)([parameter], lr=0.1, weight_decay=0.1)
        optimizer.step()
        optimizer.step()
        assert parameter._data is array
    np.testing.assert_array_equal(odd.numpy(), plain.numpy())
    assert not np.array_equal(plain.numpy(), start)


def test_step_changes_the_array_in_place_and_leaves_the_gradient_alone() -> None:
    parameter = Parameter(np.ones(3))
    array, gradient = parameter._data, np.array([1.0, 2.0, 3.0])
    parameter.grad = from_numpy(gradient)
    optim.Adam([parameter], weight_decay=0.5).step()
    assert parameter._data is array
    np.testing.assert_array_equal(gradient, [1.0, 2.0, 3.0])


def test_step_between_forward_and_backward_is_caught() -> None:
    from tinygrad_lab.ops.elementwise import multiply

    w, x = Parameter(np.array(2.0)), Parameter(np.array(3.0))
    y = multiply(w, x)
    w.grad = from_numpy(np.array(1.0))
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_zero_grad() -> None:
    parameter = Parameter(np.ones(3))
    parameter.grad = from_numpy(np.ones(3))
    gradient = parameter.grad
    optim.SGD([parameter, leaf()]).zero_grad(set_to_none=False)
    assert parameter.grad is gradient
    assert gradient.tolist() == [0, 0, 0]
    optim.SGD([parameter]).zero_grad()
    assert parameter.grad is None


def test_refuses_bad_parameters() -> None:
    from tinygrad_lab.ops.elementwise import add

    parameter = leaf()
    with pytest.raises(ValueError, match="SGD: the list of parameters is empty"):
        optim.SGD([])
    with pytest.raises(ValueError, match=r"shape \(2,\) was given twice"):
        optim.SGD([parameter, parameter])
    with pytest.raises(ValueError, match="given twice"):
        optim.SGD([{"params": [parameter]}, {"params": [parameter]}])
    with pytest.raises(ValueError, match="cannot optimise the result of an operation"):
        optim.SGD([add(parameter, 1.0)])
    with pytest.raises(TypeError, match="can only optimise Tensors, got ndarray"):
        optim.SGD([np.ones(2)])
    with pytest.raises(TypeError, match="got one Tensor"):
        optim.SGD(parameter)
    with pytest.raises(TypeError, match="must be a dict with 'params'"):
        optim.SGD([{"parameters": [parameter]}])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"lr": -1}, "SGD: lr must be at least 0, got -1"),
        ("SGD", {"momentum": -0.1}, "momentum must be at least 0"),
        ("SGD", {"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ("SGD", {"nesterov": True}, "nesterov needs a momentum above 0 and no dampening"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
        ("Adam", {"betas": (1.0, 0.9)}, r"Adam: betas must be in \[0, 1\), got \(1.0, 0.9\)"),
        ("AdamW", {"betas": (0.9, -0.1)}, "AdamW: betas must be"),
        ("Adam", {"eps": -1}, "eps must be at least 0"),
        ("RMSprop", {"alpha": -1}, "RMSprop: alpha must be at least 0"),
        ("RMSprop", {"momentum": -1}, "momentum must be"),
        ("RMSprop", {"eps": -1}, "eps must be"),
    ],
)
def test_refuses_bad_options(name: str, options: dict, message: str) -> None:
    kind = getattr(optim, name)
    with pytest.raises(ValueError, match=message):
        kind([leaf()], **options)
    with pytest.raises(ValueError, match=message):
        kind([{"params": [leaf()]}, {"params": [leaf()], **options}])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0, "momentum": 0, "dampening": 0, "weight_decay": 0}),
        ("SGD", {"nesterov": True, "momentum": 1e-6}),
        ("Adam", {"betas": (0, 0), "eps": 0, "lr": 0}),
        ("AdamW", {"betas": (0.999999, 0.999999), "weight_decay": 0}),
        ("RMSprop", {"alpha": 0, "eps": 0, "momentum": 0}),
    ],
)
def test_takes_options_that_are_just_in_range(name: str, options: dict) -> None:
    parameter = leaf()
    parameter.grad = from_numpy(np.ones(2))
    getattr(optim, name)([parameter], **options).step()
    assert np.isfinite(parameter.numpy()).all()


def test_integer_learning_rate_and_numpy_scalars_keep_float32() -> None:
    parameter = Parameter(np.ones(2, np.float32))
    parameter.grad = Tensor(np.ones(2, np.float32))
    for rate in (1, np.float64(0.1)):
        optimizer = optim.AdamW([parameter], lr=rate)
        optimizer.step()
    assert parameter.dtype == np.float32
    assert optimizer.state[parameter]["exp_avg"].dtype == np.float32


# ---- optimisers that others write, and settings that are none -------------------------------------------------------
def test_an_optimiser_needs_no_option_and_no_annotation_that_can_be_evaluated() -> None:
    class Signs(optim.Optimizer):
        def __init__(self, params: "Undefined", rate: "Undefined" = 0.5) -> None:  # noqa: F821
            super().__init__(params, {"rate": rate})

        def _update(self, parameter, group) -> None:
            parameter.writable()[...] -= group["rate"] * np.sign(parameter.grad.numpy())

    w = Tensor([1.0, -2.0], requires_grad=True)
    signs = Signs([w])
    (w * w).sum().backward()
    signs.step()
    assert w.tolist() == [0.5, -1.5]
    signs.load_state_dict(signs.state_dict())


def test_an_optimiser_with_a_step_of_its_own_is_told_what_to_write() -> None:
    class OfTorch(optim.Optimizer):
        def __init__(self, params, lr=0.1) -> None:
            super().__init__(params, {"lr": lr})

        def step(self) -> None: ...

    with pytest.raises(TypeError, match=r"OfTorch: write _update\(parameter, group\)"):
        OfTorch([Tensor([1.0], requires_grad=True)])


@pytest.mark.parametrize(("group", "kind", "message"), [
    ({"lr": "0.1"}, TypeError, r"Adam: lr must be a number, got '0.1' \(str\)"),
    ({"lr": None}, TypeError, "Adam: lr must be a number, got None"),
    ({"lr": True}, TypeError, "Adam: lr must be a number, got True"),
    ({"lr": float("nan")}, ValueError, "Adam: lr must be a number, got nan"),
    ({"l_r": 0.1}, ValueError, r"Adam: a group has \['l_r'\], the options are \['amsgrad', 'betas'"),
    ({"betas": 0.9}, TypeError, r"Adam: betas must be 2 numbers, got 0.9 \(float\)"),
    ({"betas": (0.9, "a")}, TypeError, "Adam: betas must be a number, got 'a'"),
    ({"amsgrad": "no"}, TypeError, "Adam: amsgrad must be a bool, got 'no'"),
    ({"params": None}, TypeError, "Adam: params of a group must be Tensors, got NoneType"),
])  # fmt: skip
def test_an_option_of_a_group_that_is_none_is_refused_by_name(group: dict, kind: type, message: str) -> None:
    w = Tensor([1.0], requires_grad=True)
    with pytest.raises(kind, match=message):
        optim.Adam([{"params": [w], **group}])
    optim.Adam([{"params": [w], "name": "all", "foreach": None}])


@pytest.mark.parametrize(("params", "message"), [
    (None, "SGD: params must be an iterable of Tensors or of groups, got NoneType$"),
    (nn.Linear(2, 2), r"SGD: params must be an iterable of Tensors or of groups, got Linear: write .parameters\(\)"),
    (nn.Sequential(nn.Linear(2, 2)), r"SGD: params: can only optimise Tensors, got Linear: write .parameters\(\)"),
])  # fmt: skip
def test_what_has_parameters_is_told_from_parameters(params, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        optim.SGD(params)


def test_a_setting_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="SGD: lr must be a number, got nan"):
        optim.SGD([Tensor([1.0], requires_grad=True)], lr=float("nan"))


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0])
def test_a_decay_of_any_sign_is_torchs(factor: float) -> None:
    """A rate that a schedule has made negative lets weights grow: by a tenth here."""
    w, other = Tensor([1.0], requires_grad=True), torch.ones(1, requires_grad=True)
    w.grad, other.grad = Tensor([0.0]), torch.zeros(1)
    ours, theirs = optim.AdamW([w], lr=0.1, weight_decay=1.0), torch.optim.AdamW([other], lr=0.1, weight_decay=1.0)
    optim.lr_scheduler.LambdaLR(ours, lambda epoch: factor)
    torch.optim.lr_scheduler.LambdaLR(theirs, lambda epoch: factor)
    ours.step()
    theirs.step()
    assert w.tolist() == pytest.approx(other.tolist(), rel=1e-6)
