# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # ImageNet Classification with Deep Convolutional Neural Networks (2012)
#
# A. Krizhevsky, I. Sutskever, G. E. Hinton, Advances in Neural Information Processing Systems 25.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/alexnet/README.md), and in the two models themselves:
# [NumPy](../papers/alexnet/model.py), [PyTorch](../reference/alexnet/model.py).

# %% [markdown]
# ## The idea
#
# Convolutional networks were fourteen years old, but small. This paper shows what happens when one is made as large as
# two graphics cards hold, sixty million weights, and is given 1.2 million photographs: it beats all hand-made features of
# its time by a wide margin.
#
# The size alone would not train, and would not generalise. Four additions make it work: **rectified units**, which do not
# saturate and therefore learn faster; **local response normalisation**, in which neighbouring maps compete; **overlapping
# pooling**; and, against overfitting, **dropout** together with crops, mirror images and colour shifts that turn each
# photograph into thousands.

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

from papers.alexnet import data
from papers.alexnet import model as parts
from papers.alexnet.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["2012"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/alexnet/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.LocalResponseNorm)

# %%
source(parts.AlexNet)

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
# agree to about six digits; `tinygrad-lab parity alexnet` compares everything, in float64 too.

# %%
import torch

from reference.alexnet import model as other_parts
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
# The loop of `papers/alexnet/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.alexnet.model import loss
from papers.alexnet.train import configure_optimizer

STEPS = 100
model = parts.build(config, generator(0))
optimizer, scheduler = configure_optimizer(model, config, STEPS)
batches = repeat(tensors(batch), STEPS)
losses = []
for batch in batches:
    model.train()
    optimizer.zero_grad()  # 1. forget the last gradients
    value = loss(model, batch)  # 2. forward
    value.backward()  # 3. backward
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
# What the committed results say; `tinygrad-lab claims alexnet` measures them anew.
#
# ![Training error by step: ReLU against tanh from two kinds of initial values](../papers/alexnet/study/results/speed.png)
#
# Solid lines are ReLUs, dashed ones tanh units, one a seed. Steps to the level of 25 %, the thin line: left, from the
# paper's initial values, relu after 100, 120, 130, 150, 120; tanh after over 300, over 300, over 300, over 300, over
# 300. Right, with initial weights tuned for each, relu after 100, 140, 250, 110, 130; tanh after 100, 100, 130, 120,
# 110.
#
# ![Training and test error of 6 networks](../papers/alexnet/study/results/arms.png)
#
# Of the test errors that of no-augmentation is the lowest, 23.49 %; standard has 26.28 %. From training to test error
# it is furthest for no-augmentation, 10.55 points; for standard 5.58.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step alexnet --quiz` asks you for every gradient.
# - `tinygrad-lab train alexnet` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `tanh`, `no-lrn`, `plain-pooling`, `no-dropout`: another name in `VARIANTS[...]` above.
