"""Sparse features: the autoencoder's hidden units with and without dropout, at the same error and at the best one."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad, optim
from tinygrad_lab.data import Batches
from tinygrad_lab.fit import Look, endless, fit
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, best_rate

from ..config import DropoutConfig
from ..model import Network
from .settings import DEAD, FEATURE_RATES, FEWER, HELD_OUT, feature_config

BINS = {"activations": (0.0, 5.0, 50), "means": (0.0, 3.0, 40)}  # of the histograms: low, high, bins
DROPS = {"standard": 0.0, "dropout": 0.5}
LOOK = 10  # updates between two looks at whether the standard network is as good as the other
LOOKED_AT = 1000  # held-out images


@dataclass(frozen=True)
class Images:
    """The images of every autoencoder, loaded once."""

    training: Batches
    held_out: Tensor
    test: Tensor


def load(lab: Lab) -> Images:
    """The images, as many of them as an autoencoder is trained on."""
    config = feature_config(0.0, FEATURE_RATES[0], lab.quick)

    def images(split: str) -> Tensor:
        found = lab.data.dataset(config, split).images[: 1000 * HELD_OUT]
        return Tensor(found.reshape(len(found), config.inputs))

    return Images(lab.data.training_batches(config, generator(0)), images("validation"), images("test"))


def measure_features(lab: Lab) -> None:
    """Both autoencoders at their best rates, and the standard one ended where it is no better than the other."""
    images = load(lab)
    rates = {arm: {f"{rate:g}": _rate_error(lab, images, arm, rate) for rate in FEATURE_RATES} for arm in DROPS}
    best = {arm: feature_config(drop, best_rate(rates[arm]), lab.quick) for arm, drop in DROPS.items()}
    runs: dict[str, list[Record]] = {"standard": [], "dropout": [], "stopped": []}
    for seed in lab.seeds(FEWER):
        dropout = trained(lab, images, best["dropout"], seed)
        enough = squared_error(dropout, images.held_out[:LOOKED_AT])
        standard = trained(lab, images, best["standard"], seed)
        stopped = trained(lab, images, best["standard"], seed, enough)
        for arm, model in (("standard", standard), ("dropout", dropout), ("stopped", stopped)):
            runs[arm].append(hidden_units(model, images.test))
        lab.log(f"autoencoders seed {seed}: " + ", ".join(f"{k} {v[-1]['squared_error']:.2f}" for k, v in runs.items()))
    lab.save("features", {"rates": rates, "runs": runs, "bins": BINS}, best["dropout"])


def _rate_error(lab: Lab, images: Images, arm: str, rate: float) -> float:
    """The squared error of an image held out, after training at that rate."""
    config = feature_config(DROPS[arm], rate, lab.quick)
    error = squared_error(trained(lab, images, config, SWEEP_SEED), images.held_out)
    lab.log(f"autoencoder, {arm}, {rate:g} seed {SWEEP_SEED} (numpy): squared error {error:.4g}")
    return error


def trained(lab: Lab, images: Images, config: DropoutConfig, seed: int, enough: float = 0.0) -> Network:
    """An autoencoder that was trained until its squared error on held-out images was small enough, or to the end."""
    model: Network = lab.side("numpy").build(config, seed)
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    batches = Batches(images.training.arrays, config.batch_size, generator(seed))

    def error() -> dict[str, float]:
        return {"error": squared_error(model, images.held_out[:LOOKED_AT])} if enough else {}

    def reached(look: Look) -> bool:
        return enough > 0 and look.metrics["error"] <= enough

    losses, steps = reproduce(model, optimizer, endless(batches)), config.epochs * len(batches)
    for _ in fit(losses, steps, LOOK, error, until=reached):
        pass
    return model


def reproduce(model: Network, optimizer: optim.Optimizer, batches: Iterable[Record]) -> Iterator[float]:
    """Train the network to give back its input: the five steps of train.py, with another loss."""
    for batch in batches:
        model.train()
        image = Tensor(batch["image"])
        optimizer.zero_grad()
        loss = F.mse_loss(model(image), image, reduction="sum") / batch["count"]
        loss.backward()
        optimizer.step()
        yield loss.item()


def squared_error(model: Network, image: Tensor) -> float:
    """Squared error of an image, in evaluation mode, mean over images."""
    model.eval()
    with no_grad():
        return float(F.mse_loss(model(image), image, reduction="sum").item() / len(image))


def hidden_units(model: Network, image: Tensor) -> dict[str, Any]:
    """What the hidden units of a trained autoencoder do on images, and how well it reproduces these."""
    model.eval()
    with no_grad():
        hidden = model.features(image).numpy()
    shown = pictures(model.hidden[0].weight.numpy())
    return describe(hidden) | {"squared_error": squared_error(model, image), "pictures": shown}


def describe(hidden: np.ndarray) -> dict[str, Any]:
    """How active the living units are, how many are dead, and the two histograms of figure 8.    (images, units)"""
    alive = (hidden > 0).mean(axis=0) >= DEAD
    living = hidden[:, alive]

    def counts(values: np.ndarray, name: str) -> list[int]:
        low, high, bins = BINS[name]
        return list(map(int, np.histogram(np.clip(values, low, high), bins, (low, high))[0]))

    return {
        "mean": float(living.mean()) if alive.any() else 0.0,
        "zeros": float((living == 0).mean()) if alive.any() else 1.0,
        "dead": float(1 - alive.mean()),
        "activations": counts(living, "activations"),
        "means": counts(living.mean(axis=0), "means"),
    }


def pictures(weight: np.ndarray, count: int = 32) -> str:
    """The incoming weights of the first units as bytes, each unit scaled to its largest weight.    (units, 784)"""
    scaled = weight[:count] / np.abs(weight[:count]).max(axis=1, keepdims=True)
    return base64.b64encode(np.round(127.5 * (scaled + 1)).astype(np.uint8).tobytes()).decode()
