"""Adapting a decoder on the engine: five steps for each batch, and an optimiser that knows of nothing frozen."""

from collections.abc import Iterable, Iterator

from tinygrad_lab import generator, no_grad, optim
from tinygrad_lab.arguments import arguments, program
from tinygrad_lab.data.batches import as_tensors

from .config import VARIANTS, LoRABatch, LoRAConfig
from .data import evaluation_batches, training_batches
from .decoder import Decoder
from .model import build, loss, trainable


def configure_optimizer(
    model: Decoder, config: LoRAConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """AdamW on what is trained, its rate up and down along two lines (appendix D.3).

    What is frozen must not be here: weight decay would shrink it, without any gradient.
    """
    parameters = trainable(model).values()
    optimizer = optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    rise = max(1, round(config.warmup * steps))
    return optimizer, optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / rise, max(0.0, (steps - t) / max(1, steps - rise)))
    )


def train(
    model: Decoder,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[LoRABatch],
) -> Iterator[float]:
    """Train on every batch; yields the loss after each step, so the caller can watch, save or stop between steps."""
    for batch in batches:
        model.train()
        optimizer.zero_grad()  # 1. forget the last gradients
        value = loss(model, batch)  # 2. forward
        value.backward()  # 3. backward, through frozen weights to the adapters before them
        optimizer.step()  # 4. move the adapters
        scheduler.step()  # 5. and the learning rate
        yield value.item()


def evaluate(model: Decoder, batches: Iterable[LoRABatch]) -> dict[str, float]:
    """Nats per character, in evaluation mode."""
    model.eval()
    summed = total = 0.0
    with no_grad():
        for batch in batches:
            summed += loss(model, batch).item() * batch["count"]
            total += batch["count"]
    return {"loss": summed / total}


def main() -> None:
    """Train on half of Python's help texts and print, after every epoch, the nats that a held-out character costs."""
    config = arguments(VARIANTS, epochs=3)  # the base is random without --base; loss: 4.6 by chance, 2.9 at the end
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
