"""Cases of tinygrad_lab.ops.normalization and tinygrad_lab.ops.rms_norm."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, counts, normal, positive, shapes, sizes
from tinygrad_lab.ops import normalization as ops
from tinygrad_lab.ops.rms_norm import rms_norm

epsilons = st.sampled_from([1e-5, 1e-3, 0.5])


@case(ops.layer_norm, "nn.functional.layer_norm")
def trailing_axes(draw):
    leading, features = draw(shapes(0, 2, counts)), (*draw(shapes(0, 1, counts)), draw(st.integers(2, 6)))
    parameters = [normal(draw, features), normal(draw, features)][: draw(st.integers(0, 2))]
    return (normal(draw, (*leading, *features)), features, *parameters), {"eps": draw(epsilons)}


@case(rms_norm, "nn.functional.rms_norm")
def trailing_axes_without_a_mean(draw):
    leading, features = draw(shapes(0, 2, counts)), (*draw(shapes(0, 1, counts)), draw(st.integers(2, 6)))
    parameters = [normal(draw, features)][: draw(st.integers(0, 1))]
    return (normal(draw, (*leading, *features)), features, *parameters), {"eps": draw(st.none() | epsilons)}


def statistics_of(x):
    """Fresh running statistics for each call, which training moves in place."""
    return np.full(x.shape[1], 0.3, x.dtype), np.full(x.shape[1], 1.7, x.dtype)


def ours_with_statistics(x, *parameters, **options):
    return ops.batch_norm(x, *statistics_of(x), *parameters, **options)


def torch_with_statistics(torch, x, *parameters, **options):
    statistics = [torch.from_numpy(values) for values in statistics_of(x.detach().numpy())]
    return torch.nn.functional.batch_norm(x, *statistics, *parameters, **options)


@case(ours_with_statistics, torch_with_statistics, name="batch_norm")
def channels(draw):
    positions = draw(shapes(0, 3))
    shape = (draw(st.integers(3, 6)), draw(sizes), *positions)
    parameters = [positive(draw, shape[1:2]), normal(draw, shape[1:2])][: draw(st.integers(0, 2))]
    return (normal(draw, shape), *parameters), {"training": draw(st.booleans()), "eps": draw(epsilons)}
