"""What is measured on a trained autoencoder beyond its error, and the methods it is compared with.

``bench`` is one side of the paper, as the lab gives it: it turns arrays into its library's tensors and back.
"""

import base64
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

from tinygrad_lab.random import bernoulli, generator
from tinygrad_lab.study import Record, Side

from .arms import CORRUPTION

CHUNK = 500  # images at a time
NEIGHBOURS = 10


def codes(bench: Side, model: Any, images: np.ndarray) -> np.ndarray:
    """(n, 1, s, s) -> (n, k), in evaluation mode."""
    model.eval()
    return np.concatenate([bench.array(model.encode(bench.tensor(part))) for part in chunks(images)])


def reconstructions(bench: Side, model: Any, images: np.ndarray) -> np.ndarray:
    """(n, 1, s, s) -> (n, 1, s, s), in evaluation mode."""
    model.eval()
    return np.concatenate([bench.array(model.reconstruct(model(bench.tensor(part)))) for part in chunks(images)])


def variational_bound(bench: Side, model: Any, images: np.ndarray) -> dict[str, float]:
    """Minus the bound and its two terms in nats per image, one draw of z for each: what training minimises."""
    model.train()
    totals = {"loss": 0.0, "reconstruction": 0.0, "kl": 0.0}
    for part in chunks(images):
        image = bench.tensor(part)
        terms = model.losses(model(image), image)
        totals = {name: total + float(bench.array(terms[name])) for name, total in totals.items()}
    return {name: total / len(images) for name, total in totals.items()}


def damaged_error(bench: Side, model: Any, images: np.ndarray) -> float:
    """The squared error of what a model makes of damaged images, against the undamaged ones."""
    return squared_error(images, reconstructions(bench, model, corrupted(images, CORRUPTION)))


def held_out(bench: Side, model: Any, arm: str, images: np.ndarray) -> float:
    """What an arm is judged by, on images that are not trained on: its bound, its repair, or its squared error."""
    if arm.startswith("vae"):
        return variational_bound(bench, model, images)["loss"]
    if arm in ("denoising", "plain"):
        return damaged_error(bench, model, images)
    return squared_error(images, reconstructions(bench, model, images))


def samples(bench: Side, model: Any, code_size: int, count: int) -> np.ndarray:
    """Images decoded from draws of the prior N(0, 1)."""
    z = generator(0).standard_normal((count, code_size), np.float32)
    return bench.array(model.decode(bench.tensor(z)).sigmoid())


def chunks(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]


# ---- numbers --------------------------------------------------------------------------------------------------------


def squared_error(images: np.ndarray, reconstructed: np.ndarray) -> float:
    """Summed over pixels, mean over images."""
    return float(((images - reconstructed).astype(np.float64) ** 2).sum()) / len(images)


def corrupted(images: np.ndarray, fraction: float) -> np.ndarray:
    """The same damage for every model that is compared."""
    kept: np.ndarray = images * bernoulli(generator(1), images.shape, 1 - fraction, images.dtype)
    return kept


def neighbour_accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Percent of test codes whose nearest training codes vote for the right class."""
    return 100 * float(KNeighborsClassifier(NEIGHBOURS).fit(train, labels).score(test, truth))


def subspace_overlap(pca: "Components", decoder_weight: np.ndarray) -> float:
    """Mean squared cosine of the angles between PCA's subspace and the decoder's: 1 where they are the same.

    Args:
        decoder_weight: (pixels, k)
    """
    spanned = np.linalg.qr(decoder_weight)[0]
    return float(np.linalg.norm(pca.directions @ spanned) ** 2) / len(pca.directions)


def first_of_each_class(labels: np.ndarray) -> np.ndarray:
    """Rows of the first image of each class."""
    return np.unique(labels, return_index=True)[1]


# ---- other methods --------------------------------------------------------------------------------------------------


class Components:
    """PCA, fitted on the training images, the mean removed."""

    def __init__(self, images: np.ndarray, code_size: int) -> None:
        self._pca = PCA(code_size, svd_solver="covariance_eigh").fit(images.reshape(len(images), -1).astype(np.float64))
        self.directions = self._pca.components_  # (k, pixels)

    def encode(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self._pca.transform(images.reshape(len(images), -1)))

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return np.reshape(self._pca.inverse_transform(self.encode(images)), images.shape)


def tsne(images: np.ndarray) -> np.ndarray:
    """A map of these images alone: t-SNE has no encoder, so nothing new can be placed on it.    (n, 2)"""
    points: np.ndarray = TSNE(2, init="pca", random_state=0).fit_transform(images.reshape(len(images), -1))
    return points


# ---- arrays in results files ----------------------------------------------------------------------------------------


def pack(array: np.ndarray) -> Record:
    """float32 values as text."""
    data = base64.b64encode(array.astype("<f4").tobytes()).decode("ascii")
    return {"shape": list(array.shape), "float32": data}


def pack_pixels(images: np.ndarray) -> Record:
    """(n, 1, s, s) in [0, 1], to one of 256 greys."""
    pixels = np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)
    return {"shape": [len(images), *images.shape[2:]], "uint8": base64.b64encode(pixels.tobytes()).decode("ascii")}


def unpack(packed: Record) -> np.ndarray:
    """What ``pack`` or ``pack_pixels`` made."""
    name, dtype = ("float32", "<f4") if "float32" in packed else ("uint8", "u1")
    return np.frombuffer(base64.b64decode(packed[name]), dtype).reshape(packed["shape"])
