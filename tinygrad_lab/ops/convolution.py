"""Two-dimensional convolution and its transpose (in truth correlation: the kernel is not flipped).

Shapes are torch's, (N, C, H, W); memory is (C, H, W, N) inside and an output is a transposed view of it, so a chain of
convolutions, activations and pools never moves data from one layout to the other.  The three products that all four
passes are made of live in ``tinygrad_lab.ops.kernels.sliding``; ``tinygrad_lab.ops.kernels.winograd`` makes those of
conv2d with fewer multiplications, and has the rule that says where it pays.
"""

from collections.abc import Sequence

import numpy as np

from tinygrad_lab.ops.contraction import einsum
from tinygrad_lab.ops.kernels import sliding, winograd
from tinygrad_lab.ops.kernels.sliding import Window, batch_first, batch_innermost, finite
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import pad, reshape, stack
from tinygrad_lab.ops.windows import Pair, alike, as_batch, pair
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

Sides = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)


@operation(
    rule="""
    s, t = pair(stride)
    d, e = pair(dilation)
    p, q = margins(padding, weight, dilation)
    C, F = length(weight, 1), length(weight, 0) // groups
    if groups == 1:
        dinput[..., c, s * h + d * i - p, t * w + e * j - q] += weight[f, c, i, j] * dy[..., f, h, w]
        dweight[f, c, i, j] += sum(dy[..., f, h, w] * input[..., c, s * h + d * i - p, t * w + e * j - q])
    else:
        g = range(groups)
        f = range(F)
        dinput[..., C * g + c, s * h + d * i - p, t * w + e * j - q] += (
            weight[F * g + f, c, i, j] * dy[..., F * g + f, h, w]
        )
        dweight[F * g + f, c, i, j] += sum(
            dy[..., F * g + f, h, w] * input[..., C * g + c, s * h + d * i - p, t * w + e * j - q]
        )
    dbias[k] += sum(dy[..., k, h, w])
    """,
)
def conv2d(
    input: Float[Array, "*n c h w"],
    weight: Float[Array, "f cg kh kw"],
    bias: Float[Array, " f"] | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Float[Array, "*n f oh ow"], Backward]:
    """y[n, f, h, w] = b[f] + Σ_{c,i,j} weight[f, c, i, j] x[n, c, s h + d i - p, s w + d j - p]

    (N, C, H, W), (F, C / groups, KH, KW), (F,) -> (N, F, OH, OW) with OH = (H + 2 p - d (KH - 1) - 1) // s + 1

    Args:
        input: images, or one of them without N; zero outside, in products too: infinity or NaN in a weight reaches
            outputs by the padding alone (torch has algorithms of either kind).
        weight: one kernel per filter; with groups, filter block g sees channel block g only.
        bias: added to every output of its filter.
        stride: s, the step of the kernel; one number, or one along H and one along W.
        padding: p, zeros around the image; "valid" for none, "same" for an output as large as the input (stride 1 only,
            the odd row or column goes to the bottom or right).
        dilation: d, the distance between taps of the kernel.
        groups: number of channel blocks; divides C and F.

    Raises:
        ValueError: arguments that do not fit together; the message has every dimension.
    """
    window = _window("conv2d", input, weight, stride, dilation, groups)
    sides = _sides(padding, window)
    images, ndim = as_batch(input), input.ndim  # backward must not hold the input besides what it needs of it
    _check_conv2d(images, weight, bias, window, sides)
    (top, _), (left, _) = sides
    height, width = images.shape[2:]
    x = _padded(batch_innermost(images), sides)
    tiles = winograd.pays(x, weight, window) and finite(x) and finite(weight)
    y = (winograd if tiles else sliding).correlate(x, weight, bias, window)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = batch_innermost(as_batch(dy))
        kernel = winograd if tiles and finite(dy) else sliding  # a number that is not finite spoils its whole tile
        dx, dweight = kernel.gradients(x, weight, dy, window, needs.input, needs.weight)
        if needs.input:
            dx = alike(batch_first(dx[:, top : top + height, left : left + width]), ndim)
        return dx, dweight, _sum_per_filter(dy) if needs.bias else None

    return alike(batch_first(y), ndim), backward


