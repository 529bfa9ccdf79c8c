"""Cases of tinygrad_lab.ops.activation and tinygrad_lab.ops.erf."""

from hypothesis import strategies as st

from tests.cases.case import case, counts, distinct, normal, shapes
from tinygrad_lab.ops import activation as ops
from tinygrad_lab.ops.erf import erf


@case(ops.relu, "nn.functional.relu")
def away_from_the_kink(draw):
    return (distinct(draw, draw(shapes(of=counts))),), {}


@case(ops.leaky_relu, "nn.functional.leaky_relu")
def with_slope(draw):
    return (distinct(draw, draw(shapes(of=counts))), draw(st.sampled_from([0.01, 0.0, 0.2, 1.0, 1.5, -0.5]))), {}


def at_some_scale(draw):
    x = normal(draw, draw(shapes(of=counts)))
    x *= draw(st.sampled_from([0.1, 1.0, 4.0]))  # in place keeps the memory layout
    return x


@case(ops.elu, "nn.functional.elu")
def with_alpha(draw):
    return (distinct(draw, draw(shapes())), draw(st.sampled_from([1.0, 0.5, 2.0]))), {}


@case(ops.sigmoid, "sigmoid")
@case(ops.tanh, "tanh")
@case(ops.silu, "nn.functional.silu")
@case(ops.logsigmoid, "nn.functional.logsigmoid")
@case(ops.mish, "nn.functional.mish", name="mish")
@case(erf, "erf")
def one_operand(draw):
    return (at_some_scale(draw),), {}


@case(ops.gelu, "nn.functional.gelu")
def either_form(draw):
    return (at_some_scale(draw),), {"approximate": draw(st.sampled_from(["none", "tanh"]))}


@case(ops.softplus, "nn.functional.softplus", smooth=False)  # a small step at the threshold
def with_threshold(draw):
    beta, threshold = draw(st.sampled_from([1.0, 0.5, 3.0])), draw(st.sampled_from([20.0, 1.0, -1.0]))
    return (distinct(draw, draw(shapes(of=counts))), beta, threshold), {}


@case(ops.softplus, "nn.functional.softplus", name="softplus, smooth")
def below_the_threshold(draw):
    return (normal(draw, draw(shapes(of=counts))), draw(st.sampled_from([1.0, 0.5, 3.0]))), {}
