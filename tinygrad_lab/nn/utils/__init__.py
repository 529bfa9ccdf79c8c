"""What is done to gradients between ``backward()`` and ``step()``, sequences of several lengths in one batch,
all parameters as one vector, activation checkpointing, and batches worked on in parts."""

from tinygrad_lab.nn.utils import rnn
from tinygrad_lab.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_
from tinygrad_lab.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from tinygrad_lab.nn.utils.parts import in_parts
from tinygrad_lab.nn.utils.recompute import recompute

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "in_parts", "parameters_to_vector", "recompute", "rnn",
    "vector_to_parameters",
]  # fmt: skip
