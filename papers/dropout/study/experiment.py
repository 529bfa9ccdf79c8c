"""The claims of dropout: test error, the gap to the training error, sparse features, small data sets, two blobs.

tinygrad-lab claims dropout
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, nn, no_grad, optim
from tinygrad_lab.data import available
from tinygrad_lab.fit import endless, fit
from tinygrad_lab.nn import functional as F
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from ..config import VARIANTS, DropoutConfig
from ..data import BLOB_DISTANCE, bayes_accuracy
from ..model import monte_carlo
from .verdicts import SETTINGS

RATES = (0.01, 0.03, 0.1)
RATE_EPOCHS = 4
SIZES = (100, 1000, 5000, 20_000)  # training images, figure 10
SIZE_UPDATES = 2000
SAMPLES = (1, 2, 5, 10, 20, 50)  # thinned networks averaged, figure 11
FEATURE_BINS = {"activations": (0.0, 5.0, 50), "means": (0.0, 3.0, 40)}  # of the histograms: low, high, bins


# ---- what each experiment trains -------------------------------------------------------------------------------------


def mnist_config(variant: str, rate: float, quick: bool) -> DropoutConfig:
    """784-800-800-10 on all images."""
    config = replace(VARIANTS[variant]["small"], dataset="mnist", learning_rate=rate)
    return replace(config, epochs=1, train_items=2000) if quick else config


def rate_config(variant: str, rate: float, quick: bool) -> DropoutConfig:
    """A shorter run on 50,000 images, to be judged on the 10,000 held out."""
    config = mnist_config(variant, rate, quick)
    return config if quick else replace(config, epochs=RATE_EPOCHS, train_items=50_000)


def size_config(variant: str, items: int, seed: int, quick: bool) -> DropoutConfig:
    """784-512-512-10 on few images, the same number of updates whatever their number."""
    config = replace(VARIANTS[variant]["small"], dataset="mnist", hidden=(512, 512), train_items=items, seed=seed)
    return replace(config, learning_rate=0.03, epochs=max(1, size_updates(quick) // -(-items // config.batch_size)))


def size_updates(quick: bool) -> int:
    """Updates at every size."""
    return 20 if quick else SIZE_UPDATES


def feature_config(drop: float, quick: bool) -> DropoutConfig:
    """The autoencoder of section 7.1: 256 rectified units that reproduce the image."""
    config = replace(VARIANTS["dropout"]["small"], dataset="mnist", hidden=(256,), classes=784, drop_input=0.0)
    config = replace(config, drop_hidden=drop, learning_rate=1e-3, epochs=10)
    return replace(config, epochs=1, train_items=2000) if quick else config


def blob_config(variant: str, seed: int) -> DropoutConfig:
    """2-256-256-2 on 100 points, full batches, Adam; nothing is dropped from the two inputs."""
    config = replace(VARIANTS[variant]["small"], dataset="blobs", inputs=2, hidden=(256, 256), classes=2)
    config = replace(config, drop_input=0.0, train_items=100, batch_size=100, seed=seed)
    return replace(config, optimizer="adam", learning_rate=0.01, final_rate=1.0, epochs=200)


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Everything; without MNIST's files the blobs alone."""
    measure_blobs(lab)
    if available("mnist"):
        measure_rates(lab)
        for variant in SETTINGS:
            measure_mnist(lab, variant)
        measure_sizes(lab)
        measure_features(lab)


def measure_rates(lab: Lab) -> None:
    """Every setting's error on held-out training images at every learning rate, one seed."""
    errors = {}
    for variant in SETTINGS:
        configs = {rate: rate_config(variant, rate, lab.quick) for rate in RATES}
        errors[variant] = lab.sweep(configs, variant, lambda run: lab.evaluate(run, "validation")["error"], 0)
    lab.save("rates", {"errors": errors}, rate_config(SETTINGS[0], RATES[0], lab.quick))


def measure_mnist(lab: Lab, variant: str) -> None:
    """Three seeds on the engine, the first on PyTorch too; with dropout also Monte-Carlo averages."""
    rate = best_rate(lab.results("rates")["errors"][variant])
    config = mnist_config(variant, rate, lab.quick)
    runs = [lab.train(config, seed, label=variant, each_epoch=True) for seed in lab.seeds(3)]
    rows = [float(np.linalg.norm(layer.weight.numpy(), axis=1).max()) for run in runs for layer in run.model.hidden]
    if variant == "dropout":
        averaged = [monte_carlo_errors(lab, run) for run in runs]
        lab.save("monte_carlo", {"samples": SAMPLES, "errors": averaged}, config)
        runs.append(lab.train(config, 0, side="torch", label=variant, each_epoch=True))
    lab.save(variant, {"runs": [run.record() for run in runs], "longest_row": max(rows)}, config)


