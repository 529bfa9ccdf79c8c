"""Training the autoencoders in PyTorch: five steps for each batch."""

from collections.abc import Iterable, Iterator

import torch
from torch import optim

from ..arguments import arguments
from .config import AutoencoderBatch, AutoencoderConfig, Run
from .data import evaluation_batches, training_batches
from .model import AnyAutoencoder, build, loss


def configure_optimizer(
    model: AnyAutoencoder, config: AutoencoderConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Adam with a cosine schedule, in place of RBM pretraining and conjugate gradients."""
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


def train(
    model: AnyAutoencoder,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[AutoencoderBatch],
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


def evaluate(model: AnyAutoencoder, batches: Iterable[AutoencoderBatch]) -> dict[str, float]:
    """Means per image in evaluation mode: squared error summed over pixels (the paper's), the loss and its terms."""
    model.eval()
    totals: dict[str, float] = {}
    count = 0.0
    with torch.no_grad():
        for batch in batches:
            output = model(batch["image"])
            error = ((model.reconstruct(output) - batch["image"]) ** 2).sum()
            for name, value in {"squared_error": error, **model.losses(output, batch["image"])}.items():
                totals[name] = totals.get(name, 0.0) + value.item()
            count += batch["count"]
    return {name: total / count for name, total in totals.items()}


def main() -> None:
    """Train on handwritten digits and print, after every epoch, how well those held out come back."""
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
