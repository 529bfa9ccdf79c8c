"""Cases of tinygrad_lab.ops.convolution."""

from hypothesis import assume
from hypothesis import strategies as st

from tests.cases.case import case, in_some_layout, normal
from tinygrad_lab.ops import convolution as ops

REDUCTION = 3 * 5 * 4 + 3 * 9 * 8  # the longest sums: over C KH KW, and over N OH OW in the weight's gradient


def images(draw, channels: int, least: int = 1):
    """(N, C, H, W) in a drawn layout, the engine's own (batch innermost) and channels last among them."""
    height, width = (draw(st.integers(least, least + 7)) for _ in range(2))
    image = normal(draw, (draw(st.integers(1, 3)), channels, height, width))
    axes = draw(st.sampled_from([(0, 1, 2, 3), (1, 2, 3, 0), (0, 2, 3, 1)]))
    back = [axes.index(axis) for axis in range(4)]
    return in_some_layout(draw, image.transpose(axes).copy()).transpose(back)


def pair_or_one(draw, low: int, high: int):
    one = st.integers(low, high)
    return draw(st.one_of(one, st.tuples(one, one)))


def both(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def blocks(draw) -> tuple[int, int, int]:
    """groups, channels per group, filters per group; many filters leave no room for bands of several rows."""
    return draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 17, 41]))


def kernel(draw) -> tuple[int, int]:
    return draw(st.integers(1, 5)), draw(st.integers(1, 4))


@case(ops.conv2d, "nn.functional.conv2d", reduction=REDUCTION)
@case(ops.conv2d.info.definition, "nn.functional.conv2d", name="conv2d's definition", reduction=REDUCTION)
def convolution(draw):
    groups, channels, filters = blocks(draw)
    settings = {
        "stride": pair_or_one(draw, 1, 3),
        "padding": draw(st.sampled_from(["valid", 0, 1, 2, (1, 0), (0, 2), "same"])),
        "dilation": pair_or_one(draw, 1, 2),
        "groups": groups,
    }
    if settings["padding"] == "same":
        settings["stride"] = 1
    weight = normal(draw, (groups * filters, channels, *kernel(draw)))
    image = images(draw, groups * channels, least=2)
    padding = settings["padding"] if not isinstance(settings["padding"], str) else 0
    for size, taps, p, d in zip(
        image.shape[2:], weight.shape[2:], both(padding), both(settings["dilation"]), strict=True
    ):
        assume(settings["padding"] == "same" or size + 2 * p >= d * (taps - 1) + 1)
    bias = [normal(draw, (groups * filters,))] if draw(st.booleans()) else []
    return (image, weight, *bias), settings


@case(ops.conv_transpose2d, "nn.functional.conv_transpose2d", reduction=REDUCTION)
@case(
    ops.conv_transpose2d.info.definition,
    "nn.functional.conv_transpose2d",
    name="conv_transpose2d's definition",
    reduction=REDUCTION,
)
def transposed_convolution(draw):
    groups, filters, channels = blocks(draw)
    settings = {
        "stride": pair_or_one(draw, 1, 3),
        "padding": pair_or_one(draw, 0, 2),
        "dilation": pair_or_one(draw, 1, 2),
        "groups": groups,
    }
    limits = [max(s, d) - 1 for s, d in zip(both(settings["stride"]), both(settings["dilation"]), strict=True)]
    extra = settings["output_padding"] = tuple(draw(st.integers(0, limit)) for limit in limits)
    weight = normal(draw, (groups * channels, filters, *kernel(draw)))
    image = images(draw, groups * channels)
    for axis in range(2):
        s, p, d = (both(settings[name])[axis] for name in ("stride", "padding", "dilation"))
        size, taps = image.shape[2 + axis], weight.shape[2 + axis]
        assume((size - 1) * s - 2 * p + d * (taps - 1) + extra[axis] >= 0)
    bias = [normal(draw, (groups * filters,))] if draw(st.booleans()) else []
    return (image, weight, *bias), settings
