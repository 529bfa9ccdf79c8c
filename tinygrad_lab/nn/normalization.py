"""Layer, root mean square, batch and local response normalisation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.ops.group_norm import group_norm
from tinygrad_lab.ops.local_response_norm import local_response_norm
from tinygrad_lab.ops.normalization import batch_norm, layer_norm
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.ops.rms_norm import rms_norm
from tinygrad_lab.tensor import Tensor


class LayerNorm(Module):
    """Each item normalised over its trailing axes.

    Args:
        normalized_shape: sizes of those axes; a number stands for the last axis.
        eps: added to the variance.
        elementwise_affine: whether there are parameters.
        bias: whether a bias is among them.
        dtype: of the parameters.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = sizes
        self.eps = eps
        self.register_parameter("weight", Parameter(np.ones(sizes, dtype)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(np.zeros(sizes, dtype)) if elementwise_affine and bias else None)

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class RMSNorm(Module):
    """Each item divided by its root mean square over its trailing axes.

    Args:
        normalized_shape: sizes of those axes; a number stands for the last axis.
        eps: added to the mean square; None for the dtype's machine epsilon.
        elementwise_affine: whether there is a weight.
        dtype: of the weight.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = sizes
        self.eps = eps
        self.register_parameter("weight", Parameter(np.ones(sizes, dtype)) if elementwise_affine else None)

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class _BatchNorm(Module):
    """Each channel normalised over the batch: by the batch's statistics in training, by running ones in evaluation.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None for the average of all batches so far.
        affine: whether there are parameters.
        track_running_stats: without running statistics the batch's are used in evaluation too.
        bias: whether there is a shift among the parameters.
        dtype: of parameters and statistics.
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    ndims: tuple[int, ...]  # allowed numbers of axes of the input

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        track = track_running_stats
        self.register_parameter("weight", Parameter(np.ones(num_features, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(np.zeros(num_features, dtype)) if affine and bias else None)
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, dtype)) if track else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features, dtype)) if track else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if track else None)

    def forward(self, input: Float[Tensor, "n c *positions"]) -> Float[Tensor, "n c *positions"]:
        if input.ndim not in self.ndims:
            raise ValueError(f"{type(self).__name__}: input has shape {input.shape}, it must have {self._axes()} axes")
        momentum = self.momentum or 0.0
        if self.training and self.num_batches_tracked is not None:
            count = self.num_batches_tracked.writable()
            count += 1
            if self.momentum is None:
                momentum = 1 / int(count)
        statistics = self.running_mean, self.running_var
        by_batch = self.training or self.running_mean is None
        return batch_norm(input, *statistics, self.weight, self.bias, by_batch, momentum, self.eps)

    def _axes(self) -> str:
        return " or ".join(str(ndim) for ndim in self.ndims)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}"


class BatchNorm1d(_BatchNorm):
    __doc__ = f"(N, C) or (N, C, L).  {_BatchNorm.__doc__}"

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"(N, C, H, W).  {_BatchNorm.__doc__}"

    ndims = (4,)


class GroupNorm(Module):
    """Each item normalised over groups of its channels.    (N, C, *) -> (N, C, *)

    Args:
        num_groups: number of groups; divides the channels.
        num_channels: C.
        eps: added to the variance.
        affine: whether there are parameters, one pair per channel.
        dtype: of the parameters.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = np.float32
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups must divide num_channels {num_channels}, got {num_groups}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", Parameter(np.ones(num_channels, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(np.zeros(num_channels, dtype)) if affine else None)

    def forward(self, input: Float[Tensor, "n c *positions"]) -> Float[Tensor, "n c *positions"]:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """Each channel divided by the activity of its neighbours.    (N, C, *) -> (N, C, *); no parameters.

    Arguments as ``local_response_norm``; the settings of Krizhevsky 2012 are ``(5, alpha=5e-4, beta=0.75, k=2.0)``.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Float[Tensor, "n c *positions"]) -> Float[Tensor, "n c *positions"]:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
