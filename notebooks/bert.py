# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (2018)
#
# J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, NAACL 2019, arXiv 1810.04805.
#
# A walk through the smallest instance: its parts, the shapes at each step, its gradients, the same in PyTorch, and how
# it learns. More in the [notes](../papers/bert/README.md), and in the two models themselves:
# [NumPy](../papers/bert/model.py), [PyTorch](../reference/bert/model.py).

# %% [markdown]
# ## The idea
#
# A language model predicts the next word from those before it. To *understand* a word one would like to see both of its
# sides, but a model that sees both sides sees the answer. BERT hides some words instead, 15 % of them, and predicts those:
# a Cloze test. Nothing leaks, and every layer may look left and right.
#
# There is a catch. Tasks that the encoder is used for later have no `[MASK]` in them. So of the chosen words only 80 %
# are replaced by it; 10 % become a random word and 10 % stay. The model cannot tell which words are still right, and has to
# keep a useful vector for every one of them.
#
# A second task goes along: given two sentences, did the second one follow the first? It trains the vector of `[CLS]`, the
# token in front, to stand for a whole input. For a task of one's own there is then hardly anything to add: one linear layer on
# that vector, and a few passes over labelled examples in which *all* weights move.

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

from papers.bert import data
from papers.bert import model as parts
from papers.bert.config import VARIANTS
from tinygrad_lab import Tensor, generator

config = VARIANTS["bert"]["tiny"]
config

# %%
model = parts.build(config, generator(0))
print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
model

# %% [markdown]
# ## Its parts
#
# What this instance is made of, as it stands in `papers/bert/model.py`, and the loss.


# %%
def source(thing):
    """The source of a class or a function, to be read here."""
    return Markdown(f"```python\n{inspect.getsource(thing)}```")


source(parts.Embeddings)

# %%
source(parts.SelfAttention)

# %%
source(parts.SublayerOutput)

# %%
source(parts.Attention)

# %%
source(parts.Intermediate)

# %%
source(parts.Layer)

# %%
source(parts.Encoder)

# %%
source(parts.Pooler)

# %%
source(parts.BertModel)

# %%
source(parts.Transform)

# %%
source(parts.Predictions)

# %%
source(parts.Heads)

# %%
source(parts.BertForMaskedLM)

# %%
source(parts.BertForPreTraining)

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
# agree to about six digits; `tinygrad-lab parity bert` compares everything, in float64 too.

# %%
import torch

from reference.bert import model as other_parts
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
# The loop of `papers/bert/train.py`. A first test of any training loop: can the model learn one batch by
# heart? There is nothing to understand in random numbers, but the loss must fall.

# %%
from papers.bert.model import loss
from papers.bert.train import configure_optimizer
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
# What the committed results say; `tinygrad-lab claims bert` measures them anew.
#
# ![Training loss by predicted tokens, and hidden words found](../papers/bert/study/results/pretraining.png)
#
# Left: after 167,926 predicted tokens the masked model is at 4.99 nats (7.20 bits) a token, the left-to-right one after
# 167,934 at 4.25 (6.13); with as much text as the masked one it comes to 3.30 (4.76) after 1,041,262. Hidden tokens and
# next ones are not the same question, so that losses compare within a task alone. Right: the same hidden words are
# found by these three in 9.6 %, 16.1 % and 20.7 %; the commonest word (dashed) is right in 5.7 %. Lines and dots are
# seeds; dotted lines are PyTorch's.
#
# ![Classes found after fine-tuning, by arm and by labelled sentences](../papers/bert/study/results/fine-tuning.png)
#
# Left: with 1,000 labelled sentences the most are right for: left to right, as much text (43.6 %); naive Bayes (dashed)
# has 49.6 %. Right: with 100 the masked model has 31.1 %, one that starts from nothing 25.8 %, naive Bayes 30.4 %; with
# 1,000 they have 39.8 %, 29.2 % and 49.6 %.

# %%
from pathlib import Path

notes = (Path(inspect.getfile(parts)).parent / "README.md").read_text(encoding="utf-8")
Markdown(notes.split("<!-- summary -->")[1].split("<!-- /summary -->")[0])

# %% [markdown]
# ## Go on
#
# - Change a line of the model and run the parity cells again: do they notice?
# - `tinygrad-lab step bert --quiz` asks you for every gradient.
# - `tinygrad-lab train bert` trains the small size on real data, with a progress bar and checkpoints.
# - The other variants, `no-nsp`, `left-to-right`, `classification`: another name in `VARIANTS[...]` above.
