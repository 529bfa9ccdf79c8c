# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Long Short-Term Memory (1997)
#
# S. Hochreiter, J. Schmidhuber, Neural Computation 9(8):1735-1780.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/lstm/README.md), and in the two models themselves:
# [NumPy](../papers/lstm/model.py), [PyTorch](../reference/lstm/model.py).

# %% [markdown]
# ## The idea
#
# A recurrent network reads a sequence one step after the other and hands a state on. To learn that something at step 3
# matters at step 300, error has to travel 297 steps back, and at every one of them a plain network multiplies it by the
# same weights and by slopes below 1. It vanishes, or it explodes.
#
# The paper's answer is a cell $c$ with a connection to itself of weight exactly 1. Whatever is in it stays, and error that
# gets in goes back through time unchanged: the *constant error carousel*. Two gates guard the cell, each a number between
# 0 and 1 that depends on the input and on what the network just put out: the input gate decides what is written, the
# output gate what is shown.
#
# A cell of 1997 cannot empty itself: on a stream without end its state grows and grows. The *forget gate* of 2000 puts a
# factor on the self-connection, and that cell is what everyone calls LSTM today. It is not free: a gate that starts half
# open forgets half of its state at every step, and long lags are lost again unless its bias starts high.

# %% [markdown]
# ## The instance
#
# Every paper has three sizes. `tiny` is the same model with everything small, so that it runs in a moment.

# %%
import inspect
from itertools import repeat

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown

from papers.lstm import data
from papers.lstm import model as parts
from papers.lstm.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["2000"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/lstm/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.Layer)

# %%
source(parts.LSTM)

# %%
source(parts.Network)

# %%
source(parts.SymbolModel)

# %%
source(parts.loss)

# %% [markdown]
# ## A batch
#
# Batches are dictionaries of arrays, the same for both sides. These numbers are random. `count` is the denominator of
# the loss.

# %%
batch = data.example_batch(config, generator(0))
for name, value in batch.items():
    print(f"{name:10}", f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else value)


# %%
def tensors(batch):
    """The arrays of a batch as the engine's tensors, floating point numbers as float32."""
    arrays = {name: value for name, value in batch.items() if isinstance(value, np.ndarray)}
    return batch | {name: Tensor(a.astype(np.float32) if a.dtype.kind == "f" else a) for name, a in arrays.items()}


# %% [markdown]
# ## The shapes at each step
#
# A hook on every module notes what goes in and what comes out.


# %%
def shape(value):
    """The shapes of all tensors in a value."""
    if isinstance(value, tuple | list):
        return ", ".join(filter(None, map(shape, value)))
    return "×".join(map(str, value.shape)) or "scalar" if isinstance(value, Tensor) else ""


calls = {}


def watch(path):
    """Note the shapes of the first call, and how many there are."""

    def hook(module, given, made):
        calls.setdefault(path, []).append(f"{type(module).__name__:20} {shape(given):>24} -> {shape(made)}")

    return hook


hooks = [module.register_forward_hook(watch(path)) for path, module in model.named_modules()]
loss = parts.loss(model, tensors(batch))
for hook in hooks:
    hook.remove()
for path, noted in calls.items():
    print(f"{path or '(the whole)':20} {noted[0]}" + (f"   {len(noted)} times" if len(noted) > 1 else ""))
print("loss", loss.item())

# %% [markdown]
# ## Backwards
#
# One call, and every parameter has a gradient of its own shape.

# %%
loss.backward()
for name, parameter in model.named_parameters():
    size = "none" if parameter.grad is None else f"{np.linalg.norm(parameter.grad.numpy()):.3g}"
    print(f"{name:36} {shape(parameter):>14}   norm of the gradient {size}")

# %% [markdown]
# ## Step by step
#
# The same once more, recorded. Each step is an object: what went in, what came out, which line of the paper's code ran
# it; backwards also the rule, and what it adds to which gradient.

# %%
from tinygrad_lab.trace import record, trace

given = tensors(batch)
with record({name: value for name, value in given.items() if isinstance(value, Tensor)}, limit=50_000):
    loss = parts.loss(model, given)
steps = trace(loss)
for step in steps:
    if step.index < 4 or step.index >= len(steps) - 4:
        print(step)

# %%
steps[0]

# %%
steps[-1]

