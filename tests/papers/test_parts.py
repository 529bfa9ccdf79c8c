"""Every paper's loss in two parts, one with a worker, is that of the whole batch, for every variant."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from tests.engine.working import let_everything_pay, pids
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.random import generator

PAPERS = registry.discover()
CASES = [(slug, variant) for slug, paper in PAPERS.items() for variant in paper.variants]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are threads only")


@pytest.fixture(autouse=True)
def two_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    let_everything_pay(monkeypatch)


@pytest.mark.parametrize(("slug", "variant"), CASES)
def test_loss_and_gradients_are_those_of_the_whole_batch(slug: str, variant: str) -> None:
    paper = PAPERS[slug]
    config, side = registry.configuration(paper, variant, "tiny"), NumpySide(paper)
    model = side.build(config, dtype="float64").eval()  # without the noise, which each part draws for itself
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)), "float64")
    found = {}
    for loss in (side.model_module.loss, side.model_module.loss.of_a_part):
        value = loss(model, batch)
        value.backward()
        found[loss] = {"loss": value.numpy(), **side.gradients(model.named_parameters())}
        model.zero_grad()
    assert len(pids(model)) == 1
    cut, whole = found.values()
    assert cut.keys() == whole.keys()
    for name in whole:
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-9, atol=1e-12, err_msg=name)
