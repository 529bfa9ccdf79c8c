"""All samples, or a drawn share of them, judged one after the other."""

import random
import warnings
from collections.abc import Collection, Iterator
from typing import Any

import torch

from tests.agreement import modules, operators, optimizers
from tests.agreement.case import Case, Judged, judge

SECTIONS = {"Functions and methods": operators, "Layers": modules, "Optimisers": optimizers}


def run(names: Collection[str] = (), share: float = 1.0) -> dict[str, list[Judged]]:
    """Judge the samples of these names, of all if there are none; or a ``share`` of them, always the same."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # samples go where torch and NumPy warn
        return {title: list(_judged(section, names, share)) for title, section in SECTIONS.items()}


def _judged(section: Any, names: Collection[str], share: float) -> Iterator[Judged]:
    draw, chance = random.Random(0), share**0.5  # asked twice: of the dtype, and of the sample
    for pair in section.shared():
        if names and not {section.name_of(pair), section.name_of(pair).rpartition(".")[2]} & set(names):
            continue
        for case in section.cases(pair, lambda: draw.random() < chance):
            yield judge(case) if isinstance(case, Case) else case
