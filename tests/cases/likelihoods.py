"""Cases of tinygrad_lab.ops.likelihoods."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import booleans, case, distinct, integers, normal, positive, shapes
from tests.cases.losses import constant, logits_shape, reductions
from tinygrad_lab.ops import likelihoods as ops


def inside(draw, shape):
    """Probabilities away from 0 and 1."""
    return np.asarray(positive(draw, shape) / 2.5)


@case(ops.binary_cross_entropy, "nn.functional.binary_cross_entropy", reduction=1024)
def probabilities_and_targets(draw):
    shape = draw(shapes())
    target = np.asarray(draw(st.sampled_from([booleans(draw, shape), positive(draw, shape) / 2])), float)
    return (inside(draw, shape), target), {"reduction": draw(reductions)}


@case(
    lambda x, t, w, **options: ops.binary_cross_entropy(x, t, constant(w), **options),
    lambda torch, x, t, w, **options: torch.nn.functional.binary_cross_entropy(x, t, w.detach(), **options),
    name="binary_cross_entropy, weighted",
    smooth=False,  # of the weights, which are constants
    reduction=1024,
)
def weighted_probabilities(draw):
    shape = draw(shapes(1))
    arrays = inside(draw, shape), positive(draw, shape) / 2, positive(draw, shape[-1:])
    return arrays, {"reduction": draw(reductions)}


@case(ops.nll_loss, "nn.functional.nll_loss", name="nll_loss", reduction=1024)
def class_indices(draw):
    shape = logits_shape(draw)
    target = np.array(integers(draw, (*shape[:-1][:1], *shape[2:]), 0, shape[min(1, len(shape) - 1)]))
    settings = {"reduction": draw(reductions), "ignore_index": draw(st.sampled_from([-100, 0, 1]))}
    return (normal(draw, shape), target), settings


@case(
    lambda x, t, w, **options: ops.nll_loss(x, t, constant(w), **options),
    lambda torch, x, t, w, **options: torch.nn.functional.nll_loss(x, t, w.detach(), **options),
    name="nll_loss, weighted",
    smooth=False,  # of the weights, which are constants
    reduction=1024,
)
def weighted_classes(draw):
    shape = logits_shape(draw)
    classes = shape[min(1, len(shape) - 1)]
    target = np.array(integers(draw, (*shape[:-1][:1], *shape[2:]), 0, classes))
    settings = {"reduction": draw(reductions), "ignore_index": draw(st.sampled_from([-100, 0]))}
    return (normal(draw, shape), target, positive(draw, (classes,))), settings


@case(ops.kl_div, "nn.functional.kl_div", name="kl_div", reduction=1024)
def two_distributions(draw):
    shape = draw(shapes(1))
    settings = {"reduction": draw(st.sampled_from(["batchmean", "sum", "none"]))}
    return (normal(draw, shape), positive(draw, shape)), {**settings, "log_target": draw(st.booleans())}


@case(ops.smooth_l1_loss, "nn.functional.smooth_l1_loss", name="smooth_l1_loss", reduction=1024)
def near_and_far(draw):
    shape = draw(shapes())
    settings = {"reduction": draw(reductions), "beta": draw(st.sampled_from([1.0, 0.3, 0.0, 4.0]))}
    return (distinct(draw, shape), np.asarray(distinct(draw, shape) + 0.03)), settings
