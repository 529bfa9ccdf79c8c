"""Cases of tinygrad_lab.ops.elementwise."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import booleans, broadcastable, case, counts, distinct, normal, positive, shapes, with_ties
from tinygrad_lab.ops import elementwise as ops
from tinygrad_lab.ops import methods


@case(ops.add, "add")
@case(ops.subtract, "subtract")
@case(ops.multiply, "multiply")
def two_operands(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), normal(draw, right)), {}


@case(ops.divide, "divide")
@case(ops.power, "pow", name="positive base, any exponent")
def with_positive(draw):
    left, right = broadcastable(draw)
    return (positive(draw, left), positive(draw, right)), {}


@case(ops.power, "pow")
def scalar_exponent(draw):
    return (positive(draw, draw(shapes(of=counts))), draw(st.sampled_from([-2, -0.5, 0, 0.5, 1, 2, 3, 2.5]))), {}


@case(ops.power, "pow", name="integer exponent, any base")
def whole_exponent(draw):
    return (distinct(draw, draw(shapes(of=counts))), draw(st.sampled_from([0, 1, 2, 3]))), {}


@case(ops.negative, "negative")
@case(ops.exp, "exp")
@case(ops.expm1, "expm1")
@case(ops.sin, "sin")
@case(ops.cos, "cos")
@case(ops.square, "square")
@case(lambda x: methods.cast(x, x.dtype), "clone", name="cast")
def any_value(draw):
    return (normal(draw, draw(shapes(of=counts))),), {}


@case(ops.log, "log")
@case(ops.log1p, "log1p")
@case(ops.sqrt, "sqrt")
@case(ops.rsqrt, "rsqrt")
@case(ops.reciprocal, "reciprocal")
def positive_value(draw):
    return (positive(draw, draw(shapes(of=counts))),), {}


@case(ops.abs, "abs")
def away_from_zero(draw):
    return (distinct(draw, draw(shapes(of=counts))),), {}


@case(ops.maximum, "maximum")
@case(ops.minimum, "minimum")
def without_ties(draw):
    left, right = broadcastable(draw)
    return (distinct(draw, left), np.asarray(distinct(draw, right) + 0.03)), {}


@case(ops.maximum, "maximum", smooth=False, name="maximum with ties")
@case(ops.minimum, "minimum", smooth=False, name="minimum with ties")
def tied_operands(draw):
    left, right = broadcastable(draw)
    return (with_ties(draw, left), with_ties(draw, right)), {}


@case(ops.clamp, "clamp")
def between_the_bounds(draw):
    low, high = draw(st.sampled_from([(-0.32, 0.21), (0.11, None), (None, -0.11), (0.21, -0.32)]))
    return (distinct(draw, draw(shapes(of=counts))),), {"min": low, "max": high}


@case(ops.clamp, "clamp", smooth=False, name="clamp on the bounds")
def on_the_bounds(draw):
    return (with_ties(draw, draw(shapes(of=counts))), -1, draw(st.sampled_from([1, 2.0, -1, -2]))), {}


@case(ops.where, "where")
def choice(draw):
    left, right = broadcastable(draw)
    return (booleans(draw, draw(st.sampled_from([left, right]))), normal(draw, left), normal(draw, right)), {}


@case(ops.masked_fill, "masked_fill")
def masked(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), booleans(draw, right), draw(st.sampled_from([0, -1e3, 3]))), {}


@case(ops.masked_fill, "masked_fill", smooth=False, name="masked_fill with infinity")
def masked_out(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), booleans(draw, right), -float("inf")), {}
