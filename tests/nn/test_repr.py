"""A layer shows what it was made with: what it prints, read as code, makes it again."""

from typing import Any

import pytest
import torch

from tinygrad_lab import nn
from tinygrad_lab.nn.module import Module

MADE: dict[str, tuple[tuple, dict[str, Any]]] = {
    "ReLU": ((), {}), "Sigmoid": ((), {}), "Tanh": ((), {}), "SiLU": ((), {}), "Mish": ((), {}),
    "LeakyReLU": ((0.3,), {}), "ELU": ((0.5,), {}), "GELU": (("tanh",), {}), "Softplus": ((2.0, 1.0), {}),
    "Softmax": ((1,), {}), "LogSoftmax": ((-1,), {}), "Linear": ((3, 4, False), {}), "Identity": ((), {}),
    "Flatten": ((0, 2), {}), "Dropout": ((0.3,), {}), "GaussianDropout": ((0.3,), {}),
    "LayerNorm": (((3, 4), 1e-3, False), {}), "RMSNorm": (((3,), 1e-3, False), {}),
    "GroupNorm": ((2, 4, 1e-3, False), {}),
    "BatchNorm1d": ((3, 1e-3, 0.2, False), {}), "BatchNorm2d": ((3, 1e-3, None, False), {}),
    "LocalResponseNorm": ((3, 0.1, 0.5, 2.0), {}), "MaxPool2d": ((3, 2, 1), {"ceil_mode": True}),
    "AvgPool2d": ((3, 2, 1, True, False), {}), "AdaptiveAvgPool2d": ((3,), {}), "Embedding": ((5, 3, 1), {}),
    "Conv1d": ((4, 6, 5, 2, 1, 3, 2, False), {}), "Conv2d": ((4, 6, (5, 3), 2, 1, 3, 2, False), {}),
    "ConvTranspose2d": ((4, 6, 5, 2, 1, 1, 2, False, 3), {}), "Upsample": (((4, 6),), {}),
    "RNN": ((2, 3, 2, "relu", False, True, 0.1, True), {}), "LSTM": ((2, 3, 2, False, True, 0.1, True), {}),
    "GRU": ((2, 3, 2, False, True, 0.1, True), {}), "RNNCell": ((2, 3, False), {}), "LSTMCell": ((2, 3, False), {}),
    "GRUCell": ((2, 3, False), {}),
}  # fmt: skip
AS_TORCHS = (
    "ReLU", "Sigmoid", "Tanh", "SiLU", "Mish", "LeakyReLU", "ELU", "GELU", "Softplus", "Softmax", "LogSoftmax",
    "Linear", "Identity", "Flatten", "RMSNorm", "LocalResponseNorm", "MaxPool2d", "AdaptiveAvgPool2d", "Embedding",
)  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_a_layer_prints_makes_it_again(name: str) -> None:
    args, options = MADE[name]
    layer = getattr(nn, name)(*args, **options)
    again = eval(repr(layer), vars(nn))
    assert type(again) is type(layer)
    assert repr(again) == repr(layer) != repr(Module())
    assert settings(again) == settings(layer)
    assert {n: v.shape for n, v in again.state_dict().items()} == {n: v.shape for n, v in layer.state_dict().items()}


def settings(layer: Module) -> dict[str, Any]:
    """The numbers, words and flags that it was made with."""
    return {name: value for name, value in vars(layer).items() if isinstance(value, int | float | str | tuple)}


@pytest.mark.parametrize("name", AS_TORCHS)
def test_it_prints_what_torch_prints(name: str) -> None:
    args, options = MADE[name]
    assert repr(getattr(nn, name)(*args, **options)) == repr(getattr(torch.nn, name)(*args, **options))


def test_every_layer_with_settings_of_its_own_is_among_them() -> None:
    known = {name: kind for name, kind in vars(nn).items() if isinstance(kind, type) and issubclass(kind, Module)}
    plain = {name for name, kind in known.items() if kind.extra_repr is Module.extra_repr}
    assert known.keys() - plain - MADE.keys() == {"MultiheadAttention"}  # which has a layer in it


def test_attention_prints_its_settings() -> None:
    printed = repr(nn.MultiheadAttention(6, 2, 0.1, batch_first=True)).splitlines()
    assert printed[1].strip() == "6, num_heads=2, dropout=0.1, batch_first=True"