# %% [markdown]
# All of them, to click through with the mouse or the arrow keys (run the cell: the page is not saved in this file):

# %%
from tinygrad_lab.lab.stepping.embed import Page

Page(steps)

# %% [markdown]
# ## The other side
#
# The PyTorch model with the same weights, on the same batch, with the same noise where there is any. In float32 the two
# agree to about six digits; `tinygrad-lab parity lstm` compares everything, in float64 too.

# %%
import torch

from reference.lstm import model as other_parts
from tinygrad_lab.lab.noise import ReplayDraws
from tinygrad_lab.random import record_draws

other = other_parts.build(config)
other.load_state_dict({name: torch.tensor(value) for name, value in model.state_dict().items()})
other_batch = {name: torch.tensor(v.numpy()) if isinstance(v, Tensor) else v for name, v in tensors(batch).items()}

for parameter in model.parameters():
    parameter.grad = None
with record_draws() as draws:
    ours = parts.loss(model, tensors(batch))
ours.backward()
with ReplayDraws(draws):
    theirs = other_parts.loss(other, other_batch)
theirs.backward()
print("loss", ours.item(), theirs.item())

# %%
others = dict(other.named_parameters())
largest = max(float(abs(p.grad).max()) for p in others.values() if p.grad is not None)
for name, parameter in model.named_parameters():
    if parameter.grad is not None:
        apart = np.abs(parameter.grad.numpy() - others[name].grad.numpy()).max() / largest
        print(f"{name:36} {'the same' if apart == 0 else f'{-np.log10(apart):.1f} digits'}")
        assert apart < 1e-4

# %% [markdown]
# ## Learning
#
# The loop of `papers/lstm/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.lstm.model import loss
from papers.lstm.train import configure_optimizer
from tinygrad_lab import nn

STEPS = 100
model = parts.build(config, generator(0))
optimizer, scheduler = configure_optimizer(model, config, STEPS)
batches = repeat(tensors(batch), STEPS)
losses = []
for batch in batches:
    model.train()
    optimizer.zero_grad()  # 1. forget the last gradients
    value = loss(model, batch)  # 2. forward
    value.backward()  # 3. backward, and all gradients together no longer than the clip
    nn.utils.clip_grad_norm_(model.parameters(), model.clip)
    optimizer.step()  # 4. move the weights
    scheduler.step()  # 5. and the learning rate
    losses.append(value.item())
print(f"the loss of the first ten steps {np.mean(losses[:10]):.4g}, of the last ten {np.mean(losses[-10:]):.4g}")
assert np.mean(losses[-10:]) < np.mean(losses[:10])

# %%
figure, axes = plt.subplots(figsize=(6, 2.5))
axes.plot(losses)
_ = axes.set(xlabel="step", ylabel="loss", title="learning one batch by heart")

# %% [markdown]
# ## Trained for real
#
# What the committed results say; `tinygrad-lab claims lstm` measures them anew.
#
# ![gradient norm by steps before the end](../papers/lstm/study/results/gradients.png)
#
# In the adding problem the gradient in the cells of 1997 is, 50 steps back, 1 of what it is one step back before
# training and 1.5 after it, that in the plain network 2e-12 and 3e-11. In the last panel, trained on The Time Machine,
# the plain network keeps more of it than the LSTM up to 22 steps back, but the LSTM keeps 9.3e-06 of it over 60 steps
# and the plain network 2.8e-11 (medians over seeds): its forget gates leave 0.11 of the state a step to the middle one
# of the cells and 0.995 to the one that keeps most, which makes 0.76 in 60 steps; the largest eigenvalue of the plain
# network's recurrent weights is 3.87 after training.
#
# ![adding problem: error by sequences seen](../papers/lstm/study/results/adding.png)
#
# Of the lines of the cell of 1997 those of 8 of 8 trials end in a dot even at T = 1,000. Of the plain network's 0 of 10
# do at T = 20, and they end between 0.0071 and 0.0391, half of them below 0.0343; 0 of 10 do at T = 50, and they end
# between 0.0394 and 0.0395, half of them below 0.0394. The dotted line is at 0.0417.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step lstm --quiz` asks you for every gradient.
# - `tinygrad-lab train lstm` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `1997`, `rnn`, `adding`, `reber`: another name in `VARIANTS[...]` above.
