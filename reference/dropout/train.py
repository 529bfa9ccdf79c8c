"""Training dropout networks in PyTorch: five steps for each batch, and a projection."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, optim

from ..arguments import arguments
from .config import DropoutBatch, DropoutConfig, Run
from .data import evaluation_batches, training_batches
from .model import Network, build, loss


def configure_optimizer(
    model: Network, config: DropoutConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """SGD with momentum 0.95 (appendix B.1); the paper does not state its learning rate, nor how it falls."""
    optimizer: optim.Optimizer
    if config.optimizer == "adam":
        optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    else:
        optimizer = optim.SGD(model.parameters(), lr=config.learning_rate, momentum=config.momentum)
    final = config.final_rate * config.learning_rate
    return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=final)


def max_norm_(weight: Float[Tensor, "out in"], c: float) -> None:
    """Section 5.1: w <- w min(1, c / |w|) for the incoming weights w of each unit, a row of ``weight``."""
    with torch.no_grad():
        norm = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
        weight.mul_(c / norm.clamp(min=c))


def train(
    model: Network,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[DropoutBatch],
) -> Iterator[float]:
    """Train on every batch; yields the loss after each step, so the caller can watch, save or stop between steps."""
    for batch in batches:
        model.train()
        optimizer.zero_grad()  # 1. forget the last gradients
        value = loss(model, batch)  # 2. forward
        value.backward()  # 3. backward
        optimizer.step()  # 4. move the weights
        scheduler.step()  # 5. and the learning rate
        if model.max_norm:
            for weight in model.hidden.parameters():
                if weight.ndim == 2:  # not the biases
                    max_norm_(weight, model.max_norm)  # back into the ball, once the step is made
        yield value.item()


def evaluate(model: Network, batches: Iterable[DropoutBatch]) -> dict[str, float]:
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
