"""The encoder and its heads: sizes and names as published, what tokens see, what is tied, and a third witness."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from papers.bert import data
from papers.bert.config import MINILM, VARIANTS, BertConfig
from papers.bert.model import (
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    Embeddings,
    SentenceEncoder,
    build,
    initialise,
    loss,
)
from reference.bert import builtin
from reference.bert import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.random import generator, initialising

TINY = VARIANTS["bert"]["tiny"]


def tensors(batch: dict) -> dict:
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def torchs(batch: dict) -> dict:
    return {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def quiet(config: BertConfig) -> BertConfig:
    return replace(config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def encoder(config: BertConfig = TINY, kind: type = BertModel) -> BertModel:
    """Random weights large enough that everything has an influence."""
    model = kind(config).double().eval()
    rng = generator(3)
    model.load_state_dict({name: 0.5 * rng.standard_normal(value.shape) for name, value in model.state_dict().items()})
    return model


def run(model: BertModel, ids: np.ndarray, mask: np.ndarray, types: np.ndarray | None = None) -> tuple:
    with no_grad():
        return model(Tensor(ids), Tensor(mask), Tensor(np.zeros_like(ids) if types is None else types))


# ---- sizes and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "width", "heads", "plain", "pretraining"),
    [
        (2, 128, 2, 4_385_920, 4_433_468),
        (4, 256, 4, 11_170_560, 11_267_900),
        (4, 512, 8, 28_763_648, 29_058_876),
        (8, 512, 8, 41_373_184, 41_668_412),
        (12, 768, 12, 109_482_240, 110_106_428),
        (24, 1024, 16, 335_141_888, 336_226_108),
    ],
)
def test_published_sizes(layers: int, width: int, heads: int, plain: int, pretraining: int) -> None:
    """Tiny, mini, small and medium (Turc et al. 2019), base and large; counted without any memory behind them."""
    config = replace(
        VARIANTS["bert"]["paper"], num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads,
        intermediate_size=4 * width,
    )  # fmt: skip
    with torch.device("meta"):
        assert count_parameters(reference.BertModel(config)) == plain
        assert count_parameters(reference.BertForPreTraining(config)) == pretraining


def test_size_of_minilm() -> None:
    with torch.device("meta"):
        assert count_parameters(reference.SentenceEncoder(MINILM)) == 22_713_216


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_sides_have_the_same_parameters_at_tiny_and_small(variant: str) -> None:
    for size in ("tiny", "small"):
        config = VARIANTS[variant][size]
        assert count_parameters(build(config, generator(0))) == count_parameters(reference.build(config))


LAYER = [
    f"{part}.{kind}"
    for part in (
        "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
        "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm",
    )
    for kind in ("weight", "bias")
]  # fmt: skip
EMBEDDINGS = [
    "word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight",
    "LayerNorm.bias",
]  # fmt: skip
PLAIN = [
    *(f"embeddings.{name}" for name in EMBEDDINGS),
    *(f"encoder.layer.{i}.{name}" for i in range(2) for name in LAYER),
    "pooler.dense.weight",
    "pooler.dense.bias",
]


def test_names_are_the_published_ones() -> None:
    assert list(BertModel(TINY).state_dict()) == list(SentenceEncoder(TINY).state_dict()) == PLAIN
    heads = [
        "bias", "transform.dense.weight", "transform.dense.bias", "transform.LayerNorm.weight",
        "transform.LayerNorm.bias", "decoder.weight", "decoder.bias",
    ]  # fmt: skip
    predictions = [f"cls.predictions.{name}" for name in heads]
    relationship = ["cls.seq_relationship.weight", "cls.seq_relationship.bias"]
    inside = [f"bert.{name}" for name in PLAIN]
    assert list(BertForPreTraining(TINY).state_dict()) == [*inside, *predictions, *relationship]
    assert list(BertForMaskedLM(TINY).state_dict()) == [*inside[:-2], *predictions]
    classifier = ["classifier.weight", "classifier.bias"]
    assert list(BertForSequenceClassification(TINY).state_dict()) == [*inside, *classifier]


def test_decoder_is_the_word_embeddings_and_its_bias_is_free() -> None:
    model = build(TINY, generator(0))
    decoder = model.cls.predictions.decoder
    assert decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert decoder.bias is model.cls.predictions.bias
    names = [name for name, _ in model.named_parameters()]
    assert not any("decoder" in name for name in names)


def test_word_embeddings_learn_as_input_and_as_output() -> None:
    """A token that occurs nowhere still gets a gradient: its score was too high or too low."""
    model = build(quiet(TINY), generator(0)).double()
    batch = data.example_batch(TINY, generator(0))
    absent = np.setdiff1d(
        np.arange(TINY.vocab_size), np.concatenate([batch["input_ids"].ravel(), batch["labels"].ravel()])
    )
    assert absent.size
    loss(model, tensors(batch)).backward()
    assert (np.abs(model.bert.embeddings.word_embeddings.weight.grad.numpy()[absent]).sum(axis=1) > 0).all()


def test_initial_weights_are_cut_at_two_standard_deviations() -> None:
    model = build(replace(VARIANTS["bert"]["small"], initializer_range=0.02), generator(0))
    for name, value in model.state_dict().items():
        if "LayerNorm" in name:
            assert (value == (1.0 if name.endswith("weight") else 0.0)).all()
        elif name.endswith("bias"):
            assert (value == 0).all()
        else:
            assert 0.038 < np.abs(value).max() <= 0.04
            assert value.std() == pytest.approx(0.88 * 0.02, rel=0.1)  # of what is left of the distribution


def test_initial_weights_are_the_first_that_are_drawn() -> None:
    """Whatever the layers have drawn for themselves before."""
    model = build(TINY, generator(3))
    before = {name: value.copy() for name, value in model.state_dict().items()}
    with initialising(generator(3)):
        initialise(model, TINY)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


# ---- what tokens see -------------------------------------------------------------------------------------------------


def test_padding_has_no_influence() -> None:
    model, ids = encoder(), np.array([[2, 9, 11, 3]])
    alone, pooled = run(model, ids, ids > 0)
    longer = np.array([[2, 9, 11, 3, 0, 0], [2, 9, 11, 3, 7, 8]])
    mask = np.array([[1, 1, 1, 1, 0, 0]] * 2, bool)
    padded, padded_pooled = run(model, longer, mask)
    for row in range(2):
        np.testing.assert_allclose(padded.numpy()[row, :4], alone.numpy()[0], rtol=1e-10)
        np.testing.assert_allclose(padded_pooled.numpy()[row], pooled.numpy()[0], rtol=1e-10)


@pytest.mark.parametrize(("context", "changed"), [("both", range(6)), ("left", range(3, 6))])
def test_a_token_changes_those_that_see_it(context: str, changed: range) -> None:
    config = replace(VARIANTS["classification"]["tiny"], context=context)
    model, ids = encoder(config), np.array([[2, 9, 11, 7, 5, 3]])
    before, _ = run(model, ids, ids > 0)
    other = ids.copy()
    other[0, 3] = 12
    after, _ = run(model, other, ids > 0)
    moved = np.abs(after.numpy() - before.numpy()).max(axis=(0, 2)) > 1e-6
    assert np.flatnonzero(moved).tolist() == list(changed)


def test_the_pooled_token_is_the_first_or_the_last_real_one() -> None:
    ids = np.array([[2, 9, 3, 0], [2, 9, 7, 3]])
    for context, places in (("both", [0, 0]), ("left", [2, 3])):
        model = encoder(replace(VARIANTS["classification"]["tiny"], context=context))
        y, pooled = run(model, ids, ids > 0)
        with no_grad():
            expected = model.pooler.dense(y[np.arange(2), places]).tanh()
        np.testing.assert_allclose(pooled.numpy(), expected.numpy(), rtol=1e-12)


def test_segments_and_positions_count() -> None:
    model, ids = encoder(), np.array([[2, 9, 9, 3]])
    y, _ = run(model, ids, ids > 0)
    other, _ = run(model, ids, ids > 0, np.array([[0, 0, 1, 1]]))
    assert np.abs(y.numpy() - other.numpy()).max() > 1e-3
    assert np.abs(y.numpy()[0, 1] - y.numpy()[0, 2]).max() > 1e-3  # the same word at two places


def test_normalisation_hardly_adds_anything_to_the_variance() -> None:
    """1e-12, not torch's 1e-5: for vectors as short as initial embeddings the two differ visibly."""
    layer = Embeddings(TINY).eval()
    layer.load_state_dict(
        {name: 1e-3 * value for name, value in layer.state_dict().items()} | {"LayerNorm.weight": np.ones(8)}
    )
    out = layer(Tensor(np.array([[5, 6]])), Tensor(np.array([[0, 1]]))).numpy()
    np.testing.assert_allclose(out.std(axis=-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_sequences_longer_than_the_positions_are_refused(side: str) -> None:
    ids = np.full((1, 13), 5)
    arguments = (ids, ids > 0, 0 * ids)
    model, tensor = {"numpy": (BertModel, Tensor), "torch": (reference.BertModel, torch.from_numpy)}[side]
    with pytest.raises(ValueError, match="sequences may have 12 tokens at most, got 13"):
        model(TINY)(*map(tensor, arguments))


def test_scores_at_some_places_are_those_of_all_places() -> None:
    model = build(TINY, generator(0)).double().eval()
    batch = tensors(data.example_batch(TINY, generator(0)))
    arguments = (batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    with no_grad():
        everywhere, related = model(*arguments)
        some, same = model(*arguments, Tensor(np.array([0, 13, 2])))
    assert everywhere.shape == (4, 10, TINY.vocab_size)
    np.testing.assert_allclose(some.numpy(), everywhere.numpy().reshape(40, -1)[[0, 13, 2]], rtol=1e-10)
    np.testing.assert_array_equal(related.numpy(), same.numpy())


# ---- losses and metrics ----------------------------------------------------------------------------------------------


def test_the_loss_is_two_means() -> None:
    model = build(TINY, generator(0)).double().eval()
    batch = tensors(data.example_batch(TINY, generator(1)))
    with no_grad():
        scores, related = model(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        value = loss(model, batch).item()
    p, q = (torch.from_numpy(np.array(x.numpy())).log_softmax(dim=-1).numpy() for x in (scores, related))
    labels = batch["labels"].numpy()
    rows, columns = np.nonzero(labels >= 0)
    hidden = -p[rows, columns, labels[rows, columns]].mean()
    pairs = -q[np.arange(4), batch["next_sentence"].numpy()].mean()
    assert value == pytest.approx(hidden + pairs, rel=1e-10)


def test_metrics_are_percent_of_what_was_asked() -> None:
    model = build(TINY, generator(0)).eval()
    batch = data.example_batch(TINY, generator(1))
    with no_grad():
        scores, _, labels = model.asked(tensors(batch))
        best = scores.argmax(dim=1).numpy()
        right = (best == labels.numpy()).sum()
        tally = model.tally(tensors(batch))
    assert tally["accuracy"][0].item() == 100 * right
    assert tally["accuracy"][1] == batch["count"] == len(best)
    assert set(tally) == {"accuracy", "loss", "next sentence"}
    assert tally["next sentence"][1] == 4.0


# ---- sentences -------------------------------------------------------------------------------------------------------


def test_a_sentence_is_the_mean_of_its_tokens_at_length_1() -> None:
    model = encoder(kind=SentenceEncoder)
    plain = BertModel(TINY).double().eval()
    plain.load_state_dict(model.state_dict())
    ids, mask = np.array([[2, 9, 3, 0], [2, 9, 7, 3]]), np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
    y, _ = run(plain, ids, mask)
    means = np.stack([y.numpy()[0, :3].mean(axis=0), y.numpy()[1].mean(axis=0)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(run(model, ids, mask).numpy(), expected, rtol=1e-10)


# ---- the third witness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_torchs_own_encoder_it_is_the_same_function(variant: str) -> None:
    """Loss and gradients of the engine against ``nn.TransformerEncoder`` with the same weights."""
    config = quiet(VARIANTS[variant]["tiny"])
    ours, theirs = build(config, generator(0)).double(), reference.build(config).double()
    theirs.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in ours.state_dict().items()})
    theirs.bert.encoder = builtin.TorchEncoder(theirs.bert.encoder, config).double()
    batch = data.example_batch(config, generator(2))
    mine, witness = loss(ours, tensors(batch)), reference.loss(theirs, torchs(batch))
    assert mine.item() == pytest.approx(witness.item(), rel=1e-12)
    mine.backward()
    witness.backward()
    layer = {name: p.grad for name, p in reference.Layer(config).named_parameters()}
    for number, torch_layer in enumerate(theirs.bert.encoder.layers.layers):
        gradients = {name: p.grad for name, p in torch_layer.named_parameters()}
        own = ours.bert.encoder.layer[number]
        found = {name: torch.from_numpy(p.grad.numpy().copy()) for name, p in own.named_parameters()}
        assert set(found) == set(layer)
        for name, gradient in builtin.torchs_names(found).items():
            torch.testing.assert_close(gradient, gradients[name], rtol=1e-9, atol=1e-12)
    shared = {name: p.grad for name, p in theirs.named_parameters() if "encoder" not in name}
    for name, p in ours.named_parameters():
        if "encoder" not in name:
            np.testing.assert_allclose(p.grad.numpy(), shared[name].numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


def test_benchmarks_run_torchs_own_encoder_with_bert_s_dropout() -> None:
    model = builtin.build(VARIANTS["bert"]["tiny"])
    layer = model.bert.encoder.layers.layers[0]
    assert (layer.dropout.p, layer.dropout1.p, layer.dropout2.p, layer.self_attn.dropout) == (0.0, 0.1, 0.1, 0.1)
    assert reference.loss(model, torchs(data.example_batch(TINY, generator(0)))).isfinite()


# ---- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "translation"}, "task must be one of pretraining, masked, left-to-right, classification"),
        ({"context": "right"}, "context must be one of both, left"),
        ({"task": "left-to-right"}, "task 'left-to-right' does not go with context 'both'"),
        ({"context": "left"}, "task 'pretraining' does not go with context 'left'"),
        ({"num_attention_heads": 3}, "num_attention_heads must divide hidden_size 128, got 3"),
        ({"length": 129}, "length must be from 8 to max_position_embeddings 128, got 129"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob must be in \[0, 1\), got 1.0"),
        ({"masked_share": 1.5}, r"masked_share must be in \[0, 1\], got 1.5"),
        ({"mask_token_share": 0.95}, "must be at most 1 together, got 0.95 and 0.1"),
        ({"items": -1}, "items must be at least 0, got -1"),
        ({"clip": 0.0}, "clip must be above 0, got 0.0"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BertConfig(**changes)


@pytest.mark.parametrize("variant", ["bert", "left-to-right", "classification"])
def test_a_mask_of_whole_numbers_is_that_of_booleans(variant: str) -> None:
    """Every tokenizer of Hugging Face returns an int64 mask: 1 for what is real."""
    config = VARIANTS[variant]["tiny"]
    ids = np.array([[3, 4, 5, 6], [7, 8, 0, 0]])
    mask, types = np.array([[1, 1, 1, 1], [1, 1, 0, 0]]), np.zeros((2, 4), np.int64)
    model, twin = build(config, generator(0)).eval(), reference.build(config).eval()
    for network, make in ((model, Tensor), (twin, torch.from_numpy)):
        found, expected = (network(make(ids), make(m), make(types)) for m in (mask, mask.astype(bool)))
        for one, other in zip(flat(found), flat(expected), strict=True):
            np.testing.assert_array_equal(one, other)
    sentences, other = SentenceEncoder(TINY), reference.SentenceEncoder(TINY).eval()
    for network, make in ((sentences.eval(), Tensor), (other, torch.from_numpy)):
        found, expected = (network(make(ids), make(m), make(types)) for m in (mask, mask.astype(bool)))
        np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())


def flat(outputs) -> list[np.ndarray]:
    """What a model returns: one tensor, or two of which one may be None."""
    return [y.detach().numpy() for y in (outputs if isinstance(outputs, tuple) else (outputs,)) if y is not None]
