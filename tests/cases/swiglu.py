"""Cases of tinygrad_lab.ops.swiglu."""

from tests.cases.activation import at_some_scale
from tests.cases.case import case, normal
from tinygrad_lab.ops.swiglu import swiglu


@case(swiglu, lambda torch, gate, up: torch.nn.functional.silu(gate) * up)
def gates_and_values(draw):
    gate = at_some_scale(draw)
    return (gate, normal(draw, gate.shape)), {}
