"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019)."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lab.optim.optimizer import Group, Optimizer, Params
from tinygrad_lab.tensor import Tensor


class Adam(Optimizer):
    """Divides a running mean of the gradient by the root of a running mean of its square.

    In step t, with gradient g:

        m ← β₁ m + (1 − β₁) g      v ← β₂ v + (1 − β₂) g²
        w ← w − lr m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    Args:
        params: parameters or groups.
        lr: learning rate.
        betas: β₁, β₂, both in [0, 1).
        eps: ε.
        weight_decay: λ; λ w is added to the gradient.
        amsgrad: divide by the largest v̂ so far (Reddi et al. 2018).
        maximize: climb: the gradient counts with the other sign.
    """

    STATE = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    decoupled = False  # whether weight decay is no part of the gradient

    def __init__(
        self,
        params: Params,
        lr: float | int = 1e-3,
        betas: tuple[float | int, float | int] = (0.9, 0.999),
        eps: float | int = 1e-8,
        weight_decay: float | int = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "amsgrad": amsgrad, "maximize": maximize})

    def _check_options(self, group: Group) -> None:
        super()._check_options(group)
        if not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(f"{type(self).__name__}: betas must be in [0, 1), got {group['betas']}")
        if group["eps"] < 0:
            raise ValueError(f"{type(self).__name__}: eps must be at least 0, got {group['eps']}")
        if group.get("decoupled_weight_decay", self.decoupled) != self.decoupled:  # torch writes it into the state
            raise ValueError(
                f"{type(self).__name__}: decoupled_weight_decay is {not self.decoupled} in this state, "
                f"it is that of {'Adam' if self.decoupled else 'AdamW'}"
            )

    def _needed(self, group: Group) -> list[str]:
        return ["step", "exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]

    def _update(self, parameter: Tensor, group: Group) -> None:
        self._adam(parameter, group, decay=float(group["weight_decay"]), shrink=1.0)

    def _adam(self, parameter: Tensor, group: Group, decay: float, shrink: float) -> None:
        step = self._count(parameter)
        beta1, beta2 = group["betas"]
        # m̂ / (√v̂ + ε) = (c / (1 − β₁ᵗ)) m / (√v + c ε) with c = √(1 − β₂ᵗ): one pass less
        correction = math.sqrt(1.0 - beta2**step)
        rate = group["lr"] * correction / (1.0 - beta1**step)
        eps = group["eps"] * correction
        slots = self._slots(parameter, *self._needed(group)[1:])
        for w, g, m, v, *largest, work in self._blocks(parameter, *slots, decay=decay, maximize=group["maximize"]):
            if shrink != 1.0:
                w *= shrink
            m += np.multiply(np.subtract(g, m, out=work), 1.0 - beta1, out=work)
            v *= beta2
            v += np.multiply(np.multiply(g, g, out=work), 1.0 - beta2, out=work)
            np.sqrt(np.maximum(largest[0], v, out=largest[0]) if largest else v, out=work)
            work += eps
            np.divide(m, work, out=work)
            work *= rate
            w -= work


class AdamW(Adam):
    """Adam whose weight decay λ is no part of the gradient: first w ← (1 − lr λ) w, then Adam's step.

    Args:
        params: parameters or groups.
        lr: learning rate.
        betas: β₁, β₂, both in [0, 1).
        eps: ε.
        weight_decay: λ.
        amsgrad, maximize: as in ``Adam``.
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float | int = 1e-3,
        betas: tuple[float | int, float | int] = (0.9, 0.999),
        eps: float | int = 1e-8,
        weight_decay: float | int = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def _update(self, parameter: Tensor, group: Group) -> None:
        self._adam(parameter, group, decay=0.0, shrink=1.0 - float(group["lr"] * group["weight_decay"]))
