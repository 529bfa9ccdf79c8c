"""Adapting a decoder in PyTorch: five steps for each batch, and an optimiser that knows of nothing frozen."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file
from torch import optim

from ..arguments import arguments
from .config import LoRABatch, LoRAConfig, Run
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
    with torch.no_grad():
        for batch in batches:
            summed += loss(model, batch).item() * batch["count"]
            total += batch["count"]
    return {"loss": summed / total}


def main() -> None:
    """Train on half of Python's help texts, adapt to the other; print, after every epoch, what a character costs."""
    config = arguments(Run())
    torch.manual_seed(config.seed)
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base.safetensors"
        for stage in config.stages(str(base)):
            model = build(stage)
            training, test = training_batches(stage), evaluation_batches(stage)
            print(f"{stage.text} epoch 0/{stage.epochs}  loss {evaluate(model, test)['loss']:.4f}", flush=True)
            optimizer, scheduler = configure_optimizer(model, stage, stage.epochs * len(training))
            for epoch in range(1, stage.epochs + 1):
                losses = list(train(model, optimizer, scheduler, training))
                metrics = evaluate(model, test)
                print(
                    f"{stage.text} epoch {epoch}/{stage.epochs}",
                    f"training loss {sum(losses) / len(losses):.4f}",
                    *(f"{name} {value:.4f}" for name, value in metrics.items()),
                    sep="  ",
                    flush=True,
                )
            save_file(model.state_dict(), base)


if __name__ == "__main__":
    main()
