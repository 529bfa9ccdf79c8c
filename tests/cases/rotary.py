"""Cases of tinygrad_lab.ops.rotary: torch turns pairs as complex numbers; any cosines and sines are allowed."""

from hypothesis import strategies as st

from tests.cases.case import case, counts, normal, shapes
from tinygrad_lab.ops.rotary import rotary_embedding


def as_complex_numbers(torch, x, cos, sin, interleaved=False):
    if not x.numel():
        return x * 1  # torch views nothing as complex in some layouts only
    half = x.shape[-1] // 2
    pairs = x.unflatten(-1, (half, 2)) if interleaved else x.unflatten(-1, (2, half)).transpose(-1, -2)
    turned = torch.view_as_real(torch.complex(pairs[..., 0], pairs[..., 1]) * torch.complex(cos, sin))
    return (turned if interleaved else turned.transpose(-1, -2)).flatten(-2)


@case(rotary_embedding, as_complex_numbers)
def pairs_of_features(draw):
    leading, positions, half = draw(shapes(0, 2, counts)), draw(counts), draw(counts)
    tables = [normal(draw, (positions, half)) for _ in range(2)]
    return (normal(draw, (*leading, positions, 2 * half)), *tables, draw(st.booleans())), {}
