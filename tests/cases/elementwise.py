"""Cases of tinygrad_lab.ops.elementwise."""

from tests.cases.case import broadcastable, case, normal, positive
from tinygrad_lab.ops import elementwise as ops


@case(ops.add, "add")
@case(ops.subtract, "subtract")
@case(ops.multiply, "multiply")
def two_operands(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), normal(draw, right)), {}


@case(ops.divide, "divide")
def quotient(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), positive(draw, right)), {}
