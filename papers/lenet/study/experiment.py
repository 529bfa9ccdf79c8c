"""The claims of LeNet-5: its error on handwritten digits, with and without distortions of the training images.

tinygrad-lab claims lenet
"""

from dataclasses import replace

from tinygrad_lab.data import available
from tinygrad_lab.study import Lab, as_command

from ..config import VARIANTS, LeNetConfig

# name -> (variant, data set, distortions, epochs, seeds)
SETTINGS: dict[str, tuple[str, str, bool, int, int]] = {
    "plain": ("1998", "mnist", False, 20, 3),
    "distorted": ("1998", "mnist", True, 20, 1),
    "modern": ("modern", "mnist", False, 8, 1),
    "fashion": ("1998", "fashion-mnist", False, 8, 1),
    "digits": ("1998", "digits", False, 60, 3),
}


def configuration(name: str, quick: bool) -> LeNetConfig:
    """What a setting trains."""
    variant, dataset, distort, epochs, _ = SETTINGS[name]
    epochs = 1 if quick else epochs
    return replace(VARIANTS[variant]["paper"], dataset=dataset, distort=distort, epochs=epochs)


def measure(lab: Lab) -> None:
    """Train each setting whose images are to be had, on the engine; its first seed also on PyTorch."""
    for name, (_, dataset, _, _, seeds) in SETTINGS.items():
        if not available(dataset):
            continue
        config = configuration(name, lab.quick)
        runs = [lab.train(config, seed, label=name, each_epoch=True) for seed in lab.seeds(seeds)]
        runs.append(lab.train(config, 0, side="torch", label=name, each_epoch=True))
        lab.save(name, {"runs": [run.record() for run in runs]}, config)


if __name__ == "__main__":
    as_command("lenet")
