"""Papers whose loss is worked out on two halves of the batch: gradients are those of the whole, for every variant."""

import numpy as np
import pytest

from tests.numerics import relative_error
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.nn.utils import halves
from tinygrad_lab.random import generator

HALVED = [(s, variant) for s in ("transformer", "bert", "lora", "llama") for variant in registry.find(s).variants]


@pytest.mark.parametrize(("slug", "variant"), HALVED)
def test_gradients_of_halves_add_up(slug: str, variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = registry.find(slug)
    config = registry.configuration(paper, variant, "tiny")
    side = NumpySide(paper)
    model = side.build(config, dtype="float64").eval()  # no noise, which differs between a batch and its halves
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)), "float64")
    monkeypatch.setattr(halves, "WORTHWHILE", 0)
    cut: list[int] = []
    monkeypatch.setattr(halves, "split", lambda batch, split=halves.split: cut.append(1) or split(batch))

    def gradients(threads: int) -> dict[str, np.ndarray]:
        monkeypatch.setattr(halves, "blas_threads", lambda: threads)
        model.zero_grad()
        value = side.loss(model, batch)
        value.backward()
        return {"loss": np.asarray(value.item()), **side.gradients(model.named_parameters())}

    whole, both = gradients(1), gradients(2)
    assert cut == [1]
    assert both.keys() == whole.keys()
    for name, gradient in whole.items():
        assert relative_error(both[name], gradient, 1e-6) < 1e-10, name
