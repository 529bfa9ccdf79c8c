"""The claims of the Forgetting Transformer: language models with gates, positions, both or neither, and what they cost.

tinygrad-lab claims forgetting_transformer
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tinygrad_lab.data import available
from tinygrad_lab.data.characters import CHARACTERS, decode
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import VARIANTS, FoXConfig, feed_forward_size
from . import costs
from .probes import blocks_left, log_gates, loss_by_position, pruned_loss
from .verdicts import FILES

# arm -> the variant it is, and what it changes
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "FoX (LLaMA)": ("llama", {}),
    "Transformer (LLaMA)": ("rotary", {}),
    "FoX (Pro)": ("pro", {}),
    "Transformer (Pro)": ("pro", {"gate": "none", "rotary": True}),
    "learned constant gates": ("bias-only", {}),
    "fixed gates": ("fixed", {}),
    "no gates, no positions": ("nope", {}),
}
GATED = ("FoX (LLaMA)", "FoX (Pro)")  # whose gates and pruning are looked at
WITNESS = "FoX (LLaMA)"  # also trained on PyTorch
RATES = (3e-3, 5.5e-3, 1e-2)  # tried beforehand and left out, worse for the arms at that end: 1.5e-3 and 2e-2
SWEEP_EPOCHS = 1
LONGER = 16  # times the training length, where extrapolation ends
CONTEXTS = tuple(2.0**k for k in range(-4, 5))  # tokens before a stretch of text, in training lengths
PRUNING = float(np.exp(-10))  # the share that the paper on pruning leaves out
PRUNED_LENGTH = 4096


def arm_config(arm: str, rate: float, quick: bool) -> FoXConfig:
    """Three layers of width 64, characters of the King James Bible in windows of 128."""
    variant, changes = ARMS[arm]
    full = VARIANTS[variant]["small"]
    config = replace(
        full, dataset="kjv" if available("kjv") else "topics", hidden_size=64, layers=3,
        feed_forward=feed_forward_size(64, full.block, 8), windows=4800, epochs=4, learning_rate=rate, **changes,
    )  # fmt: skip
    small = replace(config, hidden_size=16, layers=2, feed_forward=16, windows=32, epochs=1, length=16)
    return small if quick else config


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Run everything, and save it piece by piece."""
    measure_rates(lab)
    for arm in ARMS:
        measure_arm(lab, arm)
    measure_costs(lab)


def measure_rates(lab: Lab) -> None:
    """Find the nats of every arm with every learning rate, in a quarter of the steps."""
    losses: dict[str, dict[str, float]] = {}
    for arm in ARMS:
        configs = {
            rate: replace(arm_config(arm, rate, lab.quick), epochs=SWEEP_EPOCHS)
            for rate in RATES[: 1 if lab.quick else None]
        }
        losses[arm] = lab.sweep(configs, arm, lambda run: lab.evaluate(run, "test")["loss"])
    config = list(configs.values())[-1]
    lab.save("rates", {"loss": losses, "config": asdict(config)}, config)


def measure_arm(lab: Lab, arm: str) -> None:
    """Train three seeds with the best learning rate, find losses by position; some show gates, pruning and a sample."""
    config = arm_config(arm, best_rate(lab.results("rates")["loss"][arm]), lab.quick)
    runs = [lab.train(config, seed, label=arm, each_epoch=True) for seed in lab.seeds(3)]
    first, windows = runs[0], _windows(lab, config, LONGER * config.length)
    results: Record = {
        "positions": [loss_by_position(run.model, windows) for run in runs],
        "contexts": [loss_by_context(lab, run) for run in runs],
    }
    if arm in GATED:
        prompt, options = inference.prompts(config)[0], replace(inference.OPTIONS, length=3 * config.length)
        results |= {"gates": gates_of(lab, first), "pruning": pruning_of(lab, first)}
        results["sample"] = lab.sample(first.model, config, prompt, options)
    if arm == WITNESS:
        runs.append(lab.train(config, 0, side="torch", label=arm))
    lab.save(FILES[arm], results | {"runs": [run.record() for run in runs]}, config)


def loss_by_context(lab: Lab, run: Run) -> dict[str, float]:
    """Nats of the same stretches of text after more and more of what stands before them."""
    contexts = [int(share * run.config.length) for share in CONTEXTS[: 6 if lab.quick else None]]
    losses = {}
    for context in contexts:
        batches = lab.data.context_batches(run.config, "test", context, contexts[-1])
        by_position = loss_by_position(run.model, map(lab.side("numpy").batch, batches))
        losses[str(context)] = float(np.mean(by_position[context:]))
    return losses


def _windows(lab: Lab, config: FoXConfig, length: int) -> list[Record]:
    """Long windows of held-out text as tensors; one when quick."""
    batches = lab.data.evaluation_batches(config, "test", length)
    return [lab.side("numpy").batch(batch) for batch in batches[: 1 if lab.quick else None]]


def gates_of(lab: Lab, run: Run) -> Record:
    """Gates over held-out text: the mean of log f of every head, by the kind of character, and one passage."""
    batches = _windows(lab, run.config, 2 * run.config.length)
    tokens = np.concatenate([batch["tokens"].numpy() for batch in batches])
    gates = np.concatenate([log_gates(run.model, batch["tokens"]) for batch in batches], axis=1)  # (L, B, H, T)
    kinds = np.array([kind_of(character) for character in CHARACTERS])[tokens]
    by_head = gates.transpose(0, 2, 1, 3)
    return {
        "mean": gates.mean(axis=(1, 3)).tolist(),
        "by_kind": {kind: by_head[..., kinds == kind].mean(axis=-1).tolist() for kind in sorted(set(kinds.ravel()))},
        "text": decode(tokens[0]),
        "passage": np.round(gates[:, 0].astype(np.float64), 5).tolist(),
    }


def kind_of(character: str) -> str:
    """What kind of character it is, as far as gates may care."""
    if character == "\n":
        return "line end"
    if character == " ":
        return "space"
    return "letter or digit" if character.isalnum() else "punctuation"


def pruning_of(lab: Lab, run: Run) -> Record:
    """What pruning leaves of a long text's attention, and what that does to the loss."""
    length = run.config.length * 8 if lab.quick else PRUNED_LENGTH
    batches = _windows(lab, run.config, length)[:2]
    tokens = batches[0]["tokens"]
    return {
        "length": length,
        "pruning": PRUNING,
        "left": blocks_left(run.model, tokens[:1], PRUNING).tolist(),
        "loss": float(np.mean(loss_by_position(run.model, batches))),
        "pruned_loss": pruned_loss(run.model, batches, PRUNING),
    }


def measure_costs(lab: Lab) -> None:
    """Measure time and memory by length: of the attention forward and backward, and of writing a token."""
    config = arm_config("FoX (LLaMA)", RATES[0], lab.quick)
    results = {
        "attention": costs.attention(costs.LENGTHS[: 1 if lab.quick else None], PRUNING),
        "writing": costs.writing(config, costs.WRITTEN[: 1 if lab.quick else None]),
    }
    lab.save("costs", results, config)


if __name__ == "__main__":
    as_command("forgetting_transformer")
