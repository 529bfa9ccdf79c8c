"""Training LeNet-5 in PyTorch: five steps for each batch."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn, optim

from ..arguments import arguments
from .config import LeNetBatch, LeNetConfig, Run
from .data import evaluation_batches, training_batches
from .model import LeNet5, LeNet5Modern, build, loss


def configure_optimizer(
    model: nn.Module, config: LeNetConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Adam with a cosine schedule, in place of the paper's stochastic diagonal Levenberg-Marquardt (appendix C)."""
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


def train(
    model: LeNet5 | LeNet5Modern,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[LeNetBatch],
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


def evaluate(model: LeNet5 | LeNet5Modern, batches: Iterable[LeNetBatch]) -> dict[str, float]:
    """Error rate in percent and mean loss, in evaluation mode."""
    model.eval()
    wrong = total = summed = 0.0
    with torch.no_grad():
        for batch in batches:
            output = model(batch["image"])
            wrong += float((model.predict(output) != batch["label"]).sum().item())
            summed += model.loss(output, batch["label"]).item()
            total += batch["count"]
    return {"error": 100 * wrong / total, "loss": summed / total}


def main() -> None:
    """Train on handwritten digits and print, after every epoch, the error on those held out."""
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
