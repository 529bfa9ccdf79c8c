"""LoRA of five ranks and full fine-tuning of a published model: SmolLM2-135M learns Tiny Shakespeare.

All arms have the same loop, updates and batches, and each a rate that was bracketed on validation text.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Int

from tinygrad_lab.data import load_text
from tinygrad_lab.data.characters import encode
from tinygrad_lab.random import generator, initialising
from tinygrad_lab.study import SWEEP_SEED, Arrays, Lab, Record, best_rate

from ...llama.config import LlamaConfig
from ...llama.model import Llama, build
from ...llama.weights.pretrained import pretrained
from ...llama.weights.tokenizer import tokenizer
from ..config import VARIANTS
from ..data import SPLITS
from ..model import attach, trainable
from ..weights.adapter import adapter_state, load_adapter_state
from ..weights.smollm2 import TARGETS, Recipe, adapt, held_out_loss, load_base, merged_equals_unmerged
from .arms import ARMS, COMPARED, PUBLISHED, method
from .changes import overlaps

RATES = {"full": (5e-5, 2e-4, 8e-4), "lora": (1e-3, 4e-3, 1.6e-2)}  # widened where the best is at an end
SEEDS = 5  # of every arm, as a run takes under three minutes
# On one core an update takes 1.6 s with LoRA and 2.9 s with all weights: 30 runs and 18 or more rates, each of half as
# many updates, are an hour of it, and half an hour on two.
UPDATES = 40
BATCH, LENGTH = 4, 64  # windows of an update, tokens of a window
WINDOWS = 32  # of validation or test text, spread over it, that a loss is measured on
MERGED = COMPARED[0]  # the arm whose first adapter is merged


# ---- what is adapted -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Subject:
    """A model, and the text that it is adapted to.

    Attributes:
        name: of the model.
        build: makes it as it was published, anew at every call.
        tokens: the whole text.
        updates: of a judged run.
    """

    name: str
    build: Callable[[], Llama]
    tokens: Int[np.ndarray, " n"]
    updates: int = UPDATES

    def part(self, split: str) -> Int[np.ndarray, " m"]:
        """The tokens of "train", "validation" or "test"; the last is the end of the text."""
        low, high = (round(share * len(self.tokens)) for share in SPLITS[split])
        return self.tokens[low:high]


def smollm2() -> Subject:
    """SmolLM2-135M and Tiny Shakespeare.

    Raises:
        ValueError: the package with the weights is not installed, or the text cannot be had.
        ImportError: what reads the weights is not installed.
    """
    tokens = tokenizer(pretrained("smollm2").vocabularies).encode(load_text("tinyshakespeare").text)
    return Subject("SmolLM2-135M", lambda: load_base(pretrained("smollm2")), tokens)


def stand_in(text: str) -> Subject:
    """A model with random weights, as wide as the largest rank needs, to see that everything works."""
    config = LlamaConfig(hidden_size=128, heads=2, kv_heads=1, layers=1, feed_forward=64, context=LENGTH, tied=True)
    return Subject("a random model", lambda: build(config, generator(0)), encode(text), updates=4)


# ---- one run ---------------------------------------------------------------------------------------------------------
def recipe_of(arm: str, rate: float, updates: int, seed: int) -> Recipe:
    """How an arm is trained; alpha is that of the study's other arms, and full fine-tuning has no use for a rank."""
    rank, alpha = ARMS[arm].get("rank", 1), VARIANTS["lora"]["small"].alpha
    return Recipe(
        steps=updates, batch_size=BATCH, length=LENGTH, rank=rank, alpha=alpha, learning_rate=rate,
        warmup=max(1, updates // 10), windows=WINDOWS, seed=seed,
    )  # fmt: skip


def start(subject: Subject, arm: str, recipe: Recipe) -> Llama:
    """The published model, with everything to be trained, or with adapters and nothing else to be."""
    model = subject.build()
    if method(arm) == "lora":
        with initialising(generator(recipe.seed)):
            attach(model, TARGETS, recipe.rank, recipe.alpha)
    return model


def adapted(subject: Subject, arm: str, recipe: Recipe, split: str) -> Arrays:
    """Adapt a model: the losses of its updates, the loss on a split afterwards, what was trained, and any adapter."""
    model = start(subject, arm, recipe)
    begin = time.perf_counter()
    losses = adapt(model, subject.part("train"), recipe, log=lambda _: None)
    seconds = time.perf_counter() - begin
    numbers = {
        "losses": losses, "loss": held_out_loss(model, subject.part(split), recipe),
        "seconds": seconds, "trained": sum(p.numel() for p in trainable(model).values()),
    }  # fmt: skip
    return {name: np.array(value) for name, value in numbers.items()} | adapter_state(model)


def kept(lab: Lab, subject: Subject, arm: str, recipe: Recipe, split: str) -> Arrays:
    """The same, made once and kept."""
    label = f"{subject.name}, {arm}, {recipe.learning_rate:g}, {recipe.steps} updates"
    return lab.prepared(recipe, recipe.seed, label, partial(adapted, subject, arm, recipe, split))


# ---- all of them -----------------------------------------------------------------------------------------------------
def measure(lab: Lab, subject: Subject) -> None:
    """Rates, runs, and what is seen in the adapters, in one file."""
    tried = lab.together([partial(rate_losses, lab, subject, arm) for arm in PUBLISHED])
    rates = dict(zip(PUBLISHED, tried, strict=True))
    recipes = [
        (arm, recipe_of(arm, best_rate(rates[arm]), subject.updates, seed))
        for arm in PUBLISHED
        for seed in lab.seeds(SEEDS)
    ]
    made = lab.together([partial(kept, lab, subject, arm, recipe, "test") for arm, recipe in recipes])
    runs: dict[str, list[Record]] = {arm: [] for arm in PUBLISHED}
    states: dict[str, list[Arrays]] = {arm: [] for arm in PUBLISHED}
    for (arm, recipe), found in zip(recipes, made, strict=True):
        runs[arm].append(record(recipe, found))
        states[arm].append(found)
    merged = next(recipe for arm, recipe in recipes if arm == MERGED)
    results = {
        "model": subject.name, "base": base(subject), "rates": rates, "rate_updates": subject.updates // 2,
        "runs": runs, "overlaps": overlaps(*(states[arm] for arm in COMPARED)),
        "merging": merging(subject, merged, states[MERGED][0]),
    }  # fmt: skip
    lab.save("published", results, replace(VARIANTS["full"]["small"], text="source"))


def rate_losses(lab: Lab, subject: Subject, arm: str) -> dict[str, float]:
    """One arm's losses on the validation part by rate, after half the updates."""

    def losses_of(rates: Sequence[float]) -> dict[str, float]:
        recipes = [recipe_of(arm, rate, subject.updates // 2, SWEEP_SEED) for rate in rates]
        return {f"{r.learning_rate:g}": float(kept(lab, subject, arm, r, "validation")["loss"]) for r in recipes}

    return lab.widened(losses_of, RATES[method(arm)])


def record(recipe: Recipe, found: Arrays) -> Record:
    """A run for the results file."""
    return {
        "side": "numpy", "seed": recipe.seed, "config": asdict(recipe), "losses": found["losses"].tolist(),
        "steps": recipe.steps, "metrics": {"loss": float(found["loss"])}, "seconds": float(found["seconds"]),
        "trained": int(found["trained"]),
    }  # fmt: skip


def base(subject: Subject) -> Record:
    """The model as it was published: its loss on the test part, and its parameters."""
    model, recipe = subject.build(), recipe_of("full", RATES["full"][0], subject.updates, 0)
    return {
        "loss": held_out_loss(model, subject.part("test"), recipe),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def merging(subject: Subject, recipe: Recipe, found: Arrays) -> dict[str, float]:
    """What merging a trained adapter changes, and taking it out again."""
    model = start(subject, MERGED, recipe)
    own = adapter_state(model)
    load_adapter_state(model, {name: found[name] for name in own})
    return merged_equals_unmerged(model, subject.part("test"), recipe)
