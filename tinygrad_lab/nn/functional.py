"""The fused operations under the names of torch.nn.functional."""

from typing import Any

from tinygrad_lab.ops import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    causal_conv1d,
    conv1d,
    conv2d,
    conv_transpose2d,
    cosine_similarity,
    cross_entropy,
    dropout,
    elu,
    embedding,
    forgetting_attention,
    gaussian_dropout,
    gelu,
    group_norm,
    gru,
    interpolate,
    kl_div,
    l1_loss,
    layer_norm,
    leaky_relu,
    linear,
    local_response_norm,
    log_softmax,
    logsigmoid,
    lstm,
    lstm_1997,
    masked_softmax,
    mish,
    mse_loss,
    nll_loss,
    normalize,
    one_hot,
    pad,
    pooling,
    relu,
    rms_norm,
    rnn,
    rotary_embedding,
    scaled_dot_product_attention,
    selective_scan,
    sigmoid,
    silu,
    smooth_l1_loss,
    softmax,
    softplus,
    swiglu,
    tanh,
)
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.windows import Pair
from tinygrad_lab.tensor import Tensor


@gated
def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """``tinygrad_lab.ops.max_pool2d``, and with ``return_indices`` where each maximum stands as well."""
    pool = pooling.max_pool2d_with_indices if return_indices else pooling.max_pool2d
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


__all__ = [
    "adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "causal_conv1d", "conv1d", "conv2d", "conv_transpose2d", "cosine_similarity", "cross_entropy", "dropout", "elu",
    "embedding", "forgetting_attention", "gaussian_dropout", "gelu", "group_norm", "gru", "interpolate", "kl_div",
    "l1_loss", "layer_norm", "leaky_relu", "linear", "local_response_norm", "log_softmax", "logsigmoid", "lstm",
    "lstm_1997", "masked_softmax", "max_pool2d", "mish", "mse_loss", "nll_loss", "normalize", "one_hot", "pad", "relu",
    "rms_norm", "rnn", "rotary_embedding", "scaled_dot_product_attention", "selective_scan", "sigmoid", "silu",
    "smooth_l1_loss", "softmax", "softplus", "swiglu", "tanh",
]  # fmt: skip
