"""Layers and models, with torch.nn's names."""

from tinygrad_lab.nn import functional, init, utils
from tinygrad_lab.nn.activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_lab.nn.attention import MultiheadAttention
from tinygrad_lab.nn.cells import GRUCell, RNNCell
from tinygrad_lab.nn.constraints import max_norm_
from tinygrad_lab.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from tinygrad_lab.nn.convolution import Conv1d, Conv2d, ConvTranspose2d
from tinygrad_lab.nn.dropout import Dropout, GaussianDropout
from tinygrad_lab.nn.gru import GRU
from tinygrad_lab.nn.linear import Flatten, Identity, Linear
from tinygrad_lab.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.nn.normalization import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from tinygrad_lab.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from tinygrad_lab.nn.recurrent import LSTM, RNN, LSTMCell
from tinygrad_lab.nn.sparse import Embedding
from tinygrad_lab.nn.upsampling import Upsample

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d",
    "ConvTranspose2d", "CrossEntropyLoss", "Dropout", "ELU", "Embedding", "Flatten", "GELU", "GRU", "GRUCell",
    "GaussianDropout", "GroupNorm", "Identity", "KLDivLoss", "L1Loss", "LSTM", "LSTMCell", "LayerNorm", "LeakyReLU",
    "Linear", "LocalResponseNorm", "LogSoftmax", "MSELoss", "MaxPool2d", "Mish", "Module", "ModuleDict", "ModuleList",
    "MultiheadAttention", "NLLLoss", "Parameter", "ParameterList", "RMSNorm", "RNN", "RNNCell", "ReLU", "Sequential",
    "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus", "Tanh", "Upsample", "functional", "init", "max_norm_",
    "utils",
]  # fmt: skip
