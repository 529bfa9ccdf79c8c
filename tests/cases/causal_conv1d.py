"""Cases of tinygrad_lab.ops.causal_conv1d: torch's grouped convolution, padded on the left, channels first."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, sizes
from tinygrad_lab.ops.causal_conv1d import causal_conv1d


def grouped_convolution(torch, input, weight, bias=None, past=None, activation=None):
    channels, taps = weight.shape
    before = torch.zeros(len(input), taps - 1, channels, dtype=input.dtype) if past is None else past
    x = torch.cat([before, input], 1).transpose(1, 2)
    y = torch.nn.functional.conv1d(x, weight[:, None], bias, groups=channels).transpose(1, 2)
    return y if activation is None else torch.nn.functional.silu(y)


@case(causal_conv1d, grouped_convolution)
def sequences_shorter_and_longer_than_the_filter(draw):
    batch, steps, channels, taps = (draw(sizes) for _ in range(4))
    bias = normal(draw, (channels,)) if draw(st.booleans()) else None
    past = normal(draw, (batch, taps - 1, channels)) if draw(st.booleans()) else None
    args = normal(draw, (batch, steps, channels)), normal(draw, (channels, taps)), bias, past
    return args, {"activation": draw(st.sampled_from([None, "silu"]))}
