"""Papers whose loss is worked out on two halves of the batch: gradients are those of the whole, for every variant."""

import inspect

import numpy as np
import pytest

from tests.numerics import relative_error
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.nn.utils import halves
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator


def is_halved(paper: Paper) -> bool:
    return "@nn.utils.in_halves" in inspect.getsource(registry.part(paper, "model"))


HALVED = [(s, variant) for s, paper in registry.discover().items() if is_halved(paper) for variant in paper.variants]


def test_six_papers_are_halved() -> None:
    assert {slug for slug, _ in HALVED} == {
        "transformer", "bert", "lora", "llama", "forgetting_transformer", "mamba",
    }  # fmt: skip


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
