"""BERT and Mamba folders in every form in which transformers writes them: ``make test-external``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from papers.bert.config import MINILM
from papers.bert.model import BertModel, SentenceEncoder
from papers.bert.text.wordpiece import learn
from papers.bert.weights.sentences import batch_of, read_config, read_pretrained
from papers.mamba.config import MambaConfig
from papers.mamba.model import build
from reference.bert import model as reference
from tinygrad_lab import Tensor, checkpoint, no_grad
from tinygrad_lab.random import generator

TEXTS = ["the sky is blue", "a man eats a meal", "someone is eating food"]
SIZES = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 16, "initializer_range": 0.3,
}  # fmt: skip


def theirs(dtype: torch.dtype = torch.float32, **about: Any) -> transformers.BertModel:
    torch.manual_seed(0)
    return transformers.BertModel(transformers.BertConfig(**SIZES | about)).to(dtype).eval()


def written(path: Path, network: Any, shard: str = "5GB") -> Path:
    network.save_pretrained(path, max_shard_size=shard)
    (path / "tokenizer.json").write_text(learn(TEXTS * 3, 60))
    return path


@pytest.mark.parametrize("shard", ["5GB", "4KB"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_type_in_one_file_or_several_and_their_own_masks(tmp_path: Path, dtype: torch.dtype, shard: str) -> None:
    """An int64 mask, as every tokenizer of theirs returns it, on both sides and in both models."""
    written(tmp_path, theirs(dtype), shard)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shard == "4KB")
    whole = transformers.BertModel.from_pretrained(tmp_path, dtype=torch.float32).eval()
    found = read_pretrained(tmp_path)
    batch = batch_of(TEXTS, found.tokenizer, found.config.length)
    batch = {name: array.astype(np.int64) for name, array in batch.items()}
    with torch.no_grad(), no_grad():
        expected = whole(**{name: torch.from_numpy(array) for name, array in batch.items()})
        for make, network in ((Tensor, BertModel), (torch.from_numpy, reference.BertModel)):
            model = network(found.config).eval()
            model.load_state_dict({n: a if make is Tensor else torch.from_numpy(a) for n, a in found.weights.items()})
            y, pooled = model(**{name: make(array) for name, array in batch.items()})
            real = batch["attention_mask"] == 1
            np.testing.assert_allclose(y.numpy()[real], expected.last_hidden_state.numpy()[real], atol=2e-5)
            np.testing.assert_allclose(pooled.numpy(), expected.pooler_output.numpy(), atol=2e-5)
        sentences = SentenceEncoder(found.config).eval()
        sentences.load_state_dict(found.weights)
        both = [
            sentences(**{n: Tensor(a) for n, a in kinds.items()}).numpy() for kinds in (batch, with_booleans(batch))
        ]
        np.testing.assert_array_equal(*both)


def with_booleans(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return batch | {"attention_mask": batch["attention_mask"].astype(bool)}


def test_their_configuration_is_ours_with_and_without_a_longest_sentence(tmp_path: Path) -> None:
    written(tmp_path, theirs(layer_norm_eps=1e-6))
    config = read_config(tmp_path)
    assert config == replace(MINILM, **SIZES, layer_norm_eps=1e-6, length=16)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
    assert read_config(tmp_path).length == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_decoder": True}, "is_decoder must be False, got True"),
        ({"hidden_act": "relu"}, "hidden_act must be gelu, got 'relu'"),
        ({"model_type": "roberta"}, "model_type must be bert, got 'roberta'"),
        ({"vocab_size": "60"}, "vocab_size must be a whole number from 1 to"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be a number above 0, got 0"),
        ({"hidden_size": None}, "has no hidden_size"),
    ],
)
def test_what_we_have_not_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    written(tmp_path, theirs())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(checkpoint.CheckpointError, match=message):
        read_pretrained(tmp_path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_mambas_file_of_any_type(tmp_path: Path, dtype: torch.dtype) -> None:
    sizes = {"vocab_size": 31, "hidden_size": 40, "state_size": 5, "expand": 2, "conv_kernel": 3}
    torch.manual_seed(0)
    network = transformers.MambaForCausalLM(transformers.MambaConfig(**sizes, num_hidden_layers=2)).to(dtype)
    network.save_pretrained(tmp_path)
    whole = transformers.MambaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    model = build(MambaConfig(**sizes, layers=2), generator(0)).eval()
    tensors, _ = checkpoint.load(tmp_path / "model.safetensors")
    model.load_state_dict({name: value for name, value in tensors.items() if name != "lm_head.weight"})
    tokens = generator(0).integers(0, 31, (2, 17))
    with torch.no_grad(), no_grad():
        expected = whole(torch.from_numpy(tokens)).logits.numpy()
        np.testing.assert_allclose(model(Tensor(tokens)).numpy(), expected, atol=1e-4 * np.abs(expected).max())
