"""Cases of tinygrad_lab.ops.losses."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import booleans, case, counts, distinct, integers, normal, positive, shapes, sizes
from tinygrad_lab.ops import losses as ops

reductions = st.sampled_from(["mean", "sum", "none"])


def constant(array):
    """A factor without a gradient: torch would differentiate some of them, the engine treats them all as constants."""
    return array.detach() if hasattr(array, "detach") else array


@case(ops.mse_loss, "nn.functional.mse_loss", reduction=1024)
def two_alike(draw):
    shape = draw(shapes(of=counts))
    return (normal(draw, shape), normal(draw, shape)), {"reduction": draw(reductions)}


@case(ops.l1_loss, "nn.functional.l1_loss", reduction=1024)
def never_equal(draw):
    shape = draw(shapes(of=counts))
    return (distinct(draw, shape), np.asarray(distinct(draw, shape) + 0.03)), {"reduction": draw(reductions)}


@case(ops.binary_cross_entropy_with_logits, "nn.functional.binary_cross_entropy_with_logits", reduction=1024)
def logits_and_targets(draw):
    shape = draw(shapes(of=counts))
    target = np.asarray(draw(st.sampled_from([booleans(draw, shape), positive(draw, shape) / 2])), float)
    return (normal(draw, shape), target), {"reduction": draw(reductions)}


@case(
    lambda x, t, w, p, **options: ops.binary_cross_entropy_with_logits(
        x, t, constant(w), pos_weight=constant(p), **options
    ),
    lambda torch, x, t, w, p, **options: torch.nn.functional.binary_cross_entropy_with_logits(
        x, t, w.detach(), pos_weight=p.detach(), **options
    ),
    name="binary_cross_entropy_with_logits, weighted",
    smooth=False,  # of the weights, which are constants
    reduction=1024,
)
def weighted_logits(draw):
    shape = draw(shapes(1))
    target = positive(draw, shape) / 2
    weights = positive(draw, shape), positive(draw, shape[-1:])
    return (normal(draw, shape), target, *weights), {"reduction": draw(reductions)}


def logits_shape(draw):
    classes = draw(st.integers(2, 5))
    return draw(st.sampled_from([(classes,), (draw(sizes), classes), (draw(sizes), classes, *draw(shapes(1, 2)))]))


def settings(draw):
    return {"reduction": draw(reductions), "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0]))}


@case(ops.cross_entropy, "nn.functional.cross_entropy", reduction=1024)
def class_indices(draw):
    shape = logits_shape(draw)
    target = np.array(integers(draw, (*shape[:-1][:1], *shape[2:]), 0, shape[min(1, len(shape) - 1)]))
    return (normal(draw, shape), target), {**settings(draw), "ignore_index": draw(st.sampled_from([-100, 0, 1]))}


@case(ops.cross_entropy, "nn.functional.cross_entropy", name="cross_entropy of distributions", reduction=1024)
def class_probabilities(draw):
    shape = logits_shape(draw)
    return (normal(draw, shape), positive(draw, shape)), settings(draw)


@case(
    lambda x, t, w, **options: ops.cross_entropy(x, t, constant(w), **options),
    lambda torch, x, t, w, **options: torch.nn.functional.cross_entropy(x, t, w.detach(), **options),
    name="cross_entropy, weighted",
    smooth=False,  # of the weights, which are constants
    reduction=1024,
)
def weighted_classes(draw):
    shape = logits_shape(draw)
    classes = shape[min(1, len(shape) - 1)]
    indices = np.array(integers(draw, (*shape[:-1][:1], *shape[2:]), 0, classes))
    target = indices if draw(st.booleans()) else positive(draw, shape)
    return (normal(draw, shape), target, positive(draw, (classes,))), settings(draw)
