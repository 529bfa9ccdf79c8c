"""What adaptation does to the weights: the spectrum of a change, and the directions that two adapters share.

The similarity is the paper's (section 7.2, figure 3; definition and numbers from memory): of the i and the j first
right singular vectors of two matrices A, the squared Frobenius norm of their products, over the smaller of i and j.
It is 1 where one of the subspaces lies in the other, and 0 where they are at right angles.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from tinygrad_lab.nn import Module
from tinygrad_lab.typing import Array

LAYERS = ("q_proj", "v_proj")  # that are looked at, in all blocks

Grids = dict[str, list[list[list[float]]]]  # layer -> seed -> i -> j -> similarity


def spectra(model: Module, base: Mapping[str, np.ndarray]) -> dict[str, list[list[float]]]:
    """Singular values of what full fine-tuning has added to the attention weights of every block."""
    return {
        name: [
            np.linalg.svd(array - base[path], compute_uv=False).tolist()
            for path, array in model.state_dict().items()
            if path.endswith(f"{name}.weight")
        ]
        for name in LAYERS
    }


def overlaps(small: Sequence[Module], large: Sequence[Module]) -> dict[str, Grids]:
    """Similarities of adapters of two ranks, means over blocks, one pair of models a seed; and of random matrices.

    A pair has two seeds, this one and the next: under one seed both ranks of the first adapted layer start from the
    same numbers, as far as the smaller has any, and would be alike without having learned a thing.  Only as many
    directions as the smaller rank has are kept of either, which is all that claim and picture need.
    """
    pairs = list(zip(small, [*large[1:], *large[:1]], strict=True))
    trained = {name: [_mean(_factors(one, name), _factors(other, name)) for one, other in pairs] for name in LAYERS}
    drawn = {name: [_by_chance(one, other, name, seed) for seed, (one, other) in enumerate(pairs)] for name in LAYERS}
    return {"trained": trained, "random": drawn}


def similarity(first: Float[Array, "r k"], second: Float[Array, "s k"]) -> Float[Array, "r s"]:
    """Of the first i directions of one matrix and the first j of another, for all i and j."""
    products = _directions(first) @ _directions(second).T
    summed = (products**2).cumsum(axis=0).cumsum(axis=1)
    counts = (np.arange(1, size + 1) for size in products.shape)
    return summed / np.minimum.outer(*counts)


def _directions(matrix: Float[Array, "r k"]) -> Float[Array, "r k"]:
    """The right singular vectors, as rows."""
    found: np.ndarray = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)[2]
    return found


def _factors(model: Module, name: str) -> list[np.ndarray]:
    """A of every adapter whose layer has that name."""
    return [array for path, array in model.state_dict().items() if path.endswith(f"{name}.lora_A.weight")]


def _by_chance(small: Module, large: Module, name: str, seed: int) -> list[list[float]]:
    """The same of independent normal numbers in the shapes of two models' A."""
    rng = np.random.default_rng(seed)
    one, other = ([rng.standard_normal(a.shape) for a in _factors(model, name)] for model in (small, large))
    return _mean(one, other)


def _mean(first: list[np.ndarray], second: list[np.ndarray]) -> list[list[float]]:
    grids = [similarity(one, other)[:, : len(one)] for one, other in zip(first, second, strict=True)]
    return [[round(float(value), 4) for value in row] for row in np.mean(grids, axis=0)]
