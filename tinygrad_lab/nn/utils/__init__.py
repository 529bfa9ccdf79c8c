"""What is done to gradients between ``backward()`` and ``step()``, and sequences of several lengths in one batch."""

from tinygrad_lab.nn.utils import rnn
from tinygrad_lab.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_", "rnn"]
