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
    ones,
    ones_like,
    rand,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from tinygrad_lab.gradients import grad
from tinygrad_lab.modes import detect_anomaly, no_grad
from tinygrad_lab.ops import (
    abs,
    bmm,
    cat,
    chunk,
    clamp,
    cos,
    cumsum,
    einsum,
    exp,
    flatten,
    flip,
    gather,
    index_select,
    log,
    log1p,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    outer,
    permute,
    prod,
    relu,
    reshape,
    roll,
    rsqrt,
    sigmoid,
    sin,
    softmax,
    split,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    sum,
    tanh,
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

__version__ = "0.1.0"

__all__ = [
    "Tensor", "abs", "arange", "bmm", "cat", "chunk", "clamp", "cos", "cumsum", "detect_anomaly", "einsum", "empty",
    "exp", "eye", "flatten", "flip", "from_numpy", "full", "full_like", "gather", "generator", "grad", "index_select",
    "log", "log1p", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "nn", "no_grad", "ones",
    "ones_like", "optim", "outer", "permute", "prod", "rand", "randn", "relu", "reshape", "roll", "rsqrt",
    "sigmoid", "sin", "softmax", "split", "sqrt", "square", "squeeze", "stack", "std", "sum", "tanh", "tensor",
    "transpose", "tril", "triu", "unbind", "unsqueeze", "var", "where", "zeros", "zeros_like",
]  # fmt: skip
