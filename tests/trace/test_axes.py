"""Names and labels of dimensions: from annotations, along with the numbers, into opened operations."""

import numpy as np

from tinygrad_lab import Tensor, ops
from tinygrad_lab.trace import Trace, record, trace
from tinygrad_lab.trace.axes import Axis, name_axes
from tinygrad_lab.trace.inside import inside
from tinygrad_lab.trace.schema import as_json

WORDS = [["a", "cat", "sat"], ["the", "dog", "ran"]]


def random(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


def names(traced: Trace) -> dict[str, list[str]]:
    return {value.name: [axis.name for axis in value.axes or []] for value in traced.values}


def labelled(traced: Trace, name: str, axes: list[Axis]) -> None:
    next(value for value in traced.values if value.name == name).axes = axes
    name_axes(traced)


def attention() -> Trace:
    """Two sentences of three words, two heads: as a paper writes it."""
    x = random(2, 3, 4)
    with record({"x": x}):
        heads = x.reshape(2, 3, 2, 2).transpose(1, 2)
        y = ops.scaled_dot_product_attention(heads * 3, heads, heads * 2)
        loss = y.sum()
    return trace(loss)


def trace_of_numbers() -> Trace:
    with record():
        loss = random() * random()
    return trace(loss)


def test_a_convolution_names_its_dimensions() -> None:
    image, weight = random(2, 3, 5, 5), random(4, 3, 3, 3)
    with record():
        a = ops.conv2d(image, weight)
        b = a.tanh()
        loss = b.sum()
    traced = trace(loss)
    found = names(traced)
    assert found["image"] == ["image", "channel", "row", "column"]
    assert found["weight"] == ["filter", "channel", "row", "column"]
    assert found["a"] == found["b"] == ["image", "filter", "row", "column"]
    assert traced.result.axes is None


def test_tokens_and_heads_are_named_through_a_papers_layers() -> None:
    ids, table, weight = Tensor(np.array([[1, 2, 0], [2, 1, 1]])), random(4, 8), random(8, 8)
    with record():
        x = ops.embedding(ids, table)
        y = ops.linear(x, weight)
        heads = y.reshape(2, 3, 2, 4).transpose(1, 2)
        attended = ops.scaled_dot_product_attention(heads, heads, heads)
        together = attended.transpose(1, 2).reshape(2, 3, 8)
        loss = together.sum()
    found = names(trace(loss))
    assert found["ids"] == ["batch", "position"]
    assert found["x"] == ["batch", "position", "feature"]
    assert found["y"] == ["batch", "position", "output"]
    assert found["heads"] == found["attended"] == ["batch", "head", "position", "feature"]
    assert found["together"] == ["batch", "position", ""]


def test_words_go_along_to_the_edges_of_the_attention() -> None:
    traced = attention()
    labelled(traced, "x", [Axis("batch"), Axis("token", WORDS, by="batch"), Axis()])
    step = next(s for s in traced if s.phase == "forward" and s.operation.name == "scaled_dot_product_attention")
    opened = inside(step)
    (weights,) = [value for value in opened.values if value.name == "weights"]
    assert weights.axes == [Axis("batch"), Axis("head"), Axis("query", WORDS, "batch"), Axis("key", WORDS, "batch")]


def test_whole_dimensions_are_followed_and_no_others() -> None:
    x = random(2, 3, 4)
    with record({"x": x}):
        turned = x.permute(2, 0, 1)
        cut = turned[1:, 0]
        split = x.reshape(2, 3, 2, 2)
        product = x @ random(2, 4, 5)
        mixed = x.reshape(4, 6)
        loss = turned.sum() + cut.sum() + split.sum() + product.sum() + mixed.sum()
    traced = trace(loss)
    labelled(traced, "x", [Axis("batch"), Axis("token", WORDS, by="batch"), Axis("feature", "pqrs")])
    found = names(traced)
    assert found["turned"] == ["feature", "batch", "token"]
    assert found["cut"] == ["feature", "token"]
    assert found["split"] == ["batch", "token", "", ""]
    assert found["product"] == ["batch", "token", ""]
    assert found["mixed"] == []
    cut_axes = next(value.axes for value in traced.values if value.name == "cut")
    assert cut_axes[0].labels == "qrs"


def test_in_json() -> None:
    traced = attention()
    labelled(traced, "x", [Axis("batch"), Axis("token", WORDS, by="batch"), Axis()])
    data = as_json(traced, open_fused=False)
    assert data["axes"][data["values"][0]["axes"]] == [
        {"name": "batch"},
        {"name": "token", "labels": WORDS, "by": "batch"},
        {"name": ""},
    ]
    assert all("axes" not in value for value in as_json(trace_of_numbers())["values"])
