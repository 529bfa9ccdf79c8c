# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Gradient-Based Learning Applied to Document Recognition (1998)
#
# Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proceedings of the IEEE 86(11):2278-2324.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/lenet/README.md), and in the two models themselves:
# [NumPy](../papers/lenet/model.py), [PyTorch](../reference/lenet/model.py).

# %% [markdown]
# ## The idea
#
# A unit that looks at a small patch of the image, and is used again at every position with the same weights, finds the
# same stroke wherever it stands. Layers of such units, each followed by a layer that halves the resolution, turn 32 × 32
# pixels into 84 numbers that hardly change when the digit moves a little. All weights are learned together by gradient
# descent. The answer is read off by comparing the 84 numbers with ten fixed 7 × 12 drawings of the digits.

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

from papers.lenet import data
from papers.lenet import model as parts
from papers.lenet.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["1998"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/lenet/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.Convolution)

# %%
source(parts.PartialConvolution)

# %%
source(parts.Subsampling)

# %%
source(parts.RBF)

# %%
source(parts.LeNet5)

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
# agree to about six digits; `tinygrad-lab parity lenet` compares everything, in float64 too.

# %%
import torch

from reference.lenet import model as other_parts
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
# The loop of `papers/lenet/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.lenet.model import loss
from papers.lenet.train import configure_optimizer

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
# What the committed results say; `tinygrad-lab claims lenet` measures them anew.
#
# ![Test errors of all methods, ours and the paper's](../papers/lenet/study/results/methods.png)
#
# Errors go from 7.36 % to 0.80 %. Filled marks are ours, with intervals over seeds, hollow ones the paper's; the whole
# interval lies below the paper's number for: linear classifier, 784-300-10, LeNet-1.
#
# ![Test errors by pass, and the loss curves of both sides](../papers/lenet/study/results/errors.png)
#
# Left: LeNet-5 has 2.76 % after the first pass and 0.97 % after the last; with distorted images 3.00 % and 0.80 %.
# Right: on the embedded digits PyTorch, the dashed curve, starts from the engine's weights and sees its batches; of the
# losses drawn no two differ by more than 2.6e-05.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step lenet --quiz` asks you for every gradient.
# - `tinygrad-lab train lenet` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `modern`: another name in `VARIANTS[...]` above.
