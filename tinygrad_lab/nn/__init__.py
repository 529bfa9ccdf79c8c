"""Layers and models, with torch.nn's names."""

from tinygrad_lab.nn import functional, init, utils
from tinygrad_lab.nn.activation import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_lab.nn.attention import MultiheadAttention
from tinygrad_lab.nn.constraints import max_norm_
from tinygrad_lab.nn.container import ModuleDict, ModuleList, Sequential
from tinygrad_lab.nn.convolution import Conv2d, ConvTranspose2d
from tinygrad_lab.nn.dropout import Dropout, GaussianDropout
from tinygrad_lab.nn.linear import Flatten, Identity, Linear
from tinygrad_lab.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, LocalResponseNorm, RMSNorm
from tinygrad_lab.nn.pooling import AvgPool2d, MaxPool2d
from tinygrad_lab.nn.recurrent import LSTM, RNN, LSTMCell
from tinygrad_lab.nn.sparse import Embedding

__all__ = [
    "AvgPool2d", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv2d", "ConvTranspose2d", "CrossEntropyLoss",
    "Dropout", "Embedding", "Flatten", "GELU", "GaussianDropout", "Identity", "LSTM", "LSTMCell", "LayerNorm",
    "LeakyReLU", "Linear", "LocalResponseNorm", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "ModuleDict",
    "ModuleList", "MultiheadAttention", "Parameter", "RMSNorm", "RNN", "ReLU", "Sequential", "SiLU", "Sigmoid",
    "Softmax", "Softplus", "Tanh", "functional", "init", "max_norm_", "utils",
]  # fmt: skip
