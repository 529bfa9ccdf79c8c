"""The optimiser of the paper's released code: Adam without the correction of its first steps, and decoupled decay."""

import numpy as np

from tinygrad_lab import Tensor, nn, optim
from tinygrad_lab.optim.optimizer import Group, Params


class BertAdam(optim.Optimizer):
    """m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  w ← w - lr (m / (√v + ε) + λ w).

    m and v start at zero and nothing makes up for it: the first steps are (1 - β₁) / √(1 - β₂), about three times, as
    long as Adam's, while the rate warms up.

    Args:
        params: parameters or groups.
        lr: learning rate.
        betas: β₁, β₂, both in [0, 1).
        eps: ε.
        weight_decay: λ.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _update(self, parameter: Tensor, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate, shrink = group["lr"], 1.0 - group["lr"] * group["weight_decay"]
        slots = self._slots(parameter, "exp_avg", "exp_avg_sq")
        for w, g, m, v, work in self._blocks(parameter, *slots):
            m += np.multiply(np.subtract(g, m, out=work), 1.0 - beta1, out=work)
            v *= beta2
            v += np.multiply(np.multiply(g, g, out=work), 1.0 - beta2, out=work)
            np.sqrt(v, out=work)
            work += group["eps"]
            np.divide(m, work, out=work)
            work *= rate
            w *= shrink
            w -= work


def parameter_groups(model: nn.Module, weight_decay: float) -> list[Group]:
    """All parameters but biases and those of normalisations decay."""
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        (others if "LayerNorm" in name or name.endswith("bias") else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
