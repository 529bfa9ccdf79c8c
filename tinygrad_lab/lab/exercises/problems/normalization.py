"""Normalisation of each row: layer norm and RMS norm."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- layer norm ----------------------------------------------------------------------------------


def layer_norm(x, weight, bias):
    """y = γ x̂ + β with x̂ = (x − μ) / √(σ² + 10⁻⁵), mean and variance of each row.    x (N, D), γ, β (D,) -> y (N, D)

    The variance is the one divided by D. backward(dy) returns dx (N, D), dweight (D,) and dbias (D,).
    """
    centred = x - x.mean(axis=1, keepdims=True)
    r = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    normal = centred * r
    y = normal * weight + bias

    def backward(dy):
        u = dy * weight
        mean_u = u.mean(axis=1, keepdims=True)
        mean_un = (u * normal).mean(axis=1, keepdims=True)
        dx = r * (u - mean_u - normal * mean_un)
        dweight = (dy * normal).sum(axis=0)
        dbias = dy.sum(axis=0)
        return dx, dweight, dbias

    return y, backward


def layer_norm_cases(draw):
    def rows(n, d, x=None):
        x = draw.normal(n, d) if x is None else x
        return {"x": x, "weight": draw.normal(d), "bias": draw.normal(d)}

    yield Case("three rows of five", rows(3, 5))
    yield Case("as many rows as columns", rows(4, 4))
    yield Case("rows far from zero", rows(2, 6, 30 + draw.normal(2, 6)))
    yield Case("one row", rows(1, 4))
    yield Case("rows of one number, always its own mean", rows(3, 1))


LAYER_NORM = Exercise(
    layer_norm,
    "layer norm: mean and variance depend on x too",
    "Ba, Kiros, Hinton 2016, Layer Normalization, section 3; Vaswani et al. 2017, section 3.1.",
    ("x", "weight", "bias"),
    layer_norm_cases,
    (
        Slip("(u - mean_u - normal * mean_un)", "u",
             "You took mean and variance for constants: both depend on x, and each takes "
             "something away, mean(u) and x̂ mean(u x̂)."),
        Slip("(u - mean_u - normal * mean_un)", "(u - normal * mean_un)",
             "You forgot the mean's own gradient: μ depends on every x of the row, which takes "
             "mean(u) away."),
        Slip("(u - mean_u - normal * mean_un)", "(u - mean_u)",
             "You forgot the variance's own gradient: σ² depends on every x of the row, which "
             "takes x̂ mean(u x̂) away."),
        Slip("u = dy * weight", "u = dy",
             "You forgot γ: what arrives at x̂ is u = γ dy."),
        Slip("dx = r * (u - mean_u - normal * mean_un)", "dx = u - mean_u - normal * mean_un",
             "You forgot the factor r = 1/√(σ² + ε): x̂ is (x − μ) r."),
        Slip("mean_u = u.mean(axis=1, keepdims=True)", "mean_u = u.mean(axis=0, keepdims=True)",
             "You averaged over the wrong axis: mean and variance are each row's own (axis 1)."),
        Slip("mean_un = (u * normal).mean(axis=1, keepdims=True)", "mean_un = (u * normal).sum(axis=1, keepdims=True)",
             "You summed u x̂ where its mean belongs: the variance is a mean of D squares, which "
             "leaves 1/D."),
        Slip("mean_u = u.mean(axis=1, keepdims=True)", "mean_u = u.sum(axis=1, keepdims=True)",
             "You summed u where its mean belongs: μ is a mean of D numbers, which leaves 1/D."),
        Slip("- normal * mean_un", "- mean_un",
             "You forgot x̂ in the variance's part: how much σ² changes with an x depends on "
             "where it stands, so it is x̂ mean(u x̂)."),
        Slip("dweight = (dy * normal).sum(axis=0)", "dweight = (dy * x).sum(axis=0)",
             "You used the input where the normalised one belongs: γ multiplies x̂, so its "
             "gradient is Σ dy x̂."),
        Slip("dweight = (dy * normal).sum(axis=0)", "dweight = dy * normal",
             "You forgot the sum over the rows in dweight: every row used γ, and each use sends a "
             "gradient."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy",
             "You forgot the sum over the rows in dbias: every row used β, and each use sends a "
             "gradient."),
    ),
    (
        "First send dy back to x̂ (call it u = γ dy). Then on three ways from x̂ to x: directly, "
        "through μ, through σ².",
        "Through μ comes −mean(u). Through σ² comes −x̂ mean(u x̂).",
        "All three have the factor r. dweight and dbias are sums over the rows, as in linear.",
    ),
    "layer_norm",
    lambda functional, x, weight, bias: functional.layer_norm(x, weight.shape, weight, bias),
)  # fmt: skip

# ---- rms norm ------------------------------------------------------------------------------------


def rms_norm(x, weight):
    """y = γ x r with r = 1 / √(mean(x²) + 10⁻⁵) of each row.    x (N, D), γ (D,) -> y (N, D)

    backward(dy) returns dx (N, D) and dweight (D,).
    """
    r = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
    y = x * r * weight

    def backward(dy):
        u = dy * weight
        mean_ux = (u * x).mean(axis=1, keepdims=True)
        dx = r * (u - x * r**2 * mean_ux)
        dweight = (dy * x * r).sum(axis=0)
        return dx, dweight

    return y, backward


def rms_norm_cases(draw):
    yield Case("three rows of five", {"x": draw.normal(3, 5), "weight": draw.normal(5)})
    yield Case("as many rows as columns", {"x": draw.normal(4, 4), "weight": draw.normal(4)})
    yield Case("large numbers", {"x": 1e3 * draw.normal(2, 4), "weight": draw.normal(4)})
    yield Case("rows of one number", {"x": draw.positive(3, 1), "weight": draw.normal(1)})


RMS_NORM = Exercise(
    rms_norm,
    "RMS norm: layer norm without the mean",
    "Zhang, Sennrich 2019, equation 4; LLaMA's (Touvron et al. 2023, section 2.2).",
    ("x", "weight"),
    rms_norm_cases,
    (
        Slip("(u - x * r**2 * mean_ux)", "u",
             "You took r for a constant: it depends on every x of the row, which takes x r² "
             "mean(u x) away."),
        Slip("x * r**2 * mean_ux", "x * mean_ux",
             "You forgot r² in the second term: the derivative of r = 1/√(m + ε) by m is −r³/2."),
        Slip("x * r**2 * mean_ux", "x * r * mean_ux",
             "You have r instead of r² in the second term: the derivative of r = 1/√(m + ε) by m "
             "is −r³/2, and one r stands in front already."),
        Slip("(u - x * r**2 * mean_ux)", "(u - u.mean(axis=1, keepdims=True) - x * r**2 * mean_ux)",
             "You subtracted the mean of u, which is layer norm's: here no mean was taken from x."),
        Slip("(u - x * r**2 * mean_ux)", "(u + x * r**2 * mean_ux)",
             "You have the second term's sign wrong: a larger x makes r smaller."),
        Slip("mean_ux = (u * x).mean(axis=1, keepdims=True)", "mean_ux = (u * x).sum(axis=1, keepdims=True)",
             "You summed u x where its mean belongs: r comes from a mean of D squares, which "
             "leaves 1/D."),
        Slip("dx = r * (u - x", "dx = (u - x",
             "You forgot the factor r in front: y is γ x r."),
        Slip("u = dy * weight", "u = dy",
             "You forgot γ: what arrives at x r is u = γ dy."),
        Slip("dweight = (dy * x * r).sum(axis=0)", "dweight = (dy * x).sum(axis=0)",
             "You used x where x r belongs: γ multiplies the normalised x, so its gradient is Σ "
             "dy x r."),
        Slip("dweight = (dy * x * r).sum(axis=0)", "dweight = dy * x * r",
             "You forgot the sum over the rows in dweight: every row used γ, and each use sends a "
             "gradient."),
    ),
    (
        "There are two ways from y back to x: directly, and through r.",
        "r depends on m = mean(x²); dr/dm = −r³/2 and dm/dx = 2x/D.",
        "dx is r times (u minus something proportional to x), with u = γ dy and the mean of u x "
        "in it.",
    ),
    "rms_norm",
    lambda functional, x, weight: functional.rms_norm(x, weight.shape, weight, 1e-5),
)  # fmt: skip
