"""Cases of tinygrad_lab.ops.pooling: overlapping, padded, dilated, partly outside; distinct and tied pixels."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.cases.case import case, distinct, in_some_layout, integers, normal
from tests.cases.convolution import both, pair_or_one
from tinygrad_lab.ops import pooling as ops

sides = st.integers(2, 9)


def image_shape(draw) -> tuple[int, int, int, int]:
    return draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(sides), draw(sides)


def windows(draw, shape, dilations: int = 1):
    """Settings that fit an image of ``shape``; padding at most half of the kernel."""
    kernel = both(pair_or_one(draw, 1, 4))
    settings = {
        "kernel_size": kernel if draw(st.booleans()) else kernel[0],
        "stride": draw(st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": pair_or_one(draw, 0, min(kernel) // 2),
        "ceil_mode": draw(st.booleans()),
    }
    dilation = pair_or_one(draw, 1, dilations)
    fits = zip(shape[2:], both(settings["kernel_size"]), both(settings["padding"]), both(dilation), strict=True)
    assume(all(size + 2 * p >= d * (k - 1) + 1 and p <= k // 2 for size, k, p, d in fits))
    return settings | ({"dilation": dilation} if dilations > 1 else {})


@case(ops.max_pool2d, "nn.functional.max_pool2d")
@case(ops.max_pool2d.info.definition, "nn.functional.max_pool2d", name="max_pool2d's definition")
def distinct_pixels(draw):
    shape = image_shape(draw)
    return (distinct(draw, shape),), windows(draw, shape, dilations=2)


@case(ops.max_pool2d, "nn.functional.max_pool2d", name="max_pool2d of tied pixels", smooth=False)
@case(ops.max_pool2d.info.definition, "nn.functional.max_pool2d", name="max_pool2d's definition, ties", smooth=False)
def tied_pixels(draw):
    shape = image_shape(draw)
    return (in_some_layout(draw, integers(draw, shape, -1, 2).astype(float)),), windows(draw, shape, dilations=2)


@case(ops.max_pool2d, "nn.functional.max_pool2d", name="max_pool2d of NaN and -inf", smooth=False)
def odd_pixels(draw):
    shape = image_shape(draw)
    palette = np.array([-np.inf, -np.inf, -np.inf, 0.0, 1.0, np.nan])
    return (palette[integers(draw, shape, 0, len(palette))],), windows(draw, shape)


@case(ops.avg_pool2d, "nn.functional.avg_pool2d")
@case(ops.avg_pool2d.info.definition, "nn.functional.avg_pool2d", name="avg_pool2d's definition")
def averaged_pixels(draw):
    shape = image_shape(draw)
    return (normal(draw, shape),), windows(draw, shape) | {"count_include_pad": draw(st.booleans())}
