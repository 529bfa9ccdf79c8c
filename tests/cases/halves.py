"""The case of nn.utils.halves: two functions of the same parameters, run on two threads, and their sum."""

from tests.cases.case import case, normal, sizes
from tinygrad_lab.nn.utils.halves import Both, halves


def first(x, w):
    return (x * w).sum()


def second(x, w):
    return (x * x * w[:1]).sum()


@case(
    lambda x, w: halves(Both(lambda: first(x, w), lambda: second(x, w)), x, w),
    lambda torch, x, w: first(x, w) + second(x, w),
    name="halves",
)
def a_sum_of_two(draw):
    size = draw(sizes)
    return (normal(draw, (size,)), normal(draw, (size,))), {}
