"""Convolution and pooling."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- conv2d --------------------------------------------------------------------------------------


def conv2d(x, weight, bias, stride):
    """y[n, f, h, w] = b[f] + Σ_{c,i,j} W[f, c, i, j] x[n, c, s h + i, s w + j], with the stride s.

    x (N, C, H, W), W (F, C, KH, KW), b (F,) -> y (N, F, OH, OW)

    backward(dy) gets dy (N, F, OH, OW) and returns dx, dweight and dbias. ``patch(x, i, j)`` is what tap (i, j) of the
    kernel sees of x, (N, C, OH, OW). It is a view: what is added to patch(dx, i, j) is added to dx.
    """
    kernel_height, kernel_width = weight.shape[2:]
    height = (x.shape[2] - kernel_height) // stride + 1
    width = (x.shape[3] - kernel_width) // stride + 1
    taps = [(i, j) for i in range(kernel_height) for j in range(kernel_width)]

    def patch(image, i, j):
        return image[:, :, i : i + stride * height : stride, j : j + stride * width : stride]

    y = np.zeros((len(x), len(weight), height, width), x.dtype) + bias[:, None, None]
    for i, j in taps:
        y += np.einsum("nchw,fc->nfhw", patch(x, i, j), weight[:, :, i, j])

    def backward(dy):
        dx, dweight = np.zeros_like(x), np.zeros_like(weight)
        for i, j in taps:
            patch(dx, i, j)[...] += np.einsum("nfhw,fc->nchw", dy, weight[:, :, i, j])
            dweight[:, :, i, j] = np.einsum("nfhw,nchw->fc", dy, patch(x, i, j))
        dbias = dy.sum(axis=(0, 2, 3))
        return dx, dweight, dbias

    return y, backward


def conv2d_cases(draw):
    def layer(n, c, f, size, kernel, stride):
        return {"x": draw.normal(n, c, size, size), "weight": draw.normal(f, c, kernel, kernel),
                "bias": draw.normal(f), "stride": stride}  # fmt: skip

    yield Case("two images of 4 × 4, a kernel of 3 × 3", layer(2, 2, 3, 4, 3, 1))
    yield Case("stride 2, overlapping", layer(1, 2, 2, 5, 3, 2))
    yield Case("windows that do not overlap", layer(2, 1, 2, 4, 2, 2))
    yield Case("a kernel of one pixel", layer(2, 2, 2, 3, 1, 1))


CONV2D = Exercise(
    conv2d,
    "conv2d: one small kernel, at every place",
    "LeCun et al. 1989 and 1998, section II.A.",
    ("x", "weight", "bias"),
    conv2d_cases,
    (
        Slip("patch(dx, i, j)[...] += ", "patch(dx, i, j)[...] = ",
             "You forgot to accumulate in dx: a pixel lies in several windows, and what each "
             "sends back adds up (+=)."),
        Slip('np.einsum("nfhw,fc->nchw", dy, weight[:, :, i, j])',
             'np.einsum("nfhw,fc->nchw", dy, weight[:, :, kernel_height - 1 - i, kernel_width - 1 - j])',
             "You flipped the kernel: tap (i, j) took its pixel forwards, and gives back to that "
             "pixel."),
        Slip('np.einsum("nfhw,nchw->fc", dy, patch(x, i, j))', 'np.einsum("fhw,chw->fc", dy[-1], patch(x, i, j)[-1])',
             "You kept the last image's gradient only: every image used the weight, and each use "
             "sends a gradient."),
        Slip('np.einsum("nfhw,nchw->fc", dy, patch(x, i, j))',
             'np.einsum("nfhw,nchw->fc", dy, patch(x, i, j)) / len(x)',
             "You divided by the number of images: that belongs to the mean in the loss, and is "
             "in dy already."),
        Slip('np.einsum("nfhw,nchw->fc", dy, patch(x, i, j))',
             'np.einsum("nf,nchw->fc", dy[:, :, 0, 0], patch(x, i, j))',
             "You multiplied all pixels by the first output's gradient: each position has its own "
             "dy."),
        Slip("dbias = dy.sum(axis=(0, 2, 3))", "dbias = dy.sum(axis=0)",
             "You summed over the images only: the bias was used at every position too, so sum "
             "over axes 0, 2 and 3."),
        Slip("dbias = dy.sum(axis=(0, 2, 3))", "dbias = dy",
             "You forgot the sum in dbias: it was added at every position of every image, and "
             "each use sends a gradient."),
        Slip("dbias = dy.sum(axis=(0, 2, 3))", "dbias = dy.mean(axis=(0, 2, 3))",
             "You took the mean over images and positions: contributions of several uses add up, "
             "nothing divides them."),
    ),
    (
        "Look at one tap (i, j): it is a product of patch(x, i, j) with the matrix weight[:, :, "
        "i, j].",
        "Backwards, each tap adds dy times that matrix to its patch of dx, and gets a sum over "
        "images and positions.",
        "Loop over the taps; patch(dx, i, j)[...] += ... for x, one einsum to (F, C) for the "
        "weight; bias as in"
        " linear.",
    ),
    "conv2d",
    lambda functional, x, weight, bias, stride: functional.conv2d(x, weight, bias, stride),
)  # fmt: skip

# ---- max_pool2d ----------------------------------------------------------------------------------


def max_pool2d(x, size, stride):
    """y = the largest pixel of each window of size × size, one every ``stride`` pixels.

    x (N, C, H, W) -> y (N, C, OH, OW)

    backward(dy) returns dx. Of several equal pixels the first in the window, row by row, gets the gradient. Windows
    may overlap. ``patch(x, i, j)`` is what pixel (i, j) of every window is, (N, C, OH, OW), a view.
    """
    height, width = ((length - size) // stride + 1 for length in x.shape[2:])
    taps = [(i, j) for i in range(size) for j in range(size)]

    def patch(image, i, j):
        return image[:, :, i : i + stride * height : stride, j : j + stride * width : stride]

    windows = np.stack([patch(x, i, j) for i, j in taps])  # (size · size, N, C, OH, OW)
    y = windows.max(axis=0)

    def backward(dy):
        dx = np.zeros_like(x)
        winner = windows.argmax(axis=0)
        for number, (i, j) in enumerate(taps):
            patch(dx, i, j)[...] += dy * (winner == number)
        return dx

    return y, backward


def max_pool2d_cases(draw):
    yield Case("windows of 2 × 2", {"x": draw.distinct(2, 2, 4, 4), "size": 2, "stride": 2})
    yield Case("windows of 3 × 3 that overlap", {"x": draw.distinct(1, 2, 5, 5), "size": 3, "stride": 2})
    yield Case(
        "a pixel that wins everywhere",
        {"x": np.eye(3)[1][:, None] * np.eye(3)[1] + 0.01 * draw.distinct(1, 1, 3, 3), "size": 2, "stride": 1},
    )
    yield Case("windows of one pixel", {"x": draw.distinct(1, 1, 3, 3), "size": 1, "stride": 1})
    yield Case("ties", {"x": np.round(draw.normal(1, 2, 4, 4)), "size": 2, "stride": 2}, smooth=False)


MAX_POOL2D = Exercise(
    max_pool2d,
    "max pooling: the largest pixel of each window",
    "Krizhevsky, Sutskever, Hinton 2012, section 3.4, whose windows overlap.",
    ("x",),
    max_pool2d_cases,
    (
        Slip("[...] += dy", "[...] = dy",
             "You forgot to accumulate: where windows overlap a pixel can win several of them, "
             "and all of that adds up (+=)."),
        Slip("(winner == number)", "(windows[number] == y)",
             "You gave every one of several equal pixels the whole gradient: here the first of a "
             "window gets it, as argmax says."),
        Slip("winner = windows.argmax(axis=0)", "winner = len(taps) - 1 - windows[::-1].argmax(axis=0)",
             "You gave a tie to the last of the equal pixels: here the first of a window gets it."),
        Slip("dy * (winner == number)", "dy",
             "You gave dy to every pixel of a window: those that did not win have no influence, "
             "and no gradient."),
        Slip("dy * (winner == number)", "dy / len(taps)",
             "That is the backward of average pooling: here only the largest pixel of a window "
             "has an influence."),
        Slip("dy * (winner == number)", "(winner == number)",
             "You returned who won, the local derivative alone: multiply it by what comes in, dy."),
        Slip("dy * (winner == number)", "dy * y * (winner == number)",
             "You multiplied by the maximum itself: the derivative by the winner is 1, whatever "
             "its value."),
    ),
    (
        "Solve amax first. Who won each window?",
        "windows.argmax(axis=0) has the number of each window's winner; that is a tap (i, j).",
        "Loop over the taps; each adds dy where it won to its patch of dx.",
    ),
    "max_pool2d",
    lambda functional, x, size, stride: functional.max_pool2d(x, size, stride),
)  # fmt: skip
