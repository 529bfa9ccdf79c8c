"""The images of the study: what is trained on, what rates are chosen on, what is judged on, and PCA of them."""

from dataclasses import replace

import numpy as np

from tinygrad_lab.data.transforms import fit

from ..config import AutoencoderConfig
from ..data import dataset
from . import probes

CODES = (2, 30)


class Images:
    """The splits of a configuration's data, and PCA of each code size fitted once.

    Attributes:
        train: what networks train on, a part of all training images.
        validation: training images that no network trains on.
        mean: of all training images.
        pca: fitted on all training images, which are more than the networks have.
        own_pca: fitted on ``train``.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        whole = dataset(replace(config, train_items=0), "train")
        train, validation, test = (dataset(config, split) for split in ("train", "validation", "test"))
        everything, self.train, self.validation, self.test = (
            fit(split.images, config.image_size) for split in (whole, train, validation, test)
        )
        self.train_labels, self.test_labels = train.labels, test.labels
        self.examples = self.test[probes.first_of_each_class(test.labels)]
        self.mean = everything.mean(axis=0, keepdims=True)
        self.pca = {size: probes.Components(everything, size) for size in CODES}
        self.own_pca = {size: probes.Components(self.train, size) for size in CODES}

    def neighbours(self, train: np.ndarray, test: np.ndarray) -> float:
        """Percent of test codes whose nearest training codes have the right class."""
        return probes.neighbour_accuracy(train, self.train_labels, test, self.test_labels)
