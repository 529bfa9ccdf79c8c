"""The fused operations under the names of torch.nn.functional."""

from tinygrad_lab.ops import (
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    embedding,
    gaussian_dropout,
    gelu,
    l1_loss,
    layer_norm,
    leaky_relu,
    linear,
    local_response_norm,
    log_softmax,
    logsigmoid,
    masked_softmax,
    max_pool2d,
    mse_loss,
    pad,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)

__all__ = [
    "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits", "conv2d", "conv_transpose2d", "cross_entropy",
    "dropout", "embedding", "gaussian_dropout", "gelu", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "local_response_norm", "log_softmax", "logsigmoid", "masked_softmax", "max_pool2d", "mse_loss", "pad", "relu",
    "sigmoid", "silu", "softmax", "softplus", "tanh",
]  # fmt: skip
