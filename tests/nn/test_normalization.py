"""LayerNorm, RMSNorm and BatchNorm: parameters, running statistics, bad input."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_same_state, assert_twins, share_state
from tests.numerics import relative_error
from tinygrad_lab.nn.normalization import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from tinygrad_lab.ops.group_norm import group_norm
from tinygrad_lab.ops.normalization import batch_norm, layer_norm
from tinygrad_lab.ops.rms_norm import rms_norm
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"elementwise_affine": False}, {"eps": 0.1}])
@pytest.mark.parametrize("shape", [4, (3, 4)])
def test_layer_norm_equals_torch(options: dict, shape: int | tuple[int, ...]) -> None:
    assert_twins(LayerNorm(shape, **options), torch.nn.LayerNorm(shape, **options), (2, 5, 3, 4))


@pytest.mark.parametrize("options", [{}, {"elementwise_affine": False}, {"eps": 0.1}])
@pytest.mark.parametrize("shape", [4, (3, 4)])
def test_rms_norm_equals_torch(options: dict, shape: int | tuple[int, ...]) -> None:
    assert_twins(RMSNorm(shape, **options), torch.nn.RMSNorm(shape, **options), (2, 5, 3, 4))


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"eps": 0.1}])
@pytest.mark.parametrize("shape", [(2, 6), (3, 6, 5), (2, 6, 3, 4)])
@pytest.mark.parametrize("groups", [1, 3])
def test_group_norm_equals_torch(options: dict, shape: tuple[int, ...], groups: int) -> None:
    assert_twins(GroupNorm(groups, 6, **options), torch.nn.GroupNorm(groups, 6, **options), shape)


def test_group_norm_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="GroupNorm: num_groups must divide num_channels 6, got 4"):
        GroupNorm(4, 6)
    with pytest.raises(ValueError, match="group_norm: num_groups must divide the 6 channels, got 4"):
        group_norm(Tensor(np.ones((2, 6))), 4)
    with pytest.raises(ValueError, match=r"group_norm: bias has shape \(3,\), input \(2, 6\) needs \(6,\)"):
        group_norm(Tensor(np.ones((2, 6))), 3, None, Tensor(np.ones(3)))
    assert repr(GroupNorm(3, 6)) == "GroupNorm(3, 6, eps=1e-05, affine=True)"
    assert group_norm(Tensor(np.ones((0, 6, 2))), 3).shape == (0, 6, 2)


LAYERS = [(BatchNorm1d, (6, 3)), (BatchNorm1d, (6, 3, 5)), (BatchNorm1d, (1, 3, 5)), (BatchNorm2d, (2, 3, 4, 5))]
OPTIONS = [{}, {"momentum": None}, {"momentum": 0.7, "eps": 0.1}, {"affine": False}, {"track_running_stats": False}]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_batch_norm_equals_torch(layer: type, shape: tuple[int, ...], options: dict) -> None:
    twin = getattr(torch.nn, layer.__name__)
    assert_twins(layer(3, **options), twin(3, **options), shape)
    assert_twins(layer(3, **options).eval(), twin(3, **options).eval(), shape)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_over_several_steps(momentum: float | None) -> None:
    ours, theirs = BatchNorm2d(3, momentum=momentum), torch.nn.BatchNorm2d(3, momentum=momentum)
    share_state(ours, theirs)
    for seed in range(4):
        x = np.random.default_rng(seed).standard_normal((4, 3, 2, 2)) * (seed + 1) + seed
        ours(Tensor(x))
        theirs(torch.tensor(x))
        assert_same_state(ours, theirs)
    assert ours.num_batches_tracked.item() == 4
    before = ours.running_mean.numpy().copy()
    out = ours.eval()(Tensor(x))
    assert relative_error(out.numpy(), theirs.eval()(torch.tensor(x)).detach().numpy()) < 1e-12
    np.testing.assert_array_equal(ours.running_mean.numpy(), before)


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (1, 2, 3, 0), (0, 2, 3, 1)])
def test_batch_norm_in_any_memory_layout(layout: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 2, 5))
    stored = np.ascontiguousarray(x.transpose(layout)).transpose(np.argsort(layout))
    expected = torch.nn.functional.batch_norm(torch.tensor(x), None, None, training=True).numpy()
    assert relative_error(batch_norm(Tensor(stored), None, None, training=True).numpy(), expected) < 1e-12


def test_bad_input_is_named() -> None:
    x = Tensor(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"more than 1 value per channel, input has shape \(1, 3\)"):
        BatchNorm1d(3).double()(x)
    with pytest.raises(ValueError, match=r"running_mean has shape \(4,\), input \(1, 3\) needs \(3,\)"):
        BatchNorm1d(4, affine=False).double().eval()(x)
    with pytest.raises(ValueError, match="needs running_mean and running_var"):
        batch_norm(x, None, None)
    with pytest.raises(ValueError, match=r"BatchNorm2d: input has shape \(1, 3\), it must have 4 axes"):
        BatchNorm2d(3)(x)
    with pytest.raises(ValueError, match=r"input has shape \(1, 3\), which does not end in \(4,\)"):
        layer_norm(x, (4,))
    with pytest.raises(ValueError, match=r"weight has shape \(1,\), it must be \(3,\)"):
        layer_norm(x, (3,), np.ones(1))
    with pytest.raises(ValueError, match=r"rms_norm: input has shape \(1, 3\), which does not end in \(4,\)"):
        rms_norm(x, (4,))
    with pytest.raises(ValueError, match=r"rms_norm: weight has shape \(1,\), it must be \(3,\)"):
        rms_norm(x, (3,), np.ones(1))