@conv2d.define
def conv2d_definition(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Take one strided slice of the padded image per tap of the kernel, then contract once."""
    window = _window("conv2d", input, weight, stride, dilation, groups)
    (top, bottom), (left, right) = _sides(padding, window)
    x = pad(as_batch(input), (left, right, top, bottom))
    filters, channels, kernel_height, kernel_width = weight.shape
    height, width = window.outputs(x.shape[2:])
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    rows = [slice(i * dilation_h, i * dilation_h + (height - 1) * stride_h + 1, stride_h) for i in range(kernel_height)]
    columns = [
        slice(j * dilation_w, j * dilation_w + (width - 1) * stride_w + 1, stride_w) for j in range(kernel_width)
    ]
    taps = stack([x[:, :, row, column] for row in rows for column in columns], 0)
    taps = reshape(taps, (len(rows) * len(columns), len(x), groups, channels, height, width))
    kernels = reshape(weight, (groups, filters // groups, channels, len(rows) * len(columns)))
    y = reshape(einsum("tngchw,gfct->ngfhw", taps, kernels), (len(x), filters, height, width))
    return alike(y if bias is None else y + reshape(bias, (filters, 1, 1)), input.ndim)


@operation(
    rule="""
    s, t = pair(stride)
    d, e = pair(dilation)
    p, q = pair(padding)
    C, F = length(weight, 0) // groups, length(weight, 1)
    if groups == 1:
        dinput[..., c, h, w] += weight[c, f, i, j] * dy[..., f, s * h + d * i - p, t * w + e * j - q]
        dweight[c, f, i, j] += sum(input[..., c, h, w] * dy[..., f, s * h + d * i - p, t * w + e * j - q])
    else:
        g = range(groups)
        c = range(C)
        dinput[..., C * g + c, h, w] += (
            weight[C * g + c, f, i, j] * dy[..., F * g + f, s * h + d * i - p, t * w + e * j - q]
        )
        dweight[C * g + c, f, i, j] += sum(
            input[..., C * g + c, h, w] * dy[..., F * g + f, s * h + d * i - p, t * w + e * j - q]
        )
    dbias[k] += sum(dy[..., k, h, w])
    """,
)
def conv_transpose2d(
    input: Float[Array, "*n c h w"],
    weight: Float[Array, "c fg kh kw"],
    bias: Float[Array, " f"] | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> tuple[Float[Array, "*n fo oh ow"], Backward]:
    """y[n, f, s h + d i - p, s w + d j - p] += weight[c, f, i, j] x[n, c, h, w]: conv2d's gradient as an operation

    (N, C, H, W), (C, F / groups, KH, KW), (F,) -> (N, F, OH, OW)
    with OH = (H - 1) s - 2 p + d (KH - 1) + output_padding + 1

    Args:
        input: images, or one of them without N; each pixel stamps its multiple of the kernel onto the output.
        weight: the weight of the conv2d from F to C channels whose adjoint this is.
        bias: added to every output of its filter.
        stride: s, the distance between stamps.
        padding: p, rows and columns cut off around the output.
        output_padding: rows and columns of it put back at the bottom and right; smaller than stride or dilation.
        groups: number of channel blocks; divides C.
        dilation: d, the distance between taps of the kernel.

    Raises:
        ValueError: arguments that do not fit together; the message has every dimension.
    """
    window = _window("conv_transpose2d", input, weight, stride, dilation, groups)
    cut, extra = _margins(padding, output_padding)
    images, ndim = as_batch(input), input.ndim  # backward must not hold the input besides what it needs of it
    _check_conv_transpose2d(images, weight, bias, window, cut, extra)
    reach = _stamped_size(images.shape[2:], window)
    size = reach[0] + extra[0], reach[1] + extra[1]
    inner = (slice(None), slice(cut[0], size[0] - cut[0]), slice(cut[1], size[1] - cut[1]))
    x = batch_innermost(images)
    y = sliding.scatter(x, weight, size, window)[inner]
    if bias is not None:
        y += bias[:, None, None, None]

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = dweight = dbias = None
        dy = batch_innermost(as_batch(dy))
        stamped = _padded(dy, ((cut[0], cut[0]), (cut[1], cut[1])))[:, : reach[0], : reach[1]]
        if needs.input:
            dx = alike(batch_first(sliding.correlate(stamped, weight, None, window)), ndim)
        if needs.weight:
            dweight = sliding.weight_gradient(stamped, x, window)
        if needs.bias:
            dbias = _sum_per_filter(dy)
        return dx, dweight, dbias

    return alike(batch_first(y), ndim), backward


@conv_transpose2d.define
def conv_transpose2d_definition(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Tensor:
    """Add up the image times each tap of the kernel, spread by the stride and shifted."""
    window = _window("conv_transpose2d", input, weight, stride, dilation, groups)
    cut, extra = _margins(padding, output_padding)
    images = as_batch(input)
    size = [reach + more for reach, more in zip(_stamped_size(images.shape[2:], window), extra, strict=True)]
    batch, channels, height, width = images.shape
    filters, kernel_height, kernel_width = weight.shape[1:]
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    x = reshape(images, (batch, groups, channels // groups, height, 1, width, 1))
    x = pad(x, (0, stride_w - 1, 0, 0, 0, stride_h - 1))  # zeros between the pixels
    x = reshape(x, (batch, groups, channels // groups, height * stride_h, width * stride_w))
    x = x[..., : (height - 1) * stride_h + 1, : (width - 1) * stride_w + 1]
    kernels = reshape(weight, (groups, channels // groups, filters, kernel_height, kernel_width))
    y = Tensor(0.0, dtype=input.dtype)
    for i in range(kernel_height):
        for j in range(kernel_width):
            stamp = einsum("ngchw,gcf->ngfhw", x, kernels[..., i, j])
            top, left = i * dilation_h, j * dilation_w
            y = y + pad(stamp, (left, size[1] - left - x.shape[-1], top, size[0] - top - x.shape[-2]))
    y = reshape(y, (batch, groups * filters, *size))[..., cut[0] : size[0] - cut[0], cut[1] : size[1] - cut[1]]
    return alike(y if bias is None else y + reshape(bias, (groups * filters, 1, 1)), input.ndim)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def _window(
    caller: str, input: Array | Tensor, weight: Array | Tensor, stride: Pair, dilation: Pair, groups: int
) -> Window:
    if input.ndim not in (3, 4) or weight.ndim != 4:
        raise ValueError(
            f"{caller}: input must be (N, C, H, W) or (C, H, W) and weight must have 4 dimensions, "
            f"got input {input.shape} and weight {weight.shape}"
        )
    if 0 in weight.shape[0:1] + weight.shape[2:]:
        raise ValueError(f"{caller}: weight must have filters of at least one tap, got shape {weight.shape}")
    if groups < 1:
        raise ValueError(f"{caller}: groups must be >= 1, got {groups}")
    steps, distances = pair(caller, "stride", stride, 1), pair(caller, "dilation", dilation, 1)
    return Window((weight.shape[2], weight.shape[3]), steps, distances, groups)


def _sides(padding: Pair | str, window: Window) -> Sides:
    """Rows and columns of zeros to add at (top, bottom), (left, right)."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        if window.stride != (1, 1):
            raise ValueError(f"conv2d: padding='same' needs stride 1, got {window.stride}")
        down, across = (d * (k - 1) for d, k in zip(window.dilation, window.kernel, strict=True))
        return (down // 2, down - down // 2), (across // 2, across - across // 2)
    if isinstance(padding, str):
        raise ValueError(f"conv2d: padding must be 'same', 'valid', an integer or a pair of them, got {padding!r}")
    height, width = pair("conv2d", "padding", padding)
    return (height, height), (width, width)


def _margins(padding: Pair, output_padding: Pair) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns that conv_transpose2d cuts off around its output, and those that it puts back."""
    caller = "conv_transpose2d"
    return pair(caller, "padding", padding), pair(caller, "output_padding", output_padding)


def _padded(x: Array, sides: Sides) -> Array:
    """(C, H, W, N) with zeros around it; x itself where there is nothing to add."""
    (top, bottom), (left, right) = sides
    if not (top or bottom or left or right):
        return x
    channels, height, width, batch = x.shape
    padded = np.zeros((channels, top + height + bottom, left + width + right, batch), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    return padded


def _stamped_size(size: Sequence[int], window: Window) -> tuple[int, int]:
    """Rows and columns that the stamps of an image of ``size`` cover."""
    parts = zip(size, window.kernel, window.stride, window.dilation, strict=True)
    height, width = ((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in parts)
    return height, width


def _sum_per_filter(dy: Array) -> Array:
    """(F, OH, OW, N) -> (F,), as a product with ones: faster than sum() and as accurate in float32."""
    flat = dy.reshape(len(dy), -1)
    return flat @ np.ones(flat.shape[1], dy.dtype)


def _check_conv2d(input: Array, weight: Array, bias: Array | None, window: Window, sides: Sides) -> None:
    channels, (filters, per_group), groups = input.shape[1], weight.shape[:2], window.groups
    what = f"input (N, C, H, W) = {input.shape}, weight (F, C / groups, KH, KW) = {weight.shape}, groups = {groups}"
    if channels % groups or filters % groups:
        raise ValueError(f"conv2d: groups must divide C = {channels} and F = {filters}; {what}")
    if channels != per_group * groups:
        raise ValueError(f"conv2d: weight expects {per_group * groups} channels, input has {channels}; {what}")
    _check_bias("conv2d", bias, filters)
    size = tuple(n + before + after for n, (before, after) in zip(input.shape[2:], sides, strict=True))
    if min(window.outputs(size)) < 1:
        reach = tuple(d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True))
        covers = f"the kernel covers {reach} with dilation {window.dilation}"
        raise ValueError(f"conv2d: {covers}, the padded input has only {size}; {what}")


def _check_conv_transpose2d(
    input: Array, weight: Array, bias: Array | None, window: Window, cut: tuple[int, int], extra: tuple[int, int]
) -> None:
    channels, groups = input.shape[1], window.groups
    if 0 in input.shape[2:] + weight.shape[1:2]:
        raise ValueError(
            f"conv_transpose2d: input {input.shape} must have pixels and weight {weight.shape} filters: at least one"
        )
    what = f"input (N, C, H, W) = {input.shape}, weight (C, F / groups, KH, KW) = {weight.shape}, groups = {groups}"
    if channels % groups:
        raise ValueError(f"conv_transpose2d: groups must divide C = {channels}; {what}")
    if channels != len(weight):
        raise ValueError(f"conv_transpose2d: weight expects {len(weight)} channels, input has {channels}; {what}")
    _check_bias("conv_transpose2d", bias, weight.shape[1] * groups)
    if any(e >= max(s, d) for e, s, d in zip(extra, window.stride, window.dilation, strict=True)):
        raise ValueError(
            f"conv_transpose2d: output_padding {extra} must be smaller than stride {window.stride} or "
            f"dilation {window.dilation}"
        )
    size = _stamped_size(input.shape[2:], window)
    if any(n + e - 2 * c < 1 for n, e, c in zip(size, extra, cut, strict=True)):
        raise ValueError(
            f"conv_transpose2d: padding {cut} leaves nothing of {size} plus output_padding {extra}; {what}"
        )


def _check_bias(caller: str, bias: Array | None, filters: int) -> None:
    if bias is not None and bias.shape != (filters,):
        raise ValueError(f"{caller}: bias must have shape ({filters},), got {bias.shape}")
