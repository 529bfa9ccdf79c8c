"""Training AlexNet in PyTorch: five steps for each batch."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn, optim

from ..arguments import arguments
from .config import AlexNetBatch, AlexNetConfig, Run
from .data import evaluation_batches, training_batches
from .model import AlexNet, average_over_views, build, loss


def configure_optimizer(
    model: nn.Module, config: AlexNetConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Section 5: SGD with momentum and weight decay on all parameters, the learning rate divided by 10 three times.

    The authors divided by hand, when the validation error stopped falling; here every division comes after half of the
    steps that are left: at 1/2, 3/4 and 7/8 of the training.
    """
    optimizer = optim.SGD(
        model.parameters(), lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
    )
    milestones = [steps - steps // 2**division for division in range(1, config.divisions + 1)]
    return optimizer, optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)


def train(
    model: AlexNet,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[AlexNetBatch],
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


def top(output: Float[Tensor, "b classes"], label: Int[Tensor, " b"], k: int) -> float:
    """How many images have fewer than ``k`` other classes that are at least as probable as the right one."""
    right = output.gather(1, label[:, None])
    ahead = (output >= right).sum(dim=1)  # the right one among them; 0 where an output is not a number
    return float(((ahead >= 1) & (ahead <= k)).sum().item())


def evaluate(model: AlexNet, batches: Iterable[AlexNetBatch]) -> dict[str, float]:
    """Top-1 and top-5 error in percent and mean loss of batches of views, (V, B, C, size, size), in evaluation mode."""
    model.eval()
    first = fifth = total = summed = 0.0
    with torch.no_grad():
        for batch in batches:
            output = average_over_views(model, batch["image"])
            first += top(output, batch["label"], 1)
            fifth += top(output, batch["label"], 5)
            summed += model.loss(output, batch["label"]).item()
            total += batch["count"]
    return {"error": 100 - 100 * first / total, "top5_error": 100 - 100 * fifth / total, "loss": summed / total}


def main() -> None:
    """Train on handwritten digits and print, after every epoch, the errors on those held out."""
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
