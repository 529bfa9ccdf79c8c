"""Every operation on Tensors, one family per file; importing this package puts the methods on Tensor."""

from tinygrad_lab.ops import methods as methods
from tinygrad_lab.ops.activation import elu, gelu, leaky_relu, logsigmoid, mish, relu, sigmoid, silu, softplus, tanh
from tinygrad_lab.ops.adaptive_pooling import adaptive_avg_pool2d
from tinygrad_lab.ops.attention import scaled_dot_product_attention
from tinygrad_lab.ops.causal_conv1d import causal_conv1d
from tinygrad_lab.ops.contraction import bmm, einsum, matmul, outer
from tinygrad_lab.ops.conv1d import conv1d
from tinygrad_lab.ops.convolution import conv2d, conv_transpose2d
from tinygrad_lab.ops.dropout import dropout, gaussian_dropout
from tinygrad_lab.ops.elementwise import (
    abs,
    add,
    clamp,
    cos,
    divide,
    exp,
    expm1,
    log,
    log1p,
    masked_fill,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    reciprocal,
    rsqrt,
    sin,
    sqrt,
    square,
    subtract,
    where,
)
from tinygrad_lab.ops.embedding import embedding
from tinygrad_lab.ops.forgetting_attention import forgetting_attention
from tinygrad_lab.ops.group_norm import group_norm
from tinygrad_lab.ops.gru import gru
from tinygrad_lab.ops.indexing import (
    gather,
    index_add,
    index_select,
    nonzero,
    one_hot,
    scatter,
    scatter_add,
    take_along_dim,
)
from tinygrad_lab.ops.interpolation import interpolate
from tinygrad_lab.ops.likelihoods import binary_cross_entropy, kl_div, nll_loss, smooth_l1_loss
from tinygrad_lab.ops.linear import linear
from tinygrad_lab.ops.local_response_norm import local_response_norm
from tinygrad_lab.ops.losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss
from tinygrad_lab.ops.lstm import lstm, lstm_1997
from tinygrad_lab.ops.normalization import batch_norm, layer_norm
from tinygrad_lab.ops.packing import pack, unpack
from tinygrad_lab.ops.padding import pad
from tinygrad_lab.ops.pooling import avg_pool2d, max_pool2d
from tinygrad_lab.ops.queries import allclose, equal, isfinite, isinf, isnan
from tinygrad_lab.ops.reductions import amax, amin, cumsum, logsumexp, max, mean, min, norm, prod, std, sum, var
from tinygrad_lab.ops.rms_norm import rms_norm
from tinygrad_lab.ops.rnn import rnn
from tinygrad_lab.ops.rotary import rotary_embedding
from tinygrad_lab.ops.rounding import ceil, floor, floor_divide, log2, log10, remainder, round, sign
from tinygrad_lab.ops.selective_scan import selective_scan
from tinygrad_lab.ops.shapes import (
    cat,
    chunk,
    expand,
    flatten,
    flip,
    permute,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from tinygrad_lab.ops.similarity import cosine_similarity, normalize
from tinygrad_lab.ops.softmax import log_softmax, masked_softmax, softmax
from tinygrad_lab.ops.sorting import argsort, sort, topk
from tinygrad_lab.ops.swiglu import swiglu

__all__ = [
    "abs", "adaptive_avg_pool2d", "add", "allclose", "amax", "amin", "argsort", "avg_pool2d", "batch_norm",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "bmm", "cat", "causal_conv1d", "ceil", "chunk", "clamp",
    "conv1d", "conv2d", "conv_transpose2d", "cos", "cosine_similarity", "cross_entropy", "cumsum", "divide", "dropout",
    "einsum", "elu", "embedding", "equal", "exp", "expand", "expm1", "flatten", "flip", "floor", "floor_divide",
    "forgetting_attention", "gather", "gaussian_dropout", "gelu", "group_norm", "gru", "index_add", "index_select",
    "interpolate", "isfinite", "isinf", "isnan", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "local_response_norm", "log", "log10", "log1p", "log2", "log_softmax", "logsigmoid", "logsumexp", "lstm",
    "lstm_1997", "masked_fill", "masked_softmax", "matmul", "max", "max_pool2d", "maximum", "mean", "min", "minimum",
    "mish", "mse_loss", "multiply", "negative", "nll_loss", "nonzero", "norm", "normalize", "one_hot", "outer", "pack",
    "pad", "permute", "power", "prod", "reciprocal", "relu", "remainder", "repeat", "reshape", "rms_norm", "rnn",
    "roll", "rotary_embedding", "round", "rsqrt", "scaled_dot_product_attention", "scatter", "scatter_add",
    "selective_scan", "sigmoid", "sign", "silu", "sin", "smooth_l1_loss", "softmax", "softplus", "sort", "split",
    "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swiglu", "take_along_dim", "tanh", "topk",
    "transpose", "tril", "triu", "unbind", "unpack", "unsqueeze", "var", "where",
]  # fmt: skip
