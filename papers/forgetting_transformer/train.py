"""Training the Forgetting Transformer on the engine: five steps for each batch, and gradients kept short."""

import math
from collections.abc import Iterable, Iterator

from tinygrad_lab import generator, nn, no_grad, optim
from tinygrad_lab.arguments import arguments, program
from tinygrad_lab.data.batches import as_tensors

from .config import VARIANTS, FoXBatch, FoXConfig
from .data import evaluation_batches, training_batches
from .model import ForgettingTransformer, build, loss


def configure_optimizer(
    model: ForgettingTransformer, config: FoXConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """AdamW, the learning rate up along a line and down half a cosine to 0; matrices decay, biases and norms do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95))
    return optimizer, optim.lr_scheduler.CosineWithWarmup(optimizer, int(config.warmup * steps), steps)


def train(
    model: ForgettingTransformer,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[FoXBatch],
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


def evaluate(model: ForgettingTransformer, batches: Iterable[FoXBatch]) -> dict[str, float]:
    """Nats that a token costs, and its perplexity, in evaluation mode."""
    model.eval()
    nats = count = 0.0
    with no_grad():
        for batch in batches:
            nats += loss(model, batch).item() * batch["count"]
            count += batch["count"]
    return {"loss": nats / count, "perplexity": math.exp(min(nats / count, 700.0))}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, the nats that a held-out character costs."""
    config = arguments(VARIANTS, dataset="topics", windows=400, epochs=8)  # perplexity
    model = build(config, generator(config.seed))
    training = training_batches(config, generator(config.seed))
    optimizer, scheduler = configure_optimizer(model, config, config.epochs * len(training))
    for epoch in range(1, config.epochs + 1):
        losses = list(train(model, optimizer, scheduler, as_tensors(training)))
        metrics = evaluate(model, as_tensors(evaluation_batches(config, "test")))
        print(
            f"epoch {epoch}/{config.epochs}",
            f"training loss {sum(losses) / len(losses):.4f}",
            *(f"{name} {value:.4f}" for name, value in metrics.items()),
            sep="  ",
            flush=True,
        )


if __name__ == "__main__":
    program(main)
