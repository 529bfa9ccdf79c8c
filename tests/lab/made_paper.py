"""A paper of a dozen lines, written into a folder: small enough to judge the judge with, and to make slips in."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import papers
import reference

SLUG = "made"

PAPER = """
from dataclasses import dataclass
from tinygrad_lab.paper import SIZES, Paper

@dataclass(frozen=True)
class Config:
    batch_size: int = 6
    learning_rate: float = 0.01

VARIANTS = {"only": {size: Config() for size in SIZES}}
PAPER = Paper("made", "Made", "Nobody", 1900, "Nowhere", "representation learning", "Two layers.", VARIANTS)
"""

DATA = """
def example_batch(config, rng):
    x = rng.standard_normal((config.batch_size, 3))
    return {"x": x, "label": rng.integers(0, 5, config.batch_size), "count": float(config.batch_size)}
"""

MODEL = """
class Made(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Linear(4, 5)

    def forward(self, x):
        return self.second(self.drop(F.relu(self.first(x))))

def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["label"], reduction="sum") / batch["count"]
"""

TRAIN = """
def configure_optimizer(model, config, steps):
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)

def train(model, optimizer, scheduler, batches):
    for batch in batches:
        model.train()
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimizer.step()
        scheduler.step()
        yield value.item()

def evaluate(model, batches):
    return {}
"""

INFERENCE = """
GREEDY = None

def example_tokens(config, rng):
    return [1, 2]

def search(model, config, tokens, options):
    for _ in range(3):
        x = tensor([[float(token) for token in (0, *tokens)[-3:]]])
        tokens = [*tokens, int(model(x.to(model.first.weight.dtype)).argmax(-1).item())]
        yield tokens[-1]
"""

OURS = "from tinygrad_lab import nn, optim, tensor\nfrom tinygrad_lab.nn import functional as F\n"
THEIRS = "from torch import nn, optim, tensor\nfrom torch.nn import functional as F\n"
BUILD = """
def build(config, generator):
    with initialising(generator):
        return Made()
"""

FILES = {
    "papers/made/__init__.py": PAPER,
    "papers/made/data.py": DATA,
    "papers/made/model.py": f"{OURS}from tinygrad_lab.random import initialising\n{MODEL}{BUILD}",
    "papers/made/train.py": f"{OURS}from papers.made.model import loss\n{TRAIN}",
    "papers/made/inference.py": OURS + INFERENCE,
    "reference/made/__init__.py": "",
    "reference/made/model.py": f"{THEIRS}{MODEL}\ndef build(config):\n    return Made()\n",
    "reference/made/train.py": f"{THEIRS}from reference.made.model import loss\n{TRAIN}",
    "reference/made/inference.py": THEIRS + INFERENCE,
}


@contextmanager
def made_paper(folder: Path, files: Mapping[str, str] = FILES) -> Iterator[None]:
    """Write these files below ``folder``, where inside the block both sides of the paper are found."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    places = [(papers.__path__, str(folder / "papers")), (reference.__path__, str(folder / "reference"))]
    for path, place in places:
        path.append(place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for path, place in places:
            path.remove(place)
        for name in [name for name in sys.modules if name.split(".")[1:2] == [SLUG]]:
            del sys.modules[name]
        for package in (papers, reference):
            vars(package).pop(SLUG, None)
