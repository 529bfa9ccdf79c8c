"""What a paper's model does beside its loss, which parity never asks for, is the same on both sides."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.papers.both import tiny
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.noise import replayed
from tinygrad_lab.lab.sides import Arrays, Side, sides
from tinygrad_lab.random import generator, record_draws


class Doing(NamedTuple):
    """What is done with a side's module, a model and a batch; it gives tensors by name."""

    slug: str
    variant: str
    do: Callable[[Any, Any, Any], dict[str, Any]]


def views(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    stacked = module.stack([batch["image"], batch["image"].flip(-1)])
    return {"average": module.average_over_views(model.eval(), stacked)}


def normalised(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    return {"normalised": module.LocalResponseNorm()(100 * batch["image"])}


def predicted(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    return {"label": model.predict(model.eval()(batch["image"]))}


def sampled(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Of a model that was used before: it drops units all the same."""
    return {"probabilities": module.monte_carlo(model.eval(), batch["image"], 3)}


def coded(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    code = model.encode(batch["image"])
    output = model.eval()(batch["image"])
    return {"code": code, "decoded": model.decode(code), "reconstructed": model.reconstruct(output)}


def aligned(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    return {"alignment": model.align(batch["source"], batch["length"], batch["target"][:, :-1])}


def read(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Several tokens at once: where the decoder stands after the last of them."""
    memory, state = model.eval().encode(batch["source"], batch["length"])
    state = model.decode(batch["target"][:, :-1], state, memory)[2]
    return {"h": state.h, "c": state.c, "attentional": state.attentional}


def centred(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """With every position predicted in the middle, so that some are just as far from it as the window reaches."""
    weight = model.decoder.attention.v_p.weight.detach()
    weight.copy_(0 * weight)
    return aligned(module, model, batch | {"length": 0 * batch["length"] + 4})


def scored(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    scores, related = model.eval()(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    return {"scores": scores, "related": related}


def summarised(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Where every token looks to the left only."""
    model.bert.context = "left"
    tokens, pooled = model.bert.eval()(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    return {"tokens": tokens, "pooled": pooled}


def embedded(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    model.bert.__class__ = module.SentenceEncoder
    return {"sentence": model.bert.eval()(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])}


def faint(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Of tokens that say nearly nothing: they cannot be made as long as others."""
    for parameter in model.bert.encoder.layer[-1].output.LayerNorm.parameters():
        parameter.detach().copy_(1e-13 * parameter.detach())
    return embedded(module, model, batch)


def moved(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """By an optimiser that is told nothing but what to move."""
    train = importlib.import_module(module.__name__.replace(".model", ".train"))
    optimizer = train.BertAdam(model.eval().parameters())
    for _ in range(2):
        module.loss(model, batch).backward()
        optimizer.step()
    return {name: value.detach() for name, value in model.named_parameters()}


def adapted(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Into the weights, out of them, in again, and left there."""
    found = {}
    model.eval()
    for step in ("merge", "unmerge", "merge", "detach"):
        getattr(module, step)(model)
        found[f"{len(found)} output after {step}"] = model(batch["sequence"])
        found |= {f"{len(found)} {name} after {step}": value.detach() for name, value in model.named_parameters()}
    return found


def kept(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Of one text, where nothing is said of how many there are."""
    if hasattr(module, "State"):
        return vars(module.State(tiny("mamba", "s6")))
    new = batch["tokens"][:1, None, :3, None].float().expand(1, 2, 3, 4)
    keys, values = module.KVCache(tiny("llama", "llama"), 5).append(new, 2 * new)
    return {"keys": keys, "values": values}


def decayed(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """Of gates that are nearly closed, and of some that are."""
    gates = -(batch["tokens"].to(next(model.parameters()).dtype) ** 8)[:, None, :]
    return {"decay": module.decay(gates, 2)}


def full(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """As many tokens as there are positions."""
    if hasattr(model, "bert"):
        most = len(model.bert.embeddings.position_embeddings.weight)
        ids = batch["input_ids"][:1, :1].expand(1, most)
        return {"scores": model.eval()(ids, ids >= 0, 0 * ids)[0]}
    if hasattr(model, "max_positions"):
        source = batch["source"][:1, :1].expand(1, model.max_positions)
        lengths = {"all": 0 * batch["length"][:1] + model.max_positions, "one": 0 * batch["length"][:1] + 1}
        return {name: model.eval().encode(source, length)[0].layers[0][0] for name, length in lengths.items()}
    return {"logits": model.eval()(batch["tokens"][:1, :1].expand(1, model.model.context))}


def undropped(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """With the smallest probability of all."""
    return {"kept": module.Dropout(0.0)(batch["image"])}


def ranked(module: Any, model: Any, batch: Any) -> dict[str, Any]:
    """With the smallest rank and the largest."""
    layer = model.blocks[0].up_proj
    for rank in (1, min(layer.weight.shape)):
        module.check_rank(layer, rank)
    return {"weight": layer.weight.detach()}


DONE = [
    *(Doing("alexnet", "2012", do) for do in (views, normalised, predicted)),
    *(Doing("lenet", variant, predicted) for variant in ("1998", "modern")),
    *(Doing("dropout", variant, do) for variant in ("dropout", "gaussian") for do in (predicted, sampled)),
    *(Doing("autoencoder", v, coded) for v in ("deep", "linear", "convolutional", "denoising", "vae")),
    *(Doing("seq2seq_attention", variant, aligned) for variant in ("general", "local-p", "input-feeding", "none")),
    *(Doing("seq2seq_attention", variant, read) for variant in ("general", "input-feeding", "none")),
    Doing("seq2seq_attention", "local-p", centred),
    *(Doing("bert", "bert", do) for do in (scored, summarised, embedded, faint, moved)),
    Doing("bert", "no-nsp", embedded),
    *(Doing("lora", variant, adapted) for variant in ("lora", "all-linear")),
    *(
        Doing(slug, variant, full)
        for slug, variant in (("bert", "bert"), ("transformer", "learned"), ("llama", "llama"))
    ),
    Doing("dropout", "dropout", undropped),
    Doing("lora", "full", ranked),
    Doing("llama", "llama", kept),
    Doing("mamba", "s6", kept),
    Doing("forgetting_transformer", "llama", decayed),
]


@pytest.mark.parametrize("doing", DONE, ids=[f"{d.slug}-{d.variant}-{d.do.__name__}" for d in DONE])
def test_both_sides_do_the_same(doing: Doing) -> None:
    ours, theirs = sides(registry.find(doing.slug))
    model = ours.build(tiny(doing.slug, doing.variant), 1, "float64")
    weights = dict(unlike_any(ours.state(model)))
    with record_draws() as draws:
        mine = done(ours, model, weights, doing)
    twin = theirs.build(tiny(doing.slug, doing.variant), 2, "float64")
    with replayed(draws):
        other = done(theirs, twin, weights, doing)
    assert list(mine) == list(other)
    for name, value in mine.items():
        assert value.shape == other[name].shape
        np.testing.assert_allclose(value, other[name], rtol=1e-9, atol=1e-12, err_msg=name)


def unlike_any(state: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """No zeros among the weights: what is multiplied by one is not seen."""
    rng = generator(3)
    for name, value in state.items():
        yield name, value + (0.1 * rng.standard_normal(value.shape) if value.dtype.kind == "f" else 0)


def done(side: Side, model: Any, weights: Arrays, doing: Doing) -> Arrays:
    side.load(model, weights)
    data = registry.part(registry.find(doing.slug), "data")
    batch = side.batch(data.example_batch(tiny(doing.slug, doing.variant), generator(0)), "float64")
    found = doing.do(side.model_module, model, batch)
    return {name: side.array(value) for name, value in found.items() if value is not None}


@pytest.mark.parametrize("slug", registry.discover())
def test_both_sides_have_the_same_constants(slug: str) -> None:
    ours, theirs = (dict(constants(side.model_module)) for side in sides(registry.find(slug)))
    assert ours == theirs


def constants(holder: Any) -> Iterator[tuple[str, Any]]:
    """The plain values that a module, or a class of its own, has by name."""
    for name, value in vars(holder).items():
        if isinstance(value, bool | int | float | str | tuple) and not name.startswith("_"):
            yield name, value
        elif isinstance(value, type) and value.__module__ == vars(holder).get("__name__"):
            yield from ((f"{name}.{inner}", constant) for inner, constant in constants(value))
