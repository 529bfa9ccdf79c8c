"""Each operation of the engine as one writes it in PyTorch: a call, or the few lines that torch has no call for.

A function here has the name and the parameters of the engine's operation, and no backward: autograd makes that.  The
reader's pages show it beside the engine's two forms; a test holds both sides' values and gradients together.
"""

from . import layers, losses, pointwise, reducing, sequences, shaping

MODULES = (pointwise, shaping, reducing, layers, losses, sequences)
