"""Containers: order, torch's keys, list and dictionary behaviour."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tinygrad_lab.nn.activation import ReLU, Tanh
from tinygrad_lab.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from tinygrad_lab.nn.linear import Linear
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.tensor import Tensor


def keys(module: Module) -> list[str]:
    return list(module.state_dict())


def test_sequential_equals_torch() -> None:
    nn = torch.nn
    assert_twins(
        Sequential(Linear(4, 3), ReLU(), Sequential(Linear(3, 2), Tanh())),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2), nn.Tanh())),
        (5, 4),
    )


def test_sequential_by_name_and_by_position() -> None:
    named = Sequential({"first": Linear(4, 3), "second": Linear(3, 2)})
    assert keys(named) == ["first.weight", "first.bias", "second.weight", "second.bias"]
    plain = Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
    assert keys(plain[1:]) == ["2.weight", "2.bias"]
    assert plain[-1].out_features == 2
    assert [type(child).__name__ for child in plain] == ["Linear", "ReLU", "Linear"]
    assert len(plain.append(Tanh())) == 4
    plain[-1] = ReLU()
    assert len(plain) == 4
    assert isinstance(plain[3], ReLU)
    with pytest.raises(IndexError):
        plain[4]


def test_module_list() -> None:
    layers = ModuleList(Linear(2, 2) for _ in range(3))
    assert keys(layers) == [f"{i}.{name}" for i in range(3) for name in ("weight", "bias")]
    assert keys(layers[1:]) == keys(layers)[:4]
    assert layers[1:][0] is layers[1]
    assert len(layers.extend([ReLU(), ReLU()])) == 5
    with pytest.raises(TypeError, match="ModuleList defines no forward"):
        layers(Tensor(np.ones(2)))


def test_module_dict() -> None:
    layers = ModuleDict({"a": Linear(2, 3), "b": ReLU()})
    layers["c"] = Linear(3, 1)
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"]
    assert keys(layers) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    assert "b" in layers
    assert len(layers) == 3
    assert dict(layers.items())["c"] is layers["c"] is list(layers.values())[2]
    with pytest.raises(KeyError, match="'keys' is an attribute of every ModuleDict"):
        layers["keys"] = ReLU()


def test_parameter_list_has_torchs_keys_and_behaves_as_a_list(unchecked_shapes: None) -> None:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.scales = ParameterList([Parameter(np.ones(2)), Tensor(np.ones(3))])

    net = Net()
    assert keys(net) == ["scales.0", "scales.1"]
    scales = net.scales.append(Tensor(np.ones(1)))
    assert scales is net.scales
    assert [len(scale) for scale in scales] == [2, 3, 1]
    assert len(scales) == 3
    assert all(isinstance(scale, Parameter) for scale in scales)
    assert scales[-1].requires_grad
    assert [len(scale) for scale in scales[:2]] == [2, 3]
    scales[-1] = Tensor(np.ones(7))
    assert keys(net) == ["scales.0", "scales.1", "scales.2"]
    assert len(scales[2]) == 7
    with pytest.raises(TypeError, match="ParameterList: must hold tensors, got float"):
        scales.append(1.0)


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_no_module_is_refused_and_not_left_out() -> None:
    layer = Linear(2, 2)
    with pytest.raises(TypeError, match=r"Sequential: what stands at 0 must be a Module, got list: write \*modules"):
        Sequential([layer])
    with pytest.raises(TypeError, match=r"what stands at 1 must be a Module, got the class ReLU: make one, ReLU\(\)"):
        Sequential(layer, ReLU)
    with pytest.raises(TypeError, match="ModuleList: what stands at 0 must be a Module, got function"):
        ModuleList([lambda x: x])
    with pytest.raises(TypeError, match="ModuleDict: what stands at 'a' must be a Module, got Parameter"):
        ModuleDict()["a"] = Parameter([1.0])
    with pytest.raises(TypeError, match="must be a Module"):
        Sequential(layer)[0] = 3
