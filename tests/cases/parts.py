"""The case of nn.utils.parts: two functions of the same parameters, run on two threads, and their sum."""

from tests.cases.case import case, normal, sizes
from tinygrad_lab.nn.utils.parts import parts
from tinygrad_lab.workers.step import Step
from tinygrad_lab.workers.threads import OnThreads


def first(x, w):
    return (x * w).sum()


def second(x, w):
    return (x * x * w[:1]).sum()


def sum_of_both(x, w):
    step = Step(lambda _model, function: function(x, w), None, [first, second], [x, w])
    return parts(OnThreads(step), *(tensor for tensor in (x, w) if tensor.requires_grad))


@case(sum_of_both, lambda torch, x, w: first(x, w) + second(x, w), name="parts")
def a_sum_of_two(draw):
    size = draw(sizes)
    return (normal(draw, (size,)), normal(draw, (size,))), {}
