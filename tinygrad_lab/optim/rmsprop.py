"""RMSprop (Hinton's lecture 6e, 2012), plain and centred, with optional momentum."""

from __future__ import annotations

import numpy as np

from tinygrad_lab.optim.optimizer import Group, Optimizer, Params
from tinygrad_lab.tensor import Tensor


class RMSprop(Optimizer):
    """Divides the gradient by the root of a running mean of its square.

    With gradient g:

        v ← α v + (1 − α) g²       w ← w − lr u,   u = g / (√v + ε)

    ``centered`` keeps a mean a ← α a + (1 − α) g as well and takes √(v − a²); momentum μ steps by b ← μ b + u.

    Args:
        params: parameters or groups.
        lr: learning rate.
        alpha: α, the smoothing constant.
        eps: ε.
        weight_decay: λ; λ w is added to the gradient.
        momentum: μ; 0 keeps no buffer.
        centered: divide by the estimated standard deviation, not by the root of the second moment.
        maximize: climb: the gradient counts with the other sign.
    """

    STATE = ("step", "square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Params,
        lr: float | int = 1e-2,
        alpha: float | int = 0.99,
        eps: float | int = 1e-8,
        weight_decay: float | int = 0,
        momentum: float | int = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "momentum": momentum, "centered": centered, "maximize": maximize})

    def _check_options(self, group: Group) -> None:
        super()._check_options(group)
        for name in ("alpha", "eps", "momentum"):
            if group[name] < 0:
                raise ValueError(f"RMSprop: {name} must be at least 0, got {group[name]}")

    def _needed(self, group: Group) -> list[str]:
        centred = ["grad_avg"] if group["centered"] else []
        return ["square_avg", *centred, *(["momentum_buffer"] if group["momentum"] else [])]

    def _update(self, parameter: Tensor, group: Group) -> None:
        lr, alpha, eps, momentum = (float(group[name]) for name in ("lr", "alpha", "eps", "momentum"))
        slots, decay = self._slots(parameter, *self._needed(group)), float(group["weight_decay"])
        self._count(parameter)
        for w, g, v, *optional, work in self._blocks(parameter, *slots, decay=decay, maximize=group["maximize"]):
            v *= alpha
            v += np.multiply(np.multiply(g, g, out=work), 1.0 - alpha, out=work)
            if group["centered"]:
                a = optional[0]
                a += np.multiply(np.subtract(g, a, out=work), 1.0 - alpha, out=work)
                np.subtract(v, np.multiply(a, a, out=work), out=work)
                np.sqrt(work, out=work)
            else:
                np.sqrt(v, out=work)
            work += eps
            np.divide(g, work, out=work)
            if momentum:
                b = optional[-1]
                b *= momentum
                b += work
                np.multiply(b, lr, out=work)
            else:
                work *= lr
            w -= work
