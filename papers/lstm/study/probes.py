"""How much of an error at the end of a sequence reaches each earlier step: the gradient norm by time lag."""

from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad, stack
from tinygrad_lab.nn import functional as F

from ..model import AddingModel, Network


def error_by_lag(model: Network, batch: dict[str, Any]) -> dict[str, list[float]]:
    """|d loss_T / d h_{T-k}| for k = 0, 1, ... and the same for c where there are cells; means over the batch.

    The first layer is run step by step with the cell written out, so that every state is a node of the graph whose
    gradient can be kept. The gradient of h_{T-k} leaves out what c_{T-k} carries on its own, and the other way round.

    Args:
        model: of one layer.
        batch: tensors; of the adding problem only the longest sequences take part, so that all end at the same step.
    """
    model.eval()
    states = states_of(model, batch["sequence"])
    last_loss(model, model.output(stack([state[0] for state in states])), batch).backward()
    names = ("h", "c")[: len(states[0])]
    return {name: [norm(state[part]) for state in reversed(states)] for part, name in enumerate(names)}


def states_of(model: Network, sequence: Tensor) -> list[tuple[Tensor, ...]]:
    """The state after every step, each keeping its gradient."""
    layer, inputs = model.layers[0], model.encode(sequence.transpose(0, 1))
    state, states = layer.zero_state(inputs), []
    for x in inputs:
        state = layer.step(x, state)
        for part in state:
            part.retain_grad()
        states.append(state)
    return states


def last_loss(model: Network, output: Tensor, batch: Any) -> Tensor:
    """The loss of what is predicted at the last step, summed over the batch."""
    if isinstance(model, AddingModel):
        return model.loss(output, batch)
    return F.cross_entropy(output[-1], batch["target"][:, -1], reduction="sum")


def kept_by_cell(model: Network, sequence: Tensor) -> list[float]:
    """The share of its state that each cell of 2000 keeps in a step: its forget gate's geometric mean, sorted."""
    layer, inputs = model.layers[0], model.encode(sequence.transpose(0, 1))
    state, logarithms = layer.zero_state(inputs), []
    with no_grad():
        for x in inputs:
            forget = layer.net(x, state[0])[1]
            logarithms.append(np.log(forget.sigmoid().numpy()).mean(axis=0))
            state = layer.step(x, state)
    return sorted(np.exp(np.mean(logarithms, axis=0)).tolist())


def largest_eigenvalue(model: Network) -> float:
    """The largest absolute eigenvalue of the weights from h to h: above 1, they let a gradient grow."""
    return float(np.abs(np.linalg.eigvals(model.layers[0].weight_hh_l0.numpy())).max())


def norm(state: Tensor) -> float:
    """The length of each sequence's gradient, mean over the batch.    (B, H) -> ()"""
    if state.grad is None:  # the state of the cells after the last step goes nowhere else
        return 0.0
    return float(np.sqrt((state.grad.numpy() ** 2).sum(axis=1)).mean())
