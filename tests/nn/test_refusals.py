"""What layers, their states and their helpers refuse, in one line that names function and argument."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import tinygrad_lab as lab
from tinygrad_lab import nn, optim

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
ONES = lab.ones(2)
LINEAR = nn.Linear(2, 2)
OPTIMIZER = optim.SGD(LINEAR.parameters())


def load(**changes) -> None:
    LINEAR.load_state_dict({**LINEAR.state_dict(), **changes})


REFUSED: list[tuple[Callable, type[Exception], str]] = [
    (lambda: nn.LSTM(2, 3)(ONES), ValueError, r"LSTM: input must be .* got a float32 tensor of shape \(2,\)"),
    (lambda: nn.GRU(2, 3)([1.0]), TypeError, r"GRU: input must be .* got \[1.0\] \(list\)"),
    (lambda: nn.Conv2d(1, 1, 0), ValueError, "Conv2d: kernel_size must be an integer >= 1 or a pair of them, got 0"),
    (lambda: nn.Conv1d(1, 1, 0), ValueError, "Conv1d: kernel_size must be an integer >= 1"),
    (lambda: nn.Conv2d(0, 1, 1), ValueError, "Conv2d: in_channels must be at least 1, got 0"),
    (lambda: nn.Conv2d(1, 1, 1, stride=0), ValueError, "Conv2d: stride must be an integer >= 1 .*got 0"),
    (lambda: nn.Conv1d(1, 1, 1, stride=0), ValueError, "Conv1d: stride must be an integer >= 1 .*got 0"),
    (lambda: nn.ConvTranspose2d(1, 1, 1, stride=0), ValueError, "ConvTranspose2d: stride must be an integer >= 1"),
    (lambda: nn.Conv2d(1, 1, 1, dilation=(1, 0)), ValueError, r"Conv2d: dilation must be .*got \(1, 0\)"),
    (lambda: nn.Conv2d(1, 1, 1, padding=-1), ValueError, "Conv2d: padding must be an integer >= 0 .*got -1"),
    (lambda: nn.Conv2d(1, 1, 1, padding="some"), ValueError, "Conv2d: padding must be .*got 'some'"),
    (lambda: nn.init.normal_(np.ones(2)), TypeError, r"normal_: tensor must be a Tensor, got a float64 array of shape"),
    (lambda: nn.init.normal_(ONES, "a"), TypeError, r"normal_: mean must be a number, got 'a' \(str\)"),
    (lambda: nn.init.xavier_uniform_(None), TypeError, "xavier_uniform_: tensor must be a Tensor, got None"),
    (lambda: nn.utils.clip_grad_norm_("a", 1.0), TypeError, "clip_grad_norm_: parameters must be Tensors, got 'a'"),
    (lambda: nn.utils.clip_grad_norm_(LINEAR, 1.0), TypeError, r"clip_grad_norm_: .*got Linear: write .parameters\(\)"),
    (lambda: nn.utils.clip_grad_value_(None, 1.0), TypeError, "clip_grad_value_: parameters must be Tensors, got None"),
    (lambda: nn.utils.clip_grad_norm_([ONES], "1"), TypeError, "clip_grad_norm_: max_norm must be a number, got '1'"),
    (lambda: lab.grad(3.0, LINEAR.weight), TypeError, "grad: output must be a Tensor, got float"),
    (lambda: lab.grad(LINEAR.weight.sum(), None), TypeError, "grad: input 0 must be a Tensor, got NoneType"),
    (lambda: lab.grad(LINEAR.weight.sum(), [LINEAR.bias, 2]), TypeError, "grad: input 1 must be a Tensor, got int"),
    (lambda: optim.lr_scheduler.StepLR(None, 1), TypeError, "StepLR: optimizer must be a Optimizer, got None"),
    (lambda: optim.lr_scheduler.StepLR(OPTIMIZER, "1"), TypeError, "StepLR: step_size must be an int, got '1'"),
    (lambda: LINEAR.train("yes"), TypeError, "train of Linear: mode must be a bool, got 'yes'"),
    (lambda: LINEAR.register_buffer("a.b", ONES), KeyError, "register_buffer: name must be a word without a dot"),
    (lambda: LINEAR.register_buffer("", ONES), KeyError, "register_buffer: name must be a word without a dot"),
    (lambda: LINEAR.register_buffer("a", 3), TypeError, "register_buffer: a must be a Tensor or None, got int"),
    (lambda: LINEAR.register_parameter("a.b", None), KeyError, "register_parameter: name must be a word without a dot"),
    (lambda: LINEAR.load_state_dict(None), TypeError, "load_state_dict of Linear: state_dict must be a dict, got None"),
    (lambda: load(bias=torch.ones(2).bfloat16()), ValueError, "load_state_dict: bias cannot be read as an array: .*BF"),
    (lambda: load(weight=[[1, 2], [3]]), ValueError, "load_state_dict: weight cannot .*: its rows have different"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message[:40] for _, _, message in REFUSED])
def test_what_is_refused_is_named_in_one_line(call: Callable, kind: type[Exception], message: str) -> None:
    before = {name: value.copy() for name, value in LINEAR.state_dict().items()}
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    after = LINEAR.state_dict()
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_torchs_named_parameters_are_a_state() -> None:
    theirs = torch.nn.Linear(2, 2)
    ours = nn.Linear(2, 2)
    ours.load_state_dict(dict(theirs.named_parameters()))
    assert ours.weight.tolist() == theirs.weight.tolist()


def test_the_gradient_by_one_tensor() -> None:
    w = lab.tensor([1.0, 2.0], requires_grad=True)
    (gradient,) = lab.grad((w * w).sum(), w)
    assert gradient.tolist() == [2.0, 4.0]
    (gradient,) = lab.grad((w * w).sum(), iter([w]))
    assert gradient.tolist() == [2.0, 4.0]
