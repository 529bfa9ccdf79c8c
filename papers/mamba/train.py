"""Training Mamba on the engine: five steps for each batch, and gradients kept short."""

import math
from collections.abc import Iterable, Iterator

from tinygrad_lab import generator, nn, no_grad, optim
from tinygrad_lab.arguments import arguments, program
from tinygrad_lab.data.batches import as_tensors

from .config import VARIANTS, MambaBatch, MambaConfig
from .data import evaluation_batches, training_batches
from .model import Mamba, build, loss, nats


def configure_optimizer(
    model: Mamba, config: MambaConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """Section E.2: AdamW, the learning rate up along a line and down along half a cosine.

    Not decayed: A and D, as in the paper's code, and what is one number a channel, or Δ would drift.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[parameter.ndim > 1 and not name.endswith("A_log")].append(parameter)
    optimizer = optim.AdamW(
        [{"params": groups[True]}, {"params": groups[False], "weight_decay": 0.0}],
        lr=config.learning_rate, betas=(0.9, config.beta2), weight_decay=config.weight_decay,
    )  # fmt: skip
    final = config.final_rate * config.learning_rate
    return optimizer, optim.lr_scheduler.CosineWithWarmup(optimizer, int(config.warmup * steps), steps, min_lr=final)


def train(
    model: Mamba,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[MambaBatch],
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


def evaluate(model: Mamba, batches: Iterable[MambaBatch]) -> dict[str, float]:
    """Bits that an answer costs, and percent of the answers that are right, in evaluation mode."""
    model.eval()
    bits = right = count = 0.0
    with no_grad():
        for batch in batches:
            logits = model(batch["tokens"])
            bits += nats(logits, batch).item() / math.log(2)
            right += (logits.argmax(-1) == batch["target"]).sum().item()
            count += batch["count"]
    return {"bits": bits / count, "accuracy": 100 * right / count}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, the bits that a held-out character costs."""
    config = arguments(VARIANTS, dataset="topics", items=600, epochs=4)  # bits
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
