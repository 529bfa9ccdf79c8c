"""LLaMA and the Forgetting Transformer on Mamba's text.

About as many parameters, the same windows in the same order, as many updates, learning rates chosen in the same way,
and one measure for all: nats for each character of the same held-out windows.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tinygrad_lab import no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.study import Lab

from ..config import MambaConfig

# name -> the paper, and what its configuration calls the tokens in a window
NEIGHBOURS = {"LLaMA": ("llama", "context"), "FoX": ("forgetting_transformer", "length")}


def neighbour_config(lab: Lab, name: str, config: MambaConfig, quick: bool) -> Any:
    """The neighbour's small model with the text and the schedule of ``config``."""
    slug, length = NEIGHBOURS[name]
    small = replace(
        lab.beside(slug).paper.variants["llama"]["small"], dataset=config.dataset, batch_size=config.batch_size,
        windows=config.items, epochs=config.epochs, warmup=config.warmup, **{length: config.length},
    )  # fmt: skip
    return replace(small, hidden_size=16, layers=1, feed_forward=24) if quick else small


def nats_a_character(model: Any, batches: Iterable[dict[str, Any]]) -> float:
    """Cross-entropy of the targets, their mean over all batches; these are tensors."""
    model.eval()
    total = count = 0.0
    with no_grad():
        for batch in batches:
            logits, target = model(batch["tokens"]).flatten(0, 1), batch["target"].flatten()
            total += F.cross_entropy(logits, target, reduction="sum").item()
            count += batch["count"]
    return total / count
