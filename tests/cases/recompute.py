"""The case of nn.utils.recompute: a layer whose inside is computed again."""

from tests.cases.case import case, normal, sizes
from tinygrad_lab.nn.module import Module
from tinygrad_lab.nn.utils.recompute import recompute


class Product(Module):
    """x w tanh(x), elementwise."""

    def forward(self, x, w):
        return x * w * x.tanh()


@case(lambda x, w: recompute(Product(), x, w), lambda torch, x, w: x * w * x.tanh(), name="recomputed")
def a_product(draw):
    size = draw(sizes)
    return (normal(draw, (size,)), normal(draw, (size,))), {}
