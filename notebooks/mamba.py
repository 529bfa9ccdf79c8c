# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Mamba: Linear-Time Sequence Modeling with Selective State Spaces (2023)
#
# A. Gu, T. Dao, arXiv 2312.00752.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/mamba/README.md), and in the two models themselves:
# [NumPy](../papers/mamba/model.py), [PyTorch](../reference/mamba/model.py).

# %% [markdown]
# ## The idea
#
# Attention keeps every token and compares each new one with all of them: nothing is lost, and every token costs more than
# the one before. A recurrence keeps a state of fixed size, so a token costs the same forever, but somebody has to decide
# what goes into that state.
#
# Linear state-space models had a recurrence whose rule is the same at all times. That makes it a convolution, which is fast
# to train, and it also means that the model cannot look at what a token *is*: it weighs tokens by how long ago they were. A
# noise token is stored like any other.
#
# Mamba's answer is *selection*. The step size $\Delta$, the input map $B$ and the output map $C$ are made from the current
# token. A large $\Delta$ forgets the state and writes the token into it; a $\Delta$ near zero leaves the state as it was, as
# if the token had not been there. The convolution is lost by that, and what makes up for it is a scan: the recurrence is run
# as it stands, its large states never leave the fast memory, and on the way back they are computed a second time.
#
# The rest is one kind of block, repeated: a projection, a convolution over four tokens, the scan, and a gate.

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

from papers.mamba import data
from papers.mamba import model as parts
from papers.mamba.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["s6"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/mamba/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.CausalConv1d)

# %%
source(parts.Mixer)

# %%
source(parts.SelectiveMixer)

# %%
source(parts.Block)

# %%
source(parts.Backbone)

# %%
source(parts.Mamba)

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
# agree to about six digits; `tinygrad-lab parity mamba` compares everything, in float64 too.

# %%
import torch

from reference.mamba import model as other_parts
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
# The loop of `papers/mamba/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.mamba.model import loss
from papers.mamba.train import configure_optimizer
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
# What the committed results say; `tinygrad-lab claims mamba` measures them anew.
#
# ![Both synthetic tasks](../papers/mamba/study/results/tasks.png)
#
# Numbers are medians over seeds. Left: copying, every seed a line that ends where it is solved; at the first look the
# selective networks copy 27.9 % and the time-invariant ones 18.5 %, at their last ones 98.8 % and 96.3 %. Right:
# induction heads by length; at the 32 tokens of training Mamba answers 100.0 % and rotary attention 100.0 %, at 8,192
# tokens Mamba 100.0 %, at 512 attention 8.2 %.
#
# ![Step sizes along a sequence, and by the distance from a token](../papers/mamba/study/results/step_sizes.png)
#
# In section 3.5 a large Δ lets a token in, and a small one passes it by. Left: one test sequence in the first network.
# Right: means over test sequences, of 5 networks, and here the medians over these. In block 1 Δ is 0.071 at a token, at
# most 0.261 one to three places after it, and 0.018 in noise further on; it is smaller at tokens than in noise in 1 of
# 5 networks. At tokens one network has more than the others together (2.558 of 2.977). At places after them one network
# has more than the others together (5.394 of 6.146). At noise one network has more than the others together (1.612 of
# 2.027). In block 2 Δ is 0.029 at a token, at most 0.029 one to three places after it, and 0.032 in noise further on;
# it is smaller at tokens than in noise in 1 of 5 networks. At tokens one network has more than the others together
# (1.875 of 2.026). At places after them one network has more than the others together (4.598 of 4.800). At noise one
# network has more than the others together (0.517 of 0.668). The convolution holds a token for three places more, and
# what to keep can also be told by B and C: Δ at the token itself need not be large.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step mamba --quiz` asks you for every gradient.
# - `tinygrad-lab train mamba` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `lti`, `copying`, `induction`: another name in `VARIANTS[...]` above.
