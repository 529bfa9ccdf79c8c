"""Every paper's loss in two parts, one by a worker or by a thread, is that of the whole batch, for every variant."""

import sys

import numpy as np
import pytest

from tests.engine.working import let_everything_pay, pids
from tests.numerics import relative_error
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.nn.utils import parts
from tinygrad_lab.random import generator
from tinygrad_lab.workers import shared, threads

PAPERS = registry.discover()
VARIANTS = [(slug, variant) for slug, paper in PAPERS.items() for variant in paper.variants]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are threads only")


@pytest.mark.parametrize("by", [pytest.param("workers", marks=LINUX), "threads"])
@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_gradients_of_parts_add_up(slug: str, variant: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = registry.find(slug)
    config = registry.configuration(paper, variant, "tiny")
    side = NumpySide(paper)
    model = side.build(config, dtype="float64").eval()  # no noise, which differs between a batch and its parts
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)), "float64")
    let_everything_pay(monkeypatch)
    monkeypatch.setattr(threads, "WORTHWHILE", 0)
    monkeypatch.setattr(shared, "possible", lambda: by == "workers")
    cut: list[int] = []
    monkeypatch.setattr(
        parts, "split", lambda batch, count, split=parts.split: cut.append(count) or split(batch, count)
    )

    def gradients(workers: str) -> dict[str, np.ndarray]:
        monkeypatch.setenv("TINYGRAD_LAB_WORKERS", workers)
        model.zero_grad()
        value = side.loss(model, batch)
        value.backward()
        return {"loss": np.asarray(value.item()), **side.gradients(model.named_parameters())}

    whole, both = gradients("1"), gradients("2")
    assert cut == [2]
    assert bool(pids(model)) == (by == "workers")
    assert both.keys() == whole.keys()
    for name, gradient in whole.items():
        assert relative_error(both[name], gradient, 1e-6) < 1e-10, name
