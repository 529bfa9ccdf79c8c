"""Training the Transformer in PyTorch: five steps for each batch."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import optim

from ..arguments import arguments
from .config import Run, TransformerBatch, TransformerConfig
from .data import evaluation_batches, training_batches
from .model import PAD, Transformer, build, loss


def configure_optimizer(
    model: Transformer,
    config: TransformerConfig,
    steps: int,  # noqa: ARG001 (the schedule has no end)
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Adam, its rate growing linearly for ``warmup_steps``, then falling as 1/√step  (section 5.3, equation 3)

    Or, which is not the paper's, without growing: with the peak from the first step to the end of the warm-up.
    """
    adam = optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-9)
    d, warmup = config.hidden_size, config.warmup_steps
    if config.rising:
        return adam, optim.lr_scheduler.LambdaLR(adam, lambda t: d**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5))
    return adam, optim.lr_scheduler.LambdaLR(adam, lambda t: d**-0.5 * max(t + 1, warmup) ** -0.5)


def train(
    model: Transformer,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[TransformerBatch],
) -> Iterator[float]:
    """Train on every batch; yields the loss after each step, so the caller can watch, save or stop between steps."""
    for batch in batches:
        model.train()
        optimizer.zero_grad()  # 1. forget the last gradients
        value = loss(model, batch)  # 2. forward
        value.backward()  # 3. backward
        optimizer.step()  # 4. move the weights
        scheduler.step()  # 5. and the learning rate
        yield value.item()


def evaluate(model: Transformer, batches: Iterable[TransformerBatch]) -> dict[str, float]:
    """Perplexity and the share of tokens predicted right, in percent, each after the *true* tokens before it.

    Targets are not smoothed.  Nor is that a measure of what the model writes by itself: the experiments have those.
    """
    model.eval()
    right = total = summed = 0.0
    with torch.no_grad():
        for batch in batches:
            target = batch["target"]
            logits = model(batch["source"], batch["length"], target[:, :-1])
            correct = (logits.argmax(dim=-1) == target[:, 1:]) & (target[:, 1:] != PAD)
            right += float(correct.sum().item())
            summed += model.loss(logits, target[:, 1:]).item()
            total += batch["count"]
    return {"perplexity": math.exp(min(summed / total, 700.0)), "forced accuracy": 100 * right / total}


def main() -> None:
    """Train on dates in many languages and print, after every epoch, how many tokens of held-out ones are right."""
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
