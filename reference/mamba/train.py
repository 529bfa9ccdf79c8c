"""Training Mamba in PyTorch: five steps for each batch, and gradients kept short."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn, optim

from ..arguments import arguments
from .config import MambaBatch, MambaConfig, Run
from .data import evaluation_batches, training_batches
from .model import Mamba, build, loss, nats


def configure_optimizer(
    model: Mamba, config: MambaConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Section E.2: AdamW, the learning rate up along a line and down along half a cosine.

    Not decayed: A and D, as in the paper's code, and what is one number a channel, or Δ would drift.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
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
    batches: Iterable[MambaBatch],
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


def evaluate(model: Mamba, batches: Iterable[MambaBatch]) -> dict[str, float]:
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


def main() -> None:
    """Train on Python's help texts and print, after every epoch, the bits that a held-out character costs."""
    config = arguments(Run())
    torch.manual_seed(config.seed)
    model = build(config)
    training, test = training_batches(config), evaluation_batches(config)
    optimizer, scheduler = configure_optimizer(model, config, config.epochs * len(training))
    for epoch in range(1, config.epochs + 1):
        losses = list(train(model, optimizer, scheduler, training))
        metrics = evaluate(model, test)
        print(
            f"epoch {epoch}/{config.epochs}",
            f"training loss {sum(losses) / len(losses):.4f}",
            *(f"{name} {value:.4f}" for name, value in metrics.items()),
            sep="  ",
            flush=True,
        )


if __name__ == "__main__":
    main()
