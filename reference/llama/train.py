"""Training LLaMA in PyTorch: five steps for each batch, and gradients kept short."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import nn, optim

from ..arguments import arguments
from ..data import topics
from .config import LlamaBatch, LlamaConfig, Run
from .data import evaluation_batches, tokenise, training_batches
from .model import Llama, build, loss


def configure_optimizer(
    model: Llama, config: LlamaConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Section 2.3: AdamW, the learning rate up along a line and down along half a cosine, to a tenth of its height."""
    optimizer = optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, config.beta2), weight_decay=config.weight_decay
    )
    warmup = int(config.warmup * steps)

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min((step - warmup) / (steps - warmup), 1.0)
        return config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * progress)) / 2

    return optimizer, optim.lr_scheduler.LambdaLR(optimizer, share)


def train(
    model: Llama,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[LlamaBatch],
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


def evaluate(model: Llama, batches: Iterable[LlamaBatch]) -> dict[str, float]:
    """Nats that a character of the text costs, and the perplexity of a token, in evaluation mode.

    Nats for each character compare models whose tokens are of different lengths.
    """
    model.eval()
    nats = tokens = characters = 0.0
    with torch.no_grad():
        for batch in batches:
            nats += loss(model, batch).item() * batch["count"]
            tokens += batch["count"]
            characters += batch["bytes"]
    return {"loss": nats / characters, "perplexity": math.exp(min(nats / tokens, 700.0))}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, the nats that a held-out character costs."""
    config = arguments(Run())
    torch.manual_seed(config.seed)
    model = build(config)
    tokens = tokenise(topics(), config)
    training, test = training_batches(tokens, config), list(evaluation_batches(tokens, config))
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
