"""What an optimiser remembers: kept, taken from torch's, and refused where it does not fit."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.numerics import relative_error
from tests.optim.beside_torch import CONFIGURATIONS, SHAPES, leaf, names, pair_of_parameters, walk
from tinygrad_lab import optim
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Parameter
from tinygrad_lab.optim import optimizer as optimizer_module
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=names)
def test_state_dict_resumes_bit_for_bit(name: str, options: dict) -> None:
    rng = np.random.default_rng(6)
    mine, other = pair_of_parameters(rng, SHAPES, np.float32)
    first = getattr(optim, name)(mine, **options)
    for _ in walk(first, getattr(torch.optim, name)(other, **options), rng, 3):
        pass
    copies = [Parameter(p.numpy()) for p in mine]
    second = getattr(optim, name)(copies, lr=123.0)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        for p, q in zip(mine, copies, strict=True):
            p.grad = q.grad = from_numpy(rng.standard_normal(p.shape).astype(np.float32))
        first.step()
        second.step()
    for p, q in zip(mine, copies, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_state_dict_has_torchs_form() -> None:
    rng = np.random.default_rng(7)
    for name, options in CONFIGURATIONS:
        mine, other = pair_of_parameters(rng, SHAPES, np.float64)
        ours, theirs = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options)
        for _ in walk(ours, theirs, rng, 2):
            pass
        a, b = ours.state_dict(), theirs.state_dict()
        assert [g["params"] for g in a["param_groups"]] == [g["params"] for g in b["param_groups"]]
        assert set(a["param_groups"][0]) <= set(b["param_groups"][0])
        for number in b["state"]:
            slots = {key for key, value in b["state"][number].items() if value is not None}
            assert set(a["state"].get(number, {})) == slots
            for key in slots:
                assert relative_error(np.asarray(a["state"][number][key]), b["state"][number][key].numpy()) <= 1e-12


def state_of(**changes: Any) -> tuple[optim.Adam, dict]:
    parameter = Parameter(np.ones(3))
    optimizer = optim.Adam([parameter])
    parameter.grad = from_numpy(np.ones(3))
    optimizer.step()
    return optimizer, {**optimizer.state_dict(), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"param_groups": [{"params": [0, 1]}]}, r"parameters per group are \[1\], the state has \[2\]"),
        ({"state": {1: {}}}, "state for parameter 1, there are 1"),
        ({"state": {0: {"exp_avg": np.ones(4)}}}, r"exp_avg of parameter 0 has shape \(4,\), the parameter has \(3,\)"),
        ({"param_groups": [{"params": [0], "lr": 1, "eps": 1, "weight_decay": 0}]}, r"lacks the options \['betas'\]"),
    ],
)
def test_load_state_dict_changes_nothing_unless_all_fits(changes: dict, message: str) -> None:
    optimizer, state = state_of(**changes)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=names)
def test_a_state_of_torchs_optimiser_is_taken(name: str, options: dict) -> None:
    rng = np.random.default_rng(8)
    mine, other = pair_of_parameters(rng, SHAPES, np.float64)
    theirs = getattr(torch.optim, name)(other, **options)
    for _ in walk(getattr(optim, name)(mine, **options), theirs, rng, 3):
        pass
    fresh = getattr(optim, name)(mine, lr=123.0)
    fresh.load_state_dict(theirs.state_dict())
    assert all(isinstance(value, np.ndarray | int) for entries in fresh.state.values() for value in entries.values())
    assert set(fresh.param_groups[0]) == {"params", *fresh.defaults}
    assert max(walk(fresh, theirs, rng, 3)) <= 1e-12


def test_what_a_loaded_state_does_not_have_is_gone() -> None:
    optimizer, _ = state_of()
    fresh = optim.Adam([leaf(), Parameter(np.ones(3))]).state_dict()
    two = optim.Adam([leaf(), *optimizer.param_groups[0]["params"]])
    two.step()
    assert list(two.state_dict()["state"]) == [1]
    two.load_state_dict({**fresh, "state": {0: {}}})  # of a parameter there may be nothing yet
    assert not any(two.state.values())


def test_a_state_from_before_an_option_existed_has_it_off() -> None:
    parameter = Parameter(np.ones(3))
    state = optim.Adam([parameter]).state_dict()
    for group in state["param_groups"]:
        del group["amsgrad"], group["maximize"]
    optimizer = optim.Adam([parameter], amsgrad=True, maximize=True)
    optimizer.load_state_dict(state)
    assert not optimizer.param_groups[0]["amsgrad"]
    assert not optimizer.param_groups[0]["maximize"]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_slots_in_fortran_order_keep_their_momentum(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer_module, "BLOCK", 5)  # smaller than the parameter
    options = {"lr": 0.1} if name == "Adam" else {"lr": 0.1, "momentum": 0.9}
    rng = np.random.default_rng(9)
    start, gradient = rng.standard_normal((2, 4, 3))
    ends = []
    for order in ("C", "F"):
        parameter = Parameter(start)
        parameter.grad = from_numpy(gradient)
        optimizer = getattr(optim, name)([parameter], **options)
        optimizer.step()
        state = optimizer.state_dict()
        state["state"] = {
            0: {k: np.array(v, order=order) if isinstance(v, np.ndarray) else v for k, v in state["state"][0].items()}
        }
        optimizer.load_state_dict(state)
        optimizer.step()
        optimizer.step()
        ends.append(parameter.numpy())
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"step": 1, "exp_avg": np.ones(3)}, r"the state of parameter 0 lacks \['exp_avg_sq'\] of Adam"),
        (
            {"step": 1, "exp_avg": np.ones(3), "exp_avg_sq": np.ones(3), "momentum": np.ones(3)},
            r"the state of parameter 0 has \['momentum'\], Adam knows \['step', 'exp_avg', ",
        ),
        ({"step": torch.ones(2)}, "step of parameter 0 cannot be read"),
        ({"exp_avg": torch.ones(3, dtype=torch.bfloat16)}, "exp_avg of parameter 0 cannot be read: .*BFloat16"),
        ({"exp_avg": "zeros"}, "exp_avg of parameter 0 must be an array of numbers, got str"),
        ({"exp_avg": torch.ones(4)}, r"exp_avg of parameter 0 has shape \(4,\), the parameter has \(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_at_once(entries: dict, message: str) -> None:
    optimizer, state = state_of()
    before = optimizer.state_dict()
    state["state"] = {0: entries}
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_a_state_of_another_kind_is_refused() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match="Adam: decoupled_weight_decay is True in this state, it is that of AdamW"):
        optim.Adam([leaf()]).load_state_dict(torch.optim.AdamW([parameter]).state_dict())
    with pytest.raises(ValueError, match=r"a group lacks the options \['betas', 'eps'\] of Adam"):
        optim.Adam([leaf()]).load_state_dict(torch.optim.SGD([parameter]).state_dict())
    with pytest.raises(ValueError, match=r"needs 'state' and 'param_groups', got \['exp_avg'\]"):
        optim.Adam([leaf()]).load_state_dict({"exp_avg": np.ones(3)})
    optimizer, state = state_of()
    with pytest.raises(ValueError, match="state for parameter weight, there are 1"):
        optimizer.load_state_dict({**state, "state": {"weight": {}}})


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("state", "message"), [
    (None, "load_state_dict: state_dict must be a dict, got NoneType"),
    ({"state": None, "param_groups": []}, "load_state_dict: state must be a dict of dicts"),
    ({"state": {}, "param_groups": None}, "load_state_dict: param_groups must be a list of dicts with 'params'"),
    ({"state": {}, "param_groups": [{}]}, "load_state_dict: param_groups must be a list of dicts with 'params'"),
])  # fmt: skip
def test_what_is_no_state_is_refused(state, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        optim.SGD([Tensor([1.0], requires_grad=True)]).load_state_dict(state)
