"""Training LeNet-5 on the engine: five steps for each batch."""

from collections.abc import Iterable, Iterator

from papers.lenet.config import LeNetBatch, LeNetConfig
from papers.lenet.model import LeNet5, LeNet5Modern, loss
from tinygrad_lab import nn, no_grad, optim


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
    with no_grad():
        for batch in batches:
            output = model(batch["image"])
            wrong += float((model.predict(output) != batch["label"]).sum().item())
            summed += model.loss(output, batch["label"]).item()
            total += batch["count"]
    return {"error": 100 * wrong / total, "loss": summed / total}
