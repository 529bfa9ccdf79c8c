"""The fused operations under the names of torch.nn.functional."""

from typing import Any

from tinygrad_lab.ops import (
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    causal_conv1d,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    embedding,
    forgetting_attention,
    gaussian_dropout,
    gelu,
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
    mse_loss,
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
    softmax,
    softplus,
    swiglu,
    tanh,
)


def max_pool2d(*args: Any, return_indices: bool = False, **settings: Any) -> Any:
    """``tinygrad_lab.ops.max_pool2d``, and with ``return_indices`` where each maximum stands as well."""
    pool = pooling.max_pool2d_with_indices if return_indices else pooling.max_pool2d
    return pool(*args, **settings)


__all__ = [
    "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits", "causal_conv1d", "conv2d", "conv_transpose2d",
    "cross_entropy", "dropout", "embedding", "forgetting_attention", "gaussian_dropout", "gelu", "l1_loss",
    "layer_norm", "leaky_relu", "linear", "local_response_norm", "log_softmax", "logsigmoid", "lstm", "lstm_1997",
    "masked_softmax", "max_pool2d", "mse_loss", "pad", "relu", "rms_norm", "rnn", "rotary_embedding",
    "scaled_dot_product_attention", "selective_scan", "sigmoid", "silu", "softmax", "softplus", "swiglu", "tanh",
]  # fmt: skip
