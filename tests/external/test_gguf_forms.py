"""GGUF files that the gguf library writes, against transformers: ``make test-external``."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from papers.llama.weights.pretrained import pretrained
from papers.llama.weights.tokenizer import tokenizer
from tests.external import folders
from tests.external.gguf_writing import KINDS, written
from tests.external.test_llama_forms import LINEAR, TOKENS, loaded
from tests.lab.command import run
from tinygrad_lab import Tensor, no_grad


def assert_alike(path: Path, expected: np.ndarray) -> None:
    with no_grad(), torch.no_grad():
        for side, make in (("numpy", Tensor), ("torch", torch.from_numpy)):
            found = loaded(pretrained(str(path)), side)(make(TOKENS)).numpy()
            np.testing.assert_allclose(found, expected, atol=3e-5 * np.abs(expected).max())


def rounded(network: Any, kind: Any) -> Any:
    """The model with the numbers that its quantised matrices stand for."""
    for parameter in network.parameters():
        if parameter.ndim == 2:
            array = gguf.dequantize(gguf.quantize(parameter.detach().numpy(), kind), kind)
            parameter.data = torch.from_numpy(np.array(array, np.float32))
    return network


@pytest.mark.parametrize("kind", [KINDS.F32, KINDS.F16, KINDS.BF16, KINDS.Q8_0, KINDS.Q4_0, KINDS.Q4_1, KINDS.Q5_0])
def test_every_type_that_the_library_writes(tmp_path: Path, kind: Any) -> None:
    """Rows of q and k change places in blocks of a row, so rounding before or after is the same."""
    network = folders.model(intermediate_size=64)
    path = written(tmp_path / "model.gguf", network, kind)
    assert_alike(path, folders.logits(rounded(network, kind), TOKENS))


@pytest.mark.parametrize(
    "changes", [{"head_dim": 16}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4}], ids=str
)
def test_every_configuration(tmp_path: Path, changes: dict[str, Any]) -> None:
    network = folders.model(**changes)
    assert_alike(written(tmp_path / "model.gguf", network), folders.logits(network, TOKENS))


def test_linear_scaling_is_used(tmp_path: Path) -> None:
    network = folders.model(rope_parameters=LINEAR)
    expected = folders.logits(network, TOKENS)
    fields = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    assert_alike(written(tmp_path / "new.gguf", network, **fields), expected)
    assert_alike(written(tmp_path / "old.gguf", network, **{"llama.rope.scale_linear": 4.0}), expected)
    plain = {"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 4.0}
    other = folders.model(rope_parameters={"rope_type": "default", "rope_theta": 500.0})
    assert_alike(written(tmp_path / "none.gguf", other, **plain), folders.logits(other, TOKENS))


def test_a_tensor_of_frequencies_is_used(tmp_path: Path) -> None:
    """What llama.cpp's converter writes for llama3: the plain frequency divided by the scaled one."""
    network = folders.model(rope_parameters=folders.LLAMA3)
    scaled = ROPE_INIT_FUNCTIONS["llama3"](network.config, "cpu")[0].numpy()
    plain = 500.0 ** (-np.arange(0, 8, 2) / 8)
    path = written(tmp_path / "model.gguf", network, slow=plain / scaled)
    assert_alike(path, folders.logits(network, TOKENS))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0}, "scaling.type 'yarn' is none of ours"),
        ({"llama.rope.dimension_count": 4}, "dimension_count must be the size of a head, 8, got 4"),
        ({"llama.attention.value_length": 4}, "value_length must be the size of a head, 8, got 4"),
        ({"llama.expert_count": 8}, "llama.expert_count 8 is none of ours"),
        ({"llama.block_count": None}, "the header has no llama.block_count"),
        ({"llama.block_count": 3}, "9 tensors of the configuration's model are missing"),
        ({"llama.block_count": "2"}, "llama.block_count must be a whole number from 1 to 10000, got '2'"),
        ({"llama.attention.head_count": [4, 4]}, r"head_count must be a whole number .*, got \[4, 4\]"),
        ({"tokenizer.ggml.model": "llama"}, "tokenizer must be gpt2, cut as smollm is; got 'llama'"),
        ({"tokenizer.ggml.merges": None}, "the header has no tokenizer.ggml.merges"),
        ({"tokenizer.ggml.merges": ["zzz q"]}, "merge 'zzz q' is no pair of words that make a word"),
        ({"tokenizer.ggml.merges": ["one"]}, "merge 'one' is no pair of words that make a word"),
        ({"tokenizer.ggml.token_type": [1, 2]}, "token_type must be a list of 400 numbers"),
        ({"tokenizer.ggml.eos_token_id": 400}, "eos_token_id must be a whole number from 0 to 399, got 400"),
        ({"tokenizer.ggml.tokens": ["a"]}, "token_type must be a list of 1 numbers|says \\(1, 32\\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "model.gguf", folders.model(), **fields)
    with pytest.raises(ValueError, match=message) as caught:
        pretrained(str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("begin", [True, False, None])
def test_the_first_token_is_added_where_the_header_says_so(tmp_path: Path, begin: bool | None) -> None:
    path = written(tmp_path / "model.gguf", folders.model(), **{"tokenizer.ggml.add_bos_token": begin})
    known = tokenizer(pretrained(str(path)).vocabularies)
    assert (known.prompt("To be")[0] == 1) == bool(begin)
    assert (known.prompt("<s>To be") == 1).sum() == 1


def test_the_command_writes_their_text(tmp_path: Path) -> None:
    """With a chat template that names the first token, and an end token of a turn besides that of a text."""
    network, made = folders.model(rope_parameters=LINEAR), folders.byte_level(chat_template=folders.CHAT)
    about = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
    given = made.apply_chat_template([{"role": "user", "content": "Why?"}], **about)
    given.pop("token_type_ids", None)
    start = given["input_ids"].shape[1]
    written_by_them = network.generate(**given, do_sample=False, max_new_tokens=30)[0].tolist()
    stop = written_by_them[start + 9]
    fields = {
        "llama.rope.scaling.type": "linear",
        "llama.rope.scaling.factor": 4.0,
        "tokenizer.ggml.eot_token_id": stop,
    }
    path = written(tmp_path / "model.gguf", network, **fields)
    result = run(
        "generate", "llama", "--weights", str(path), "--prompt", "Why?", "--temperature", "0", "--length", "30",
        "--json", "-",
    )  # fmt: skip
    assert result.code == 0, result.err
    kept = written_by_them[start : written_by_them.index(stop, start)]
    assert json.loads(result.out)[0]["text"] == made.decode(kept, skip_special_tokens=True)
    assert isinstance(made, transformers.PreTrainedTokenizerFast)
