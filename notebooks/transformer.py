# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention Is All You Need (2017)
#
# A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. N. Gomez, Ł. Kaiser, I. Polosukhin, NIPS 2017, arXiv 1706.03762.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/transformer/README.md), and in the two models themselves:
# [NumPy](../papers/transformer/model.py), [PyTorch](../reference/transformer/model.py).

# %% [markdown]
# ## The idea
#
# A recurrent network reads word after word: what it knows of the first has passed through every step between, and no step
# can begin before the last has ended. Attention had been added to such networks to look back. Here nothing else is left.
# Every position of a sentence makes three vectors: a query, what it looks for; a key, what can be found at it; a value,
# what it gives to those that look. It then takes the average of all values, weighted by how well its query fits their
# keys. One step connects any two positions, and all positions take it at once. Several *heads* do so side by side, each
# with its own small queries, keys and values, so that one may follow the syntax while another counts. Since an average
# does not know in which order things stood, the order is added to the words themselves, as waves of many lengths.

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

from papers.transformer import data
from papers.transformer import model as parts
from papers.transformer.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["sinusoidal"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/transformer/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.MultiHeadAttention)

# %%
source(parts.EncoderLayer)

# %%
source(parts.DecoderLayer)

# %%
source(parts.Encoder)

# %%
source(parts.Decoder)

# %%
source(parts.SinusoidalPositions)

# %%
source(parts.Transformer)

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
# agree to about six digits; `tinygrad-lab parity transformer` compares everything, in float64 too.

# %%
import torch

from reference.transformer import model as other_parts
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
# The loop of `papers/transformer/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.transformer.model import loss
from papers.transformer.train import configure_optimizer

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
# What the committed results say; `tinygrad-lab claims transformer` measures them anew.
#
# ![The sinusoids, and their inner products](../papers/transformer/study/results/positions.png)
#
# Left, each position's row of sines and cosines; right, the inner product of position 30 with itself is 32, and with
# the one 10 further on 21.1; the other curves are the same one, moved.
#
# ![Where each head of the last layer looks while a date is written](../papers/transformer/study/results/dates.png)
#
# Rows are what is written, columns what is read, darker is more weight. The greatest weight of a head is 0.47 on
# average where a digit is written, and 0.16 where a hyphen is.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step transformer --quiz` asks you for every gradient.
# - `tinygrad-lab train transformer` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `learned`, `no-positions`, `one-head`, `narrow-keys`: another name in `VARIANTS[...]` above.
