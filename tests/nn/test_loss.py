"""Loss modules, ignored targets, extreme logits, bad input."""

import numpy as np
import pytest
import torch

from tests.numerics import relative_error
from tinygrad_lab.nn import loss as nn
from tinygrad_lab.ops import likelihoods
from tinygrad_lab.ops import losses as ops
from tinygrad_lab.tensor import Tensor

x = np.random.default_rng(0).standard_normal((4, 3))
probabilities = np.random.default_rng(1).uniform(0, 1, (4, 3))
labels = np.array([0, 2, 1, 2])
weight = np.array([0.5, 1.0, 2.0])


def compare(ours, theirs, logits, target) -> tuple[np.ndarray, np.ndarray]:
    """Value and gradient on our side, after they were found equal to torch's."""
    a, b = Tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
    mine, other = ours(a, Tensor(target)), theirs(b, torch.tensor(target))
    mine.sum().backward()
    other.sum().backward()
    bound = 16 * np.finfo(logits.dtype).eps
    assert relative_error(mine.numpy(), other.detach().numpy(), 1e-300) < bound
    assert relative_error(a.grad.numpy(), b.grad.numpy(), 1.0) < bound
    return mine.numpy(), a.grad.numpy()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_modules_equal_torch(reduction: str) -> None:
    compare(nn.MSELoss(reduction=reduction), torch.nn.MSELoss(reduction=reduction), x, probabilities)
    ours = nn.BCEWithLogitsLoss(Tensor(probabilities), reduction=reduction, pos_weight=Tensor(weight))
    theirs = torch.nn.BCEWithLogitsLoss(
        torch.tensor(probabilities), reduction=reduction, pos_weight=torch.tensor(weight)
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    compare(ours, theirs, x, probabilities)
    options = {"ignore_index": 2, "reduction": reduction, "label_smoothing": 0.2}
    for target in (labels, probabilities):
        if target is probabilities:
            options["ignore_index"] = -100  # torch allows no other with probabilities
        compare(
            nn.CrossEntropyLoss(Tensor(weight), **options),
            torch.nn.CrossEntropyLoss(torch.tensor(weight), **options),
            x,
            target,
        )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_modules_of_probabilities_and_distances_equal_torch(reduction: str) -> None:
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    for name, options, given, target in (
        ("L1Loss", {}, x, probabilities),
        ("SmoothL1Loss", {}, x, probabilities),
        ("SmoothL1Loss", {"beta": 0.3}, x, probabilities),
        ("KLDivLoss", {}, log_p, probabilities),
        ("KLDivLoss", {"log_target": True}, log_p, x),
        ("BCELoss", {}, probabilities[::-1], probabilities),
        ("NLLLoss", {"ignore_index": 2}, log_p, labels),
    ):
        compare(
            getattr(nn, name)(**options, reduction=reduction),
            getattr(torch.nn, name)(**options, reduction=reduction),
            np.ascontiguousarray(given),
            target,
        )
    for name, given, target in (("NLLLoss", log_p, labels), ("BCELoss", probabilities, probabilities[::-1].copy())):
        ours, theirs = getattr(nn, name), getattr(torch.nn, name)
        mine, other = ours(Tensor(weight), reduction=reduction), theirs(torch.tensor(weight), reduction=reduction)
        assert list(mine.state_dict()) == list(other.state_dict()) == ["weight"]
        compare(mine, other, given, target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_probabilities_of_0_and_1(dtype: type) -> None:
    """A logarithm counts as -100 at least, and nothing divides by 0."""
    sure = np.array([[0.0, 1.0, 0.0], [1.0, 0.5, 1e-30]], dtype)
    target = np.array([[0, 1, 1], [0, 1, 1]], dtype)
    compare(likelihoods.binary_cross_entropy, torch.nn.functional.binary_cross_entropy, sure, target)


def test_divergence_from_a_distribution_with_zeros() -> None:
    log_p = np.log([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    target = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    value, _ = compare(
        lambda a, t: likelihoods.kl_div(a, t, reduction="batchmean"),
        lambda a, t: torch.nn.functional.kl_div(a, t, reduction="batchmean"),
        log_p,
        target,
    )
    assert abs(value - (np.log(2) + 0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.1)) / 2) < 1e-15


def test_ignored_log_probabilities_may_hold_anything() -> None:
    log_p = np.log([[0.5, 0.5], [0.25, 0.75]])
    log_p[0] = np.nan, -np.inf
    a = Tensor(log_p, requires_grad=True)
    loss = likelihoods.nll_loss(a, np.array([-100, 1]))
    loss.backward()
    assert abs(loss.item() + np.log(0.75)) < 1e-15
    assert a.grad.tolist() == [[0, 0], [0, -1]]


def test_bad_probabilities_and_labels_are_named(unchecked_shapes: None) -> None:
    with pytest.raises(ValueError, match=r"input must be probabilities in \[0, 1\], got 1.5; for logits"):
        likelihoods.binary_cross_entropy(Tensor([0.5, 1.5]), Tensor([1.0, 1.0]))
    with pytest.raises(IndexError, match="nll_loss: target 3 is out of range for 3 classes"):
        likelihoods.nll_loss(Tensor(x), np.array([0, 3, 1, 1]))
    with pytest.raises(TypeError, match="nll_loss: target must be integer class indices, got float64"):
        likelihoods.nll_loss(Tensor(x), probabilities)
    with pytest.raises(ValueError, match=r"nll_loss: target has shape \(3,\), input \(4, 3\) needs \(4,\)"):
        likelihoods.nll_loss(Tensor(x), labels[:3])
    with pytest.raises(ValueError, match=r"nll_loss: weight has shape \(2,\)"):
        likelihoods.nll_loss(Tensor(x), labels, weight[:2])
    with pytest.raises(ValueError, match="kl_div: batchmean needs an input with a first axis"):
        likelihoods.kl_div(Tensor(1.0), Tensor(1.0), reduction="batchmean")
    with pytest.raises(ValueError, match="smooth_l1_loss: beta must be at least 0, got -1"):
        likelihoods.smooth_l1_loss(Tensor(x), Tensor(x), beta=-1)
    for loss in (likelihoods.kl_div, likelihoods.smooth_l1_loss, likelihoods.binary_cross_entropy):
        with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'batch'"):
            loss(Tensor(probabilities), Tensor(probabilities), reduction="batch")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.filterwarnings("error")
def test_everything_ignored(smoothing: float) -> None:
    options = {"ignore_index": 7, "label_smoothing": smoothing}
    value, gradient = compare(
        lambda a, t: ops.cross_entropy(a, t, **options),
        lambda a, t: torch.nn.functional.cross_entropy(a, t, **options),
        x,
        np.full(4, 7),
    )
    assert np.isnan(value)
    assert not np.nan_to_num(gradient).any()


def test_ignored_rows_may_hold_anything() -> None:
    logits = x.copy()
    logits[1] = np.nan
    target = np.array([0, -100, 1, 2])
    a = Tensor(logits, requires_grad=True)
    loss = ops.cross_entropy(a, target)
    loss.backward()
    rest = torch.nn.functional.cross_entropy(torch.tensor(x[[0, 2, 3]]), torch.tensor(target[[0, 2, 3]]))
    assert abs(loss.item() - rest.item()) < 1e-15
    assert not a.grad.numpy()[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_extreme_logits(dtype: type) -> None:
    extreme = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 50], [30, -30, -100]], dtype)
    target = np.eye(3, dtype=dtype)
    functional = torch.nn.functional
    compare(ops.binary_cross_entropy_with_logits, functional.binary_cross_entropy_with_logits, extreme, target)
    compare(ops.cross_entropy, functional.cross_entropy, extreme, np.array([0, 0, 2]))
    confident = np.array([20.0, -20.0], dtype)  # the loss is about 2e-9 and must not round to 0
    right = np.array([1.0, 0.0], dtype)
    value = ops.binary_cross_entropy_with_logits(Tensor(confident), Tensor(right)).item()
    assert abs(value / np.log1p(np.exp(-20.0)) - 1) < 1e-6


def test_a_loss_differentiated_twice_with_its_graph_retained() -> None:
    a = Tensor(x, requires_grad=True)
    loss = ops.cross_entropy(a, labels)
    loss.backward(retain_graph=True)
    once = a.grad.numpy().copy()
    loss.backward()
    np.testing.assert_allclose(a.grad.numpy(), 2 * once, rtol=1e-15)


def test_bad_input_is_named() -> None:
    with pytest.raises(IndexError, match="target 3 is out of range for 3 classes"):
        ops.cross_entropy(Tensor(x), np.array([0, 3, 1, 1]))
    with pytest.raises(IndexError, match="target -1 is out of range"):
        ops.cross_entropy(Tensor(x), np.array([0, -1, 1, 1]))
    with pytest.raises(ValueError, match=r"target has shape \(3,\), input \(4, 3\) needs \(4,\)"):
        ops.cross_entropy(Tensor(x), labels[:3])
    with pytest.raises(ValueError, match=r"weight has shape \(2,\)"):
        ops.cross_entropy(Tensor(x), labels, weight[:2])
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\], got 1.5"):
        ops.cross_entropy(Tensor(x), labels, label_smoothing=1.5)
    with pytest.raises(ValueError, match="single number"):
        ops.cross_entropy(Tensor(1.0), np.array(0))
    for loss in (ops.mse_loss, ops.l1_loss, ops.binary_cross_entropy_with_logits, ops.cross_entropy):
        with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'batch'"):
            loss(Tensor(x), Tensor(x), reduction="batch")
