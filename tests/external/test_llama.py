"""Our LLaMA against ``transformers``, on random weights and on SmolLM2's: ``make test-external``."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from papers.llama import inference
from papers.llama.config import PUBLISHED, VARIANTS, LlamaConfig
from papers.llama.model import Llama, build
from papers.llama.weights import pretrained
from papers.llama.weights.chat import asked
from papers.llama.weights.checkpoints import config_from_hugging_face, from_hugging_face
from papers.llama.weights.tokenizer import tokenizer
from reference.llama import inference as reference_inference
from reference.llama import model as reference
from tests.lab.command import run
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

TINY = VARIANTS["llama"]["tiny"]
QUESTION = "Why is the sky blue?"


def theirs(config: LlamaConfig) -> transformers.LlamaForCausalLM:
    """Their model of our sizes."""
    rope = {"rope_type": "default", "rope_theta": config.rope_theta}
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers, num_attention_heads=config.heads, num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.context, rms_norm_eps=config.norm_eps, rope_parameters=rope,
            tie_word_embeddings=config.tied, attn_implementation="eager",
        )
    ).eval()  # fmt: skip


# ---- random weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, hidden_size=24, heads=6, kv_heads=2, rope_theta=5e5, norm_eps=1e-3),
        replace(VARIANTS["smollm2"]["tiny"], context=50),
    ],
    ids=["full", "grouped", "tied"],
)
def test_random_weights_give_the_same_logits(config: LlamaConfig) -> None:
    model = theirs(config).double()
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    tokens = generator(0).integers(0, config.vocab_size, (3, config.context))
    with torch.no_grad():
        expected = model(torch.from_numpy(tokens)).logits.numpy()
    ours, twin = build(config, generator(1)).double(), reference.build(config).double()
    loaded = dict(from_hugging_face(state.items(), config))
    ours.load_state_dict(loaded)
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in loaded.items()})
    # Their angles are computed in float32.
    np.testing.assert_allclose(ours(Tensor(tokens)).numpy(), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(twin(torch.from_numpy(tokens)).detach().numpy(), expected, rtol=1e-4, atol=1e-6)


OURS = ("batch_size", "windows", "init")  # how it was trained, which a checkpoint does not say


def test_a_folder_that_they_have_saved_is_read(tmp_path: Path) -> None:
    config = replace(TINY, vocab_size=300, kv_heads=1)
    model = theirs(config)
    model.save_pretrained(tmp_path)
    found = config_from_hugging_face(json.loads((tmp_path / "config.json").read_text()))
    assert found == replace(config, tokens="bpe", **{name: getattr(found, name) for name in OURS})
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    (tmp_path / "tokenizer.json").write_text("{}")
    for name, array in pretrained.open_folder(tmp_path).tensors:
        np.testing.assert_array_equal(array, state[name])


# ---- SmolLM2 ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> tuple[pretrained.Pretrained, Llama]:
    found = pretrained.pretrained("smollm2")
    model = build(found.config, generator(0)).eval()
    for name, array in found.tensors:
        model.load_state_dict({name: array}, strict=False)
    return found, model


def question(found: pretrained.Pretrained) -> list[int]:
    return tokenizer(found.vocabularies).encode(asked(QUESTION, found.vocabularies["chat"])).tolist()


def test_the_published_sizes_are_those_of_the_file(published) -> None:
    found, model = published
    assert found.config == replace(
        PUBLISHED["SmolLM2 135M"], variant="smollm2", norm_eps=found.config.norm_eps, **recipe()
    )
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008


def recipe() -> dict:
    default = LlamaConfig()
    return {"batch_size": default.batch_size, "learning_rate": default.learning_rate}


def test_published_weights_give_their_logits_on_both_sides(published) -> None:
    """On the same dequantised weights, for a question and the beginning of its answer."""
    found, model = published
    tokens = [*question(found), *tokenizer(found.vocabularies).encode("The sky appears blue because").tolist()]
    other = theirs(found.config)
    state = {name: torch.from_numpy(array.copy()) for name, array in model.state_dict().items()}
    missing = other.load_state_dict(state, strict=False)
    assert set(missing.missing_keys) <= {"lm_head.weight"}
    assert not missing.unexpected_keys
    twin = reference.build(found.config).eval()
    twin.load_state_dict(state)
    with torch.no_grad(), no_grad():
        expected = other(torch.tensor([tokens])).logits.numpy()
        ours, second = model(Tensor(np.array([tokens]))).numpy(), twin(torch.tensor([tokens])).numpy()
    scale = np.abs(expected).max()
    assert np.abs(ours - expected).max() < 1e-4 * scale
    assert np.abs(second - expected).max() < 1e-4 * scale
    assert (ours.argmax(-1) == expected.argmax(-1)).all()
    greedy = replace(inference.GREEDY, length=24)
    assert list(inference.search(model, found.config, tokens, greedy)) == list(
        reference_inference.search(twin, found.config, tokens, greedy)
    )


def test_tokens_are_the_published_tokenizers(published) -> None:
    """Numbers of its vocabulary as the file lists them: control tokens whole, digits apart, words with their space."""
    found, _ = published
    known = tokenizer(found.vocabularies)
    words = [known.library.id_to_token(token) for token in question(found)]
    assert words[:4] == ["<|im_start|>", "system", "Ċ", "You"]
    assert words[-4:] == ["<|im_start|>", "ass", "istant", "Ċ"]
    assert words.count("<|im_end|>") == 2
    assert int(found.vocabularies["stop"]) == known.library.token_to_id("<|im_end|>") == 2
    assert [known.library.id_to_token(token) for token in known.encode("in 1984")] == ["in", "Ġ", "1", "9", "8", "4"]
    for text in ("naïve café ☃ 北京", "  two  spaces\n\ttabs", "don't"):
        assert known.decode(known.encode(text).tolist()) == text


def test_the_command_answers_in_english_with_little_memory() -> None:
    """One line of figures on stderr, the answer on stdout."""
    command = [sys.executable, "-m", "tinygrad_lab", "generate", "llama", "--weights", "smollm2", "--prompt", QUESTION]
    result = subprocess.run(
        [*command, "--temperature", "0", "--length", "60"], capture_output=True, text=True, check=True
    )
    assert "Rayleigh scattering" in result.stdout
    peak = int(result.stderr.split("peak memory ")[1].split(" MB")[0].replace(",", ""))
    assert peak < 1600


@pytest.mark.parametrize("kept", [3, 1000, 100_000, 50_000_000])
def test_a_file_that_is_cut_off(tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.gguf"
    with open(pretrained.packaged("smollm2"), "rb") as whole:
        cut.write_bytes(whole.read(kept))
    result = run("generate", "llama", "--weights", str(cut), "--prompt", QUESTION)
    assert result.code == 2
    assert "cut.gguf is no whole GGUF file" in result.err
    assert len(result.err.strip().splitlines()) == 1
