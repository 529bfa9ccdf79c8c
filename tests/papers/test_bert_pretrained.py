"""Published weights and sentences: names old and new, files that do not fit, sentences that cannot be taken."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from papers.bert.config import MINILM, VARIANTS
from papers.bert.model import BertForPreTraining, SentenceEncoder, build
from papers.bert.text.wordpiece import learn
from papers.bert.weights import sentences
from papers.bert.weights.names import our_names, read_weights
from tests.lab.command import run
from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.random import generator

TEXTS = ["the sky is blue", "a man eats a meal", "someone is eating food"] * 3
SIZES = {
    "vocab_size": 60, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.3,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip
CONFIG = replace(MINILM, **SIZES, length=12)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published encoder in small, where the real one would be installed."""
    rng = generator(0)
    weights = {
        name: rng.standard_normal(v.shape, np.float32) for name, v in SentenceEncoder(CONFIG).state_dict().items()
    }
    published = SIZES | {"model_type": "bert", "hidden_act": "gelu", "architectures": ["BertModel"]}
    checkpoint.save(tmp_path / "model.safetensors", weights)
    (tmp_path / "config.json").write_text(json.dumps(published))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    (tmp_path / "tokenizer.json").write_text(learn(TEXTS, 60))
    monkeypatch.setattr(sentences, "minilm_folder", lambda: tmp_path)
    return tmp_path


# ---- names -----------------------------------------------------------------------------------------------------------


def test_old_names_become_new_ones_and_position_numbers_go() -> None:
    old = {
        "embeddings.LayerNorm.gamma": np.ones(2),
        "embeddings.LayerNorm.beta": np.zeros(2),
        "embeddings.position_ids": np.arange(3),
    }
    assert list(our_names(old)) == ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"]


def test_a_file_without_the_tied_tensors_loads(tmp_path: Path) -> None:
    config = VARIANTS["bert"]["tiny"]
    whole = {name: value.copy() for name, value in build(config, generator(1)).state_dict().items()}
    part = {name: value for name, value in whole.items() if "decoder" not in name}
    checkpoint.save(tmp_path / "part.safetensors", part)
    model = BertForPreTraining(config)
    model.load_state_dict(read_weights(tmp_path / "part.safetensors"))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, whole[name], err_msg=name)


# ---- configurations --------------------------------------------------------------------------------------------------


def test_a_published_configuration_becomes_ours(folder: Path) -> None:
    assert asdict(sentences.read_config(folder)) == asdict(CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "gelu_new"}, "hidden_act must be gelu, got 'gelu_new'"),
        ({"model_type": "roberta"}, "model_type must be bert, got 'roberta'"),
        ({"num_attention_heads": 3}, "num_attention_heads must divide hidden_size 8, got 3"),
    ],
)
def test_other_architectures_are_refused(folder: Path, change: dict, message: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        sentences.read_config(folder)


# ---- the command -----------------------------------------------------------------------------------------------------


def test_both_sides_print_the_same_similarities(folder: Path) -> None:
    texts = ("A man eats food.", "Someone eats a meal.", "The sky is blue.")
    ours, theirs = (json.loads(run("embed", *texts, "--side", side, "--json", "-").out) for side in ("numpy", "torch"))
    np.testing.assert_allclose(ours["vectors"], theirs["vectors"], atol=1e-6)
    np.testing.assert_allclose(ours["similarities"], np.array(ours["vectors"]) @ np.array(ours["vectors"]).T, atol=1e-6)
    np.testing.assert_allclose(np.diag(ours["similarities"]), 1.0, atol=1e-6)
    assert ours["sentences"] == list(texts)
    out = run("embed", *texts).out
    assert "The sky is blue." in out
    assert f"{ours['similarities'][0][2]:.4f}" in out


def test_sentences_in_several_batches_are_the_same_vectors(folder: Path) -> None:
    pretrained = sentences.read_pretrained(folder)
    taken = []

    def encode(batch: dict) -> np.ndarray:
        taken.append(batch["input_ids"].shape)
        return batch["input_ids"].sum(axis=1, keepdims=True).astype(np.float32)

    texts = ["sky", "the sky is blue", "a man"]
    at_once = sentences.embed(encode, texts, pretrained)
    one_by_one = sentences.embed(encode, texts, pretrained, batch_size=1)
    np.testing.assert_array_equal(at_once, one_by_one)
    assert taken[0][0] == 3
    assert taken[1][1] < taken[2][1]  # no more padding than the batch needs


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("the sky", "  "), "embed: sentence 2 is empty"),
        (("the sky", "a " * 13), "embed: sentence 2 has 13 tokens, the model takes 12 at most"),
    ],
)
def test_sentences_that_cannot_be_taken(folder: Path, texts: tuple, message: str) -> None:
    result = run("embed", *texts)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_no_sentences(folder: Path) -> None:
    assert run("embed").code == 2
    with pytest.raises(ValueError, match="at least one sentence"):
        sentences.batch_of([], None, 12)


def test_without_the_package_one_line_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package")
    result = run("embed", "The sky is blue.")
    assert result.code == 2
    assert result.err.strip().count("\n") == 0
    assert "make pretrained" in result.err


def damage(folder: Path, how: str) -> None:
    """Make the folder's weights unusable."""
    path = folder / "model.safetensors"
    weights, _ = checkpoint.load(path)
    name = "encoder.layer.1.output.dense.weight"
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
        return
    if how == "gone":
        path.unlink()
        return
    changed = {"missing": {}, "extra": weights | {"encoder.layer.2.x": np.zeros(1)}, "misshapen": dict(weights)}[how]
    changed = changed or {key: value for key, value in weights.items() if key != name}
    if how == "misshapen":
        changed[name] = np.ascontiguousarray(weights[name].T)
    checkpoint.save(path, changed)


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "encoder.layer.1.output.dense.weight"),
        ("extra", "encoder.layer.2.x"),
        ("misshapen", "encoder.layer.1.output.dense.weight"),
        ("truncated", "truncated"),
        ("gone", "does not exist"),
    ],
)
def test_weights_that_do_not_fit_are_one_clear_error(folder: Path, how: str, message: str, side: str) -> None:
    damage(folder, how)
    result = run("embed", "the sky is blue", "--side", side)
    assert result.code == 2
    assert message in result.err
    assert result.err.strip().count("\n") == 0


def test_a_broken_tokenizer_is_an_error(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be read"):
        sentences.read_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        sentences.read_pretrained(folder)
