"""A small reverse-mode automatic differentiation engine in NumPy, with torch's names.

from tinygrad_lab import tensor
x = tensor([1.0, 2.0], requires_grad=True)
(x * x).sum().backward()
x.grad  # tensor([2., 4.])
"""

from tinygrad_lab import nn, optim
from tinygrad_lab.creation import (
    arange,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    multinomial,
    ones,
    ones_like,
    rand,
    rand_like,
    randn,
    randn_like,
    tensor,
    zeros,
    zeros_like,
)
from tinygrad_lab.gradients import grad
from tinygrad_lab.modes import detect_anomaly, no_grad
from tinygrad_lab.ops import (
    abs,
    allclose,
    argsort,
    bmm,
    cat,
    ceil,
    chunk,
    clamp,
    cos,
    cumsum,
    einsum,
    equal,
    exp,
    flatten,
    flip,
    floor,
    floor_divide,
    gather,
    index_select,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    nonzero,
    outer,
    permute,
    prod,
    relu,
    remainder,
    reshape,
    roll,
    round,
    rsqrt,
    scatter,
    sigmoid,
    sign,
    sin,
    softmax,
    sort,
    split,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    sum,
    tanh,
    topk,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
    var,
    where,
)
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor

__version__ = "1.0.0"

__all__ = [
    "Tensor", "abs", "allclose", "arange", "argsort", "bmm", "cat", "ceil", "chunk", "clamp", "cos", "cumsum",
    "detect_anomaly", "einsum", "empty", "equal", "exp", "eye", "flatten", "flip", "floor", "floor_divide",
    "from_numpy", "full", "full_like", "gather", "generator", "grad", "index_select", "isfinite", "isinf", "isnan",
    "linspace", "log", "log10", "log1p", "log2", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum",
    "multinomial", "nn", "no_grad", "nonzero", "ones", "ones_like", "optim", "outer", "permute", "prod", "rand",
    "rand_like", "randn", "randn_like", "relu", "remainder", "reshape", "roll", "round", "rsqrt", "scatter", "sigmoid",
    "sign", "sin", "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sum", "tanh", "tensor",
    "topk", "transpose", "tril", "triu", "unbind", "unsqueeze", "var", "where", "zeros", "zeros_like",
]  # fmt: skip