def monte_carlo_errors(lab: Lab, run: Run) -> list[float]:
    """Test error of the average over 1, 2, 5 ... thinned networks."""
    wrong, total = np.zeros(len(SAMPLES)), 0
    for batch in lab.data.evaluation_batches(run.config, "test"):
        summed, drawn = np.zeros(()), 0  # probabilities of the networks drawn so far
        for k, samples in enumerate(SAMPLES):
            more = samples - drawn
            summed = summed + more * monte_carlo(run.model, Tensor(batch["image"]), more).numpy()
            drawn = samples
            wrong[k] += (summed.argmax(axis=1) != batch["label"]).sum()
        total += len(batch["label"])
    return list(100 * wrong / total)


def measure_sizes(lab: Lab) -> None:
    """With and without dropout on few images, both with the same learning rate and number of updates."""
    sizes = SIZES[:2] if lab.quick else SIZES
    errors: dict[str, dict[str, list[float]]] = {}
    for variant in ("standard", "dropout"):
        errors[variant] = {}
        for items in sizes:
            configs = [size_config(variant, items, seed, lab.quick) for seed in lab.seeds(3)]
            runs = [lab.train(config, config.seed, label=f"{variant}, {items} images") for config in configs]
            errors[variant][str(items)] = [run.metrics["error"] for run in runs]
    results = {"errors": errors, "updates": size_updates(lab.quick)}
    lab.save("sizes", results, size_config("dropout", sizes[0], 0, lab.quick))


def measure_features(lab: Lab) -> None:
    """The autoencoder's hidden units, with and without dropout."""
    units = {
        name: [hidden_units(lab, feature_config(drop, lab.quick), seed) for seed in lab.seeds(3)]
        for name, drop in (("standard", 0.0), ("dropout", 0.5))
    }
    lab.save("features", units | {"bins": FEATURE_BINS}, feature_config(0.5, lab.quick))


def hidden_units(lab: Lab, config: DropoutConfig, seed: int) -> dict[str, Any]:
    """Train one autoencoder; its error on the test images and what its hidden units do there."""
    model = lab.side("numpy").build(config, seed)
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate)
    batches = lab.data.training_batches(config, np.random.default_rng(seed))
    steps = config.epochs * len(batches)
    for _ in fit(reproduce(model, optimizer, endless(batches)), steps, every=len(batches)):
        pass
    model.eval()
    image = Tensor(lab.data.dataset(config, "test").images.reshape(-1, config.inputs))
    with no_grad():
        hidden, output = model.features(image), model(image)
        squared_error = F.mse_loss(output, image, reduction="sum").item() / len(image)
    shown = pictures(model.hidden[0].weight.numpy())
    return describe(hidden.numpy()) | {"squared_error": squared_error, "pictures": shown}


def reproduce(model: nn.Module, optimizer: optim.Optimizer, batches: Iterable[Record]) -> Iterator[float]:
    """Train the network to give back its input: the five steps of train.py, with another loss."""
    for batch in batches:
        image = Tensor(batch["image"])
        optimizer.zero_grad()
        loss = F.mse_loss(model(image), image, reduction="sum") / batch["count"]
        loss.backward()
        optimizer.step()
        yield loss.item()


def describe(hidden: np.ndarray) -> dict[str, Any]:
    """Mean activation, share of zeros, and the counts of the two histograms of figure 8.    (images, units)"""

    def counts(values: np.ndarray, name: str) -> list[int]:
        low, high, bins = FEATURE_BINS[name]
        return list(map(int, np.histogram(np.clip(values, low, high), bins, (low, high))[0]))

    return {
        "mean": float(hidden.mean()),
        "zeros": float((hidden == 0).mean()),
        "activations": counts(hidden, "activations"),
        "means": counts(hidden.mean(axis=0), "means"),
    }


def pictures(weight: np.ndarray, count: int = 32) -> str:
    """The incoming weights of the first units as bytes, each unit scaled to its largest weight.    (units, 784)"""
    scaled = weight[:count] / np.abs(weight[:count]).max(axis=1, keepdims=True)
    return base64.b64encode(np.round(127.5 * (scaled + 1)).astype(np.uint8).tobytes()).decode()


def measure_blobs(lab: Lab) -> None:
    """The same points and the same initial weights with and without dropout, many seeds; five on PyTorch too."""
    runs = []
    for variant in ("standard", "dropout"):
        for side, seeds in (("numpy", lab.seeds(40)), ("torch", lab.seeds(40)[:5])):
            for seed in seeds:
                run = lab.train(blob_config(variant, seed), seed, side=side, label=f"blobs, {variant}")
                train, test = (100 - metrics["error"] for metrics in (run.train_metrics, run.metrics))
                runs.append({"variant": variant, "side": side, "seed": seed, "train": train, "test": test})
    lab.save("blobs", {"runs": runs, "bayes": bayes_accuracy(), "distance": BLOB_DISTANCE}, blob_config("dropout", 0))


if __name__ == "__main__":
    as_command("dropout")
