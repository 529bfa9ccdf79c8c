"""Stochastic gradient descent, plain, with momentum, and Nesterov's."""

from __future__ import annotations

import numpy as np

from tinygrad_lab.optim.optimizer import Group, Optimizer, Params
from tinygrad_lab.tensor import Tensor


class SGD(Optimizer):
    """Goes down the gradient: w ← w − lr u, where u is the gradient g, or smoothed.

    With momentum μ and dampening τ:

        b ← μ b + (1 − τ) g  (b ← g in the first step),   u = b,  or Nesterov's  u = g + μ b.

    Args:
        params: parameters or groups.
        lr: learning rate.
        momentum: μ; 0 keeps no buffer.
        dampening: τ.
        weight_decay: λ; λ w is added to the gradient.
        nesterov: look ahead; needs momentum and no dampening.
        maximize: climb: the gradient counts with the other sign.
    """

    STATE = ("momentum_buffer",)

    def __init__(
        self,
        params: Params,
        lr: float | int = 1e-3,
        momentum: float | int = 0,
        dampening: float | int = 0,
        weight_decay: float | int = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**options, "nesterov": nesterov, "maximize": maximize})

    def _check_options(self, group: Group) -> None:
        super()._check_options(group)
        if group["momentum"] < 0:
            raise ValueError(f"SGD: momentum must be at least 0, got {group['momentum']}")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov needs a momentum above 0 and no dampening, "
                f"got momentum={group['momentum']}, dampening={group['dampening']}"
            )

    def _update(self, parameter: Tensor, group: Group) -> None:
        lr, momentum, decay = float(group["lr"]), float(group["momentum"]), float(group["weight_decay"])
        if not momentum:
            for w, g, work in self._blocks(parameter, decay=decay, maximize=group["maximize"]):
                w -= np.multiply(g, lr, out=work)
            return
        first = "momentum_buffer" not in self.state.get(parameter, {})
        fraction = 1.0 if first else 1.0 - group["dampening"]
        slots = self._slots(parameter, "momentum_buffer")
        for w, g, b, work in self._blocks(parameter, *slots, decay=decay, maximize=group["maximize"]):
            b *= momentum
            b += g if fraction == 1.0 else np.multiply(g, fraction, out=work)
            if group["nesterov"]:
                np.multiply(b, momentum, out=work)
                work += g
                work *= lr
            else:
                np.multiply(b, lr, out=work)
            w -= work
