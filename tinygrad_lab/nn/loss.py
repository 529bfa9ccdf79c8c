"""Losses as modules; a class or positive weight is a buffer, as in torch."""

from tinygrad_lab.nn.module import Module
from tinygrad_lab.ops import likelihoods
from tinygrad_lab.ops import losses as functional
from tinygrad_lab.ops.operation import Float, Int
from tinygrad_lab.tensor import Tensor

Loss = Float[Tensor, "..."]  # a scalar, or one value per item with reduction="none"


class MSELoss(Module):
    """(input - target)²"""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Loss:
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """|input - target|"""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Loss:
        return functional.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Module):
    """½ d² / beta where d = |input - target| < beta, else d - ½ beta"""

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__()
        self.reduction, self.beta = reduction, beta

    def forward(self, input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Loss:
        return likelihoods.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class BCELoss(Module):
    """Binary cross-entropy of probabilities; of logits, ``BCEWithLogitsLoss`` is the better one."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = reduction

    def forward(self, input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Loss:
        return likelihoods.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy of logits."""

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Loss:
        return functional.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class CrossEntropyLoss(Module):
    """Cross-entropy of logits (N, C, ...) and class indices (N, ...) or probabilities (N, C, ...)."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Float[Tensor, "..."], target: Int[Tensor, "..."] | Float[Tensor, "..."]) -> Loss:
        return functional.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Module):
    """-weight[t] input[t] of log-probabilities (N, C, ...) and class indices (N, ...)."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, input: Float[Tensor, "..."], target: Int[Tensor, "..."]) -> Loss:
        return likelihoods.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class KLDivLoss(Module):
    """t (log t - input) of log-probabilities and probabilities t; "batchmean" is the divergence itself."""

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__()
        self.reduction, self.log_target = reduction, log_target

    def forward(self, input: Float[Tensor, "..."], target: Float[Tensor, "..."]) -> Loss:
        return likelihoods.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
