"""Every module that a model has takes part in its loss, in training as in evaluation.

A dropout or a normalisation that both sides have and neither calls is equal on both sides.
"""

import pytest

from tests.papers.both import on_both_sides, side_of
from tinygrad_lab.lab import registry
from tinygrad_lab.random import generator

PAPERS = registry.discover()
VARIANTS = [(slug, variant) for slug, paper in PAPERS.items() for variant in paper.variants]
# An LSTM of packed sequences gives out no tensor; the matrix of a score is used without its module.
QUIET = {"seq2seq_attention": {"encoder.lstm", "decoder.attention.score.W_a"}}


@on_both_sides
@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_no_module_is_left_out(slug: str, variant: str, package: str) -> None:
    paper = PAPERS[slug]
    side, config = side_of(slug, package), paper.variants[variant]["tiny"]
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)))
    model = side.build(config)
    innermost = {name for name, module in model.named_modules() if not list(module.children())}
    model.train()
    ran = {name.partition("[")[0] for name in side.outputs(model, lambda: side.loss(model, batch))}
    assert innermost - ran - QUIET.get(slug, set()) == set()
