"""Activations imposed on the other side: values are taken over, gradients flow, and choices agree at near ties."""

import numpy as np
import torch

from tinygrad_lab import Tensor, nn
from tinygrad_lab.lab.activations import imposed, recorded
from tinygrad_lab.nn import functional as F


class Ours(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer(x)) + F.relu(self.layer(2 * x))


class Theirs(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F_torch.relu(self.layer(x)) + F_torch.relu(self.layer(2 * x))


F_torch = torch.nn.functional


def pair(shift: float) -> tuple[Ours, Theirs]:
    """The same weights, and biases that differ by ``shift``."""
    ours, theirs = Ours().double(), Theirs().double()
    weights = {"layer.weight": np.eye(2), "layer.bias": np.array([0.0, 1.0])}
    ours.load_state_dict(weights)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    with torch.no_grad():
        theirs.layer.bias += shift
    return ours, theirs


def test_every_call_of_a_module_is_recorded_in_order() -> None:
    ours, _ = pair(0.0)
    with recorded(ours, lambda tensor: tensor.numpy().copy()) as record:
        ours(Tensor([[1.0, 2.0]], np.float64))
    assert [array.tolist() for array in record["layer"]] == [[[1.0, 3.0]], [[2.0, 5.0]]]
    assert record[""][0].tolist() == [[3.0, 8.0]]
    ours(Tensor([[1.0, 2.0]], np.float64))
    assert len(record["layer"]) == 2  # nothing after the block


def test_a_unit_that_rounding_put_on_the_other_side_of_zero_decides_alike() -> None:
    """The first unit of the engine is at -1e-12 and torch's at +1e-12: gradient 0, or the whole incoming one."""
    ours, theirs = pair(2e-12)
    x = [[-1e-12, 2.0]]
    with recorded(ours, lambda tensor: tensor.numpy().copy()) as record:
        ours(Tensor(x, np.float64)).sum().backward()
    expected = ours.layer.bias.grad.numpy()
    theirs(torch.tensor(x).double()).sum().backward()
    alone = theirs.layer.bias.grad.numpy().copy()
    theirs.zero_grad()
    with imposed(theirs, record):
        output = theirs(torch.tensor(x).double())
        output.sum().backward()
    assert alone[0] != expected[0]
    np.testing.assert_array_equal(theirs.layer.bias.grad.numpy(), expected)
    np.testing.assert_array_equal(output.detach().numpy(), record[""][0])
    assert theirs.layer(torch.zeros(1, 2).double())[0, 0].item() == theirs.layer.bias[0].item()  # nothing after it
