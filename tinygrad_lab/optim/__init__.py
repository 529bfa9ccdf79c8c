"""Optimisers and learning rate schedules, with torch.optim's names."""

from tinygrad_lab.optim import lr_scheduler
from tinygrad_lab.optim.adam import Adam, AdamW
from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.optim.rmsprop import RMSprop
from tinygrad_lab.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
