"""Training Mamba in PyTorch: five steps for each batch, and gradients kept short."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn, optim

from reference.mamba.model import Mamba, loss, nats


def configure_optimizer(
    model: Mamba, config: Any, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Section E.2: AdamW, the learning rate up along a line and down along half a cosine.

    Not decayed: A and D, as in the paper's code, and what is one number a channel, or Δ would drift.
    """
    groups: dict[bool, list] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[parameter.ndim > 1 and not name.endswith("A_log")].append(parameter)
    decayed: dict[str, Any] = {"params": groups[True]}
    optimizer = optim.AdamW(
        [decayed, {"params": groups[False], "weight_decay": 0.0}],
        lr=config.learning_rate, betas=(0.9, config.beta2), weight_decay=config.weight_decay,
    )  # fmt: skip
    warmup = int(config.warmup * steps)

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min((step - warmup) / (steps - warmup), 1.0)
        return config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * progress)) / 2

    return optimizer, optim.lr_scheduler.LambdaLR(optimizer, share)


def train(
    model: Mamba,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[dict],
) -> Iterator[float]:
    """Train on every batch; yields the loss after each step, so the caller can watch, save or stop between steps."""
    for batch in batches:
        model.train()
        optimizer.zero_grad()  # 1. forget the last gradients
        value = loss(model, batch)  # 2. forward
        value.backward()  # 3. backward, and all gradients together no longer than the clip
        nn.utils.clip_grad_norm_(model.parameters(), model.clip)
        optimizer.step()  # 4. move the weights
        scheduler.step()  # 5. and the learning rate
        yield value.item()


def evaluate(model: Mamba, batches: Iterable[dict]) -> dict[str, float]:
    """Bits that an answer costs, and percent of the answers that are right, in evaluation mode."""
    model.eval()
    bits = right = count = 0.0
    with torch.no_grad():
        for batch in batches:
            logits = model(batch["tokens"])
            bits += nats(logits, batch).item() / math.log(2)
            right += (logits.argmax(-1) == batch["target"]).sum().item()
            count += batch["count"]
    return {"bits": bits / count, "accuracy": 100 * right / count}
