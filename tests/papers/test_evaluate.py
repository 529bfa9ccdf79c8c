"""evaluate(): the claims rest on it. Both sides measure the same, and what can be counted by hand is what they say."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Side, sides
from tinygrad_lab.random import generator

VARIANTS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]
IGNORED, PAD = -100, 0
ANSWERS = 5  # classes, or symbols
RIGHT, WRONG = math.log(2), math.log(8)  # what an answer costs that was given the probability 1/2, and one of 1/8


def batches(slug: str, variant: str) -> Iterator[dict[str, Any]]:
    """Batches of several sizes: the mean of their means would be another number."""
    paper = registry.find(slug)
    rng = generator(3)
    for items in (4, 1, 3):
        config = replace(paper.variants[variant]["tiny"], batch_size=items)
        batch = registry.part(paper, "data").example_batch(config, rng)
        if slug == "alexnet":  # each image in several views
            batch["image"] = np.stack([batch["image"], batch["image"][..., ::-1]])
        yield batch | {"bytes": 2.5 * batch["count"]}


@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_both_sides_measure_the_same_of_the_same_weights(slug: str, variant: str) -> None:
    paper = registry.find(slug)
    config = paper.variants[variant]["tiny"]
    ours, theirs = sides(paper)
    weights = ours.state(ours.build(config, 1))
    metrics = []
    for side in (ours, theirs):
        model = side.build(config, 2)
        side.load(model, weights)
        model.train()  # which evaluate() has to end
        metrics.append(side.evaluate(model, batches(slug, variant)))
        assert not model.training
    assert metrics[0] == pytest.approx(metrics[1], rel=1e-5)
    assert all(math.isfinite(value) for value in metrics[0].values())


# ---- by hand --------------------------------------------------------------------------------------------------------
class Case(NamedTuple):
    """What the model says to each batch, and what that is worth."""

    slug: str
    variant: str
    outputs: Sequence[Any]  # of each call
    batches: Sequence[dict[str, Any]]
    expected: dict[str, float]


def sure(answers: Any) -> np.ndarray:
    """Logits that give these answers the probability 1/2 each, and 1/8 to each of the four others."""
    return (math.log(4) * (np.arange(ANSWERS) == np.array(answers)[..., None])).astype(np.float32)


def labelled(name: str, labels: Sequence[int], **more: Any) -> dict[str, Any]:
    given = {name: np.zeros((len(labels), 1, 2, 2), np.float32), "label": np.array(labels)}
    return given | {"count": float(len(labels))} | more


def texts(given: str, wanted: str, targets: Any, count: float, **more: Any) -> dict[str, Any]:
    targets = np.array(targets)
    return {given: np.ones_like(targets), wanted: targets, "count": count, **more}


def translated(targets: Any, count: float) -> dict[str, Any]:
    source = np.ones((len(targets), 2), np.int64)
    return {"source": source, "length": np.full(len(targets), 2), "target": np.array(targets), "count": count}


THREE_OF_FIVE = [sure([0, 1, 2, 4]), sure([2])], [[0, 1, 2, 3], [1]]
IMAGES = [labelled("image", labels) for labels in THREE_OF_FIVE[1]]
COST = (3 * RIGHT + 2 * WRONG) / 5
NEXT = [sure([[1, 2, 3], [4, 0, 1]]), sure([[2, 2, 0]])]  # of which the third and the last are wrong
TARGETS = [[1, 2, 4], [4, 0, 1]], [[2, 2, 3]]
HOPELESS = 1000 * np.eye(ANSWERS, dtype=np.float32)[[[1, 1]]]
NATS = (7 * RIGHT + 2 * WRONG) / 9
RANKED = np.tile(np.arange(7.0, dtype=np.float32)[::-1], (5, 1))  # class 0 first, class 6 last
LEGAL = np.zeros((3, 2, ANSWERS), bool)
LEGAL[..., 1:3] = True  # at each of two steps of three strings
ACTIVE = np.array([0.0, 2.0, 1.0, 0.5, 0.5], np.float32)
STRINGS = np.tile(ACTIVE, (2, 3, 1))  # steps, strings
STRINGS[1, 2, 3] = 1.0  # in the last string one that is not legal is as active as one that is
STRING_COST = float(np.log(np.exp(STRINGS).sum(axis=-1)).sum()) - 6 * 2.0  # symbol 1 is what came
LEFT_OUT = [[1, 2, IGNORED], [4, IGNORED, 3]], [[2, IGNORED, 3]]  # 4 of 6 right: the last of each batch is wrong


def hidden(labels: Any, related: Sequence[int] = ()) -> dict[str, Any]:
    labels = np.array(labels)
    count = float((labels != IGNORED).sum())
    return {
        "input_ids": np.ones_like(labels), "attention_mask": np.ones(labels.shape, bool),
        "token_type_ids": np.zeros_like(labels), "labels": labels, "count": count,
        "next_sentence": np.array(related), "pairs": float(len(related)),
    }  # fmt: skip


def sentences(labels: Sequence[int]) -> dict[str, Any]:
    return hidden(np.ones((len(labels), 2), np.int64)) | {"label": np.array(labels), "count": float(len(labels))}


CASES = [
    Case("lenet", "modern", THREE_OF_FIVE[0], IMAGES, {"error": 40.0, "loss": COST}),
    Case("dropout", "standard", THREE_OF_FIVE[0], IMAGES, {"error": 40.0, "loss": COST}),
    # distances from each class's bitmap, the nearest is the answer; a j of 90 adds nothing
    Case("lenet", "1998", [-output for output in THREE_OF_FIVE[0]], IMAGES, {"error": 40.0, "loss": COST}),
    # item k is an image of the k-th best class, the last two of the best and the worst, in each of two views
    Case("alexnet", "2012", [RANKED, RANKED, RANKED[:2], RANKED[:2]], [
        {"image": np.zeros((2, 5, 3, 2, 2), np.float32), "label": np.arange(5), "count": 5.0},
        {"image": np.zeros((2, 2, 3, 2, 2), np.float32), "label": np.array([0, 6]), "count": 2.0},
    ], {"error": 100 - 200 / 7, "top5_error": 100 - 600 / 7, "loss": math.log(np.exp(np.arange(7)).sum()) - 26 / 7}),
    Case("lora", "lora", NEXT, [texts("sequence", "target", t, 3.0 * len(t)) for t in TARGETS], {"loss": NATS}),
    Case("forgetting_transformer", "llama", NEXT, [texts("tokens", "target", t, 3.0 * len(t)) for t in TARGETS],
         {"loss": NATS, "perplexity": math.exp(NATS)}),
    # nats of a character, where a token has two of them; perplexity is a token's
    Case("llama", "llama", NEXT, [texts("tokens", "target", t, 3.0 * len(t), bytes=6.0 * len(t)) for t in TARGETS],
         {"loss": NATS / 2, "perplexity": math.exp(NATS)}),
    # 2 ** 1 and 2 ** 3 are one over the probabilities
    Case("mamba", "copying", NEXT,
         [texts("tokens", "target", LEFT_OUT[0], 4.0), texts("tokens", "target", LEFT_OUT[1], 2.0)],
         {"bits": (4 * 1 + 2 * 3) / 6, "accuracy": 100 * 4 / 6}),
    # what follows the first token; padding is not counted, though it is "found"
    *(Case(slug, variant, [sure([[1, 2, PAD], [4, 3, 1]]), sure([[2, PAD, PAD]])],
           [translated([[1, 1, 2, PAD], [1, 4, 3, 2]], 5.0), translated([[1, 2, PAD, PAD]], 1.0)],
           {"perplexity": math.exp((5 * RIGHT + WRONG) / 6), "forced accuracy": 100 * 5 / 6})
      for slug, variant in (("seq2seq_attention", "general"), ("transformer", "sinusoidal"))),
    # so sure of what is wrong that the exponential of the cost is more than any number: it ends at that of 700
    *(Case(slug, "llama", [HOPELESS],
           [texts("tokens", "target", [[2, 3]], 2.0, bytes=4.0)], {"loss": loss, "perplexity": math.exp(700)})
      for slug, loss in (("llama", 500.0), ("forgetting_transformer", 1000.0))),
    *(Case(slug, variant, [HOPELESS], [translated([[1, 2, 3]], 2.0)],
           {"perplexity": math.exp(700), "forced accuracy": 0.0})
      for slug, variant in (("seq2seq_attention", "general"), ("transformer", "sinusoidal"))),
    # steps come first in what the network says
    Case("lstm", "2000", [(output.transpose(1, 0, 2), []) for output in NEXT],
         [texts("sequence", "target", t, 3.0 * len(t)) for t in TARGETS], {"bits": NATS / math.log(2)}),
    Case("lstm", "reber", [(STRINGS, [])],
         [texts("sequence", "target", np.ones((3, 2), np.int64), 3.0, legal=LEGAL)],
         {"correct": 200 / 3, "loss": STRING_COST / 3}),
    # answers of a half at each sequence's last step: off by 0.039, 0.041 and 0; and one of nothing, off by all it may
    Case("lstm", "adding", [(np.array([[9.0, 0.0, 9.0, 9.0], [0.0, 9.0, 0.0, -200.0]], np.float32)[..., None], [])],
         [{"sequence": np.zeros((4, 2, 2), np.float32), "length": np.array([2, 1, 2, 2]),
           "target": np.array([0.539, 0.459, 0.5, 0.04], np.float32), "count": 4.0}],
         {"correct": 50.0, "squared_error": (0.039**2 + 0.041**2 + 0.04**2) / 4}),
    Case("bert", "bert", [(sure([1, 2, 4, 2]), sure([0, 1])[:, :2]), (sure([2, 2]), sure([1])[:, :2])],
         [hidden(LEFT_OUT[0], [0, 1]), hidden(LEFT_OUT[1], [0])],
         {"accuracy": 100 * 4 / 6, "loss": (4 * RIGHT + 2 * WRONG) / 6, "next sentence": 200 / 3}),
    Case("bert", "no-nsp", [(sure([1, 2, 4, 2]), None), (sure([2, 2]), None)], [hidden(t) for t in LEFT_OUT],
         {"accuracy": 100 * 4 / 6, "loss": (4 * RIGHT + 2 * WRONG) / 6}),
    Case("bert", "classification", THREE_OF_FIVE[0], [sentences(labels) for labels in THREE_OF_FIVE[1]],
         {"accuracy": 60.0, "loss": COST}),
    # pixels of a half for black and white ones
    *(Case("autoencoder", variant, [np.zeros((n, 1, 2, 2), np.float32) for n in (3, 1)],
           [{"image": np.eye(2, dtype=np.float32)[None, None].repeat(n, 0), "count": float(n)} for n in (3, 1)],
           {"squared_error": 4 * 0.25, "loss": 4 * math.log(2)}) for variant in ("deep", "denoising")),
    Case("autoencoder", "linear", [np.full((n, 1, 2, 2), 0.25, np.float32) for n in (3, 1)],
         [{"image": np.zeros((n, 1, 2, 2), np.float32), "count": float(n)} for n in (3, 1)],
         {"squared_error": 0.25, "loss": 0.25}),
    # a code with mean 1 and variance 1 in two dimensions costs half a nat in each
    Case("autoencoder", "vae", [(np.zeros((n, 1, 2, 2), np.float32), np.ones((n, 2), np.float32),
                                 np.zeros((n, 2), np.float32)) for n in (3, 1)],
         [{"image": np.eye(2, dtype=np.float32)[None, None].repeat(n, 0), "count": float(n)} for n in (3, 1)],
         {"squared_error": 1.0, "loss": 4 * math.log(2) + 1, "reconstruction": 4 * math.log(2), "kl": 1.0}),
]  # fmt: skip


def saying(side: Side, model: Any, outputs: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Let a model give out one after the other of ``outputs``; returns the arguments that it is called with."""
    remaining, calls = iter(outputs), []

    def forward(*args: Any) -> Any:
        calls.append(args)
        output = next(remaining)
        return tuple(map(tensor, output)) if isinstance(output, tuple) else tensor(output)

    def tensor(value: Any) -> Any:
        return side.tensor(value) if isinstance(value, np.ndarray) else value

    object.__setattr__(model, "forward", forward)
    return calls


def built(slug: str, variant: str) -> Iterator[tuple[Side, Any]]:
    paper = registry.find(slug)
    for side in sides(paper):
        yield side, side.build(paper.variants[variant]["tiny"], 0)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.slug}-{case.variant}" for case in CASES])
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_can_be_counted_by_hand(case: Case) -> None:
    for side, model in built(case.slug, case.variant):
        calls = saying(side, model, case.outputs)
        assert side.evaluate(model, case.batches) == pytest.approx(case.expected, rel=2e-6), side.name
        assert len(calls) == len(case.outputs)


def test_every_paper_is_counted_by_hand() -> None:
    assert {case.slug for case in CASES} == set(registry.discover())


def test_a_text_that_goes_on_keeps_its_state() -> None:
    """And one that does not starts from none."""
    batch = texts("sequence", "target", [[1, 2]], 2.0)
    for side, model in built("lstm", "2000"):
        output = sure([[1], [2]])
        calls = saying(side, model, [(output, "first"), (output, "second"), (output, "third")])
        side.evaluate(model, [batch, batch | {"continues": True}, batch])
        assert [call[1] for call in calls] == [None, "first", None]
