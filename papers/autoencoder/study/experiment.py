"""The claims of the autoencoders: how much a small code keeps, against PCA; repairing damage; the variational bound.

tinygrad-lab claims autoencoder
"""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data.transforms import fit
from tinygrad_lab.study import Lab, Record, Run, Side, as_command

from ..config import VARIANTS, AutoencoderConfig
from ..data import dataset
from . import probes

CORRUPTION = VARIANTS["denoising"]["paper"].corruption
MAP_SIZE = 2000  # test images on the maps


def _setting(variant: str, epochs: int, seeds: int, **changes: Any) -> tuple[AutoencoderConfig, int]:
    return replace(VARIANTS[variant]["paper"], dataset="mnist", epochs=epochs, **changes), seeds


SETTINGS: dict[str, tuple[AutoencoderConfig, int]] = {  # name -> configuration, seeds on the engine; one on torch
    "deep-30": _setting("deep", 25, 2),
    "deep-2": _setting("deep", 10, 1, code_size=2),
    "small-weights": _setting("deep", 2, 1, gain=0.3),  # near the N(0, 0.01^2) of 2006
    "linear-30": _setting("linear", 20, 3),
    "linear-2": _setting("linear", 20, 3, code_size=2),
    "convolutional-30": _setting("convolutional", 5, 1),
    "denoising": _setting("denoising", 5, 3),
    "plain": _setting("denoising", 5, 3, corruption=0.0),
    "vae-5": _setting("vae", 8, 1, code_size=5),
    "vae-20": _setting("vae", 8, 3),
    "vae-100": _setting("vae", 8, 1, code_size=100),
}


# ---- measuring ------------------------------------------------------------------------------------------------------


class Images:
    """Both splits of a configuration's data, and PCA of each code size fitted once."""

    def __init__(self, config: AutoencoderConfig) -> None:
        train, test = dataset(config, "train"), dataset(config, "test")
        self.train, self.test = (fit(split.images, config.image_size) for split in (train, test))
        self.train_labels, self.test_labels = train.labels, test.labels
        self.examples = self.test[probes.first_of_each_class(test.labels)]
        self.pca = {size: probes.Components(self.train, size) for size in (2, 30)}

    def neighbours(self, train: np.ndarray, test: np.ndarray) -> float:
        """Percent of test codes whose nearest training codes have the right class."""
        return probes.neighbour_accuracy(train, self.train_labels, test, self.test_labels)


def configuration(name: str, quick: bool) -> AutoencoderConfig:
    """What a setting trains; when quick, one epoch on the embedded digits."""
    config = SETTINGS[name][0]
    return replace(config, dataset="digits", epochs=1) if quick else config


def measure(lab: Lab) -> None:
    """Train every setting on the engine, its first seed also on PyTorch, and probe the trained models."""
    images = Images(configuration("deep-30", lab.quick))
    measure_baselines(lab, images)
    for name, (_, seeds) in SETTINGS.items():
        config = configuration(name, lab.quick)
        records = []
        for side, seed in [*(("numpy", seed) for seed in lab.seeds(seeds)), ("torch", 0)]:
            run = lab.train(config, seed, side=side, label=name)
            records.append(run.record() | probe(lab.side(side), run, images))
        lab.save(name, {"runs": records}, config)


def measure_baselines(lab: Lab, images: Images) -> None:
    """Save the errors, codes and pictures of PCA, of the mean image and of t-SNE."""
    mean, map_of, shown = images.train.mean(axis=0, keepdims=True), images.pca[2], images.test[:MAP_SIZE]
    results: Record = {"mean image": probes.squared_error(images.test, mean)}
    for size, pca in images.pca.items():
        results[f"pca-{size}"] = {
            "train": probes.squared_error(images.train, pca.reconstruct(images.train)),
            "test": probes.squared_error(images.test, pca.reconstruct(images.test)),
            "pictures": probes.pack_pixels(pca.reconstruct(images.examples)),
        }
    damaged = probes.corrupted(images.examples, CORRUPTION)
    results |= {
        "neighbours": images.neighbours(map_of.encode(images.train), map_of.encode(images.test)),
        "pictures": probes.pack_pixels(images.examples),
        "damaged pictures": probes.pack_pixels(damaged),
        "maps": {"PCA": probes.pack(map_of.encode(shown)), "t-SNE": probes.pack(probes.tsne(shown))},
        "labels": images.test_labels[:MAP_SIZE].tolist(),
    }
    lab.save("baselines", results, configuration("deep-30", lab.quick))


def probe(bench: Side, run: Run, images: Images) -> Record:
    """What the claims and figures need of one trained model."""
    variant, size, model = run.config.variant, run.config.code_size, run.model
    results: Record = {"pictures": probes.pack_pixels(probes.reconstructions(bench, model, images.examples))}
    if variant == "deep" and size == 2:
        train, test = (probes.codes(bench, model, split) for split in (images.train, images.test))
        results |= {"neighbours": images.neighbours(train, test), "map": probes.pack(test[:MAP_SIZE])}
    elif variant == "linear":
        weight = bench.state(model)["decoder.weight"]
        results["overlap"] = probes.subspace_overlap(images.pca[size], weight)
    elif variant == "denoising":
        damaged, examples = (probes.corrupted(split, CORRUPTION) for split in (images.test, images.examples))
        repaired, pictures = (probes.reconstructions(bench, model, split) for split in (damaged, examples))
        results["damaged"] = probes.squared_error(images.test, repaired)
        results["repaired pictures"] = probes.pack_pixels(pictures)
    elif variant == "vae":
        results["train bound"] = probes.variational_bound(bench, model, images.train)
        results["test bound"] = probes.variational_bound(bench, model, images.test)
        results["samples"] = probes.pack_pixels(probes.samples(bench, model, size, 40))
    return results


if __name__ == "__main__":
    as_command("autoencoder")
