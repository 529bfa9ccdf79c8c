"""Training recurrent networks on the engine: five steps for each batch, and gradients kept short."""

from collections.abc import Iterable, Iterator

from tinygrad_lab import generator, nn, no_grad, optim
from tinygrad_lab.arguments import arguments, program
from tinygrad_lab.data.batches import as_tensors

from .config import VARIANTS, LSTMBatch, LSTMConfig
from .data import evaluation_batches, training_batches
from .model import Network, build, loss


def configure_optimizer(
    model: Network, config: LSTMConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Adam, its learning rate on half a cosine; the papers use plain gradient descent."""
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    final = config.final_rate * config.learning_rate
    return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=final)


def train(
    model: Network,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[LSTMBatch],
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


def evaluate(model: Network, batches: Iterable[LSTMBatch]) -> dict[str, float]:
    """The metrics of the task for each item, in evaluation mode; a batch that continues another keeps its state.

    Text: bits per character. Reber strings: percent in which every prediction is legal, and the loss of a string.
    Adding: percent answered within 0.04, and the squared error.
    """
    model.eval()
    totals: dict[str, float] = {}
    count, states = 0.0, None
    with no_grad():
        for batch in batches:
            output, states = model(batch["sequence"], states if batch.get("continues") else None)
            for name, value in model.tally(output, batch).items():
                totals[name] = totals.get(name, 0.0) + value.item()
            count += batch["count"]
    return {name: total / count for name, total in totals.items()}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, the bits that a held-out character costs."""
    config = arguments(VARIANTS, dataset="topics", epochs=3)  # bits: 6.6 by chance, 1.9 at the end
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
