"""LLaMA folders in every form in which transformers writes them: ``make test-external``."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from papers.llama.inference import GREEDY, search, until
from papers.llama.model import Llama, build
from papers.llama.weights.chat import asked
from papers.llama.weights.folders import chat_template, folder_vocabularies, special_tokens
from papers.llama.weights.pretrained import Pretrained, open_folder
from papers.llama.weights.tokenizer import stream, tokenizer
from reference.llama import model as reference
from tests.external import folders
from tests.lab.command import run
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.documents import read_document
from tinygrad_lab.random import generator

TOKENS = generator(0).integers(3, folders.SIZE, (2, 60))
PROMPTS = ["To be", "  two  spaces ", "naïve ☃ 北京", "<s>To be", "a</s>b", "\tnew\nline", "x" * 30]


def loaded(found: Pretrained, side: str = "numpy") -> Any:
    """A model of either side with a folder's weights, each of which comes once."""
    state = dict(found.tensors)
    if side == "torch":
        twin = reference.build(found.config).eval()
        twin.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        return twin
    model = build(found.config, generator(0)).eval()
    model.load_state_dict(state)
    return model


def ours(path: Path, tokens: np.ndarray = TOKENS) -> tuple[np.ndarray, np.ndarray]:
    """The logits of both sides."""
    with no_grad(), torch.no_grad():
        return (
            loaded(open_folder(path))(Tensor(tokens)).numpy(),
            loaded(open_folder(path), "torch")(torch.from_numpy(tokens)).numpy(),
        )


def assert_alike(path: Path, expected: np.ndarray, tokens: np.ndarray = TOKENS) -> None:
    for found in ours(path, tokens):
        np.testing.assert_allclose(found, expected, atol=3e-5 * np.abs(expected).max())


def change(path: Path, **fields: Any) -> None:
    """Give a JSON file other fields; None takes one out."""
    saved = json.loads(path.read_text(encoding="utf-8")) | fields
    path.write_text(json.dumps({name: value for name, value in saved.items() if value is not None}))


# ---- weights and configurations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shard", ["5GB", "20KB"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_every_floating_type_in_one_file_or_several(tmp_path: Path, dtype: torch.dtype, shard: str) -> None:
    network = folders.model(dtype)
    folders.folder(tmp_path, network, folders.byte_level(), shard)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shard == "20KB")
    state = {name: tensor.float().numpy() for name, tensor in network.state_dict().items()}
    found = dict(open_folder(tmp_path).tensors)
    assert found.keys() == state.keys()
    assert all(np.array_equal(array, state[name]) and array.dtype == np.float32 for name, array in found.items())
    whole = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert_alike(tmp_path, folders.logits(whole, TOKENS))


LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"head_dim": 16}, {"head_dim": 4}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4},
        {"num_key_value_heads": 1}, {"rope_parameters": LINEAR}, {"rope_parameters": folders.LLAMA3},
        {"rope_parameters": folders.LLAMA3 | {"factor": 32.0, "high_freq_factor": 2.0}, "head_dim": 16},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}}, {"rms_norm_eps": 1e-2},
    ],
    ids=str,
)  # fmt: skip
def test_every_configuration_gives_their_logits(tmp_path: Path, changes: dict[str, Any]) -> None:
    network = folders.model(**changes)
    folders.folder(tmp_path, network, folders.byte_level())
    assert_alike(tmp_path, folders.logits(network, TOKENS))


@pytest.mark.parametrize("kind", ["rope_type", "type"])
@pytest.mark.parametrize("rope", [LINEAR, folders.LLAMA3])
def test_older_configurations_say_rope_scaling(tmp_path: Path, rope: dict[str, Any], kind: str) -> None:
    network = folders.model(rope_parameters=rope)
    folders.folder(tmp_path, network, folders.byte_level())
    older = {kind if name == "rope_type" else name: value for name, value in rope.items() if name != "rope_theta"}
    change(tmp_path / "config.json", rope_parameters=None, rope_scaling=older, rope_theta=rope["rope_theta"])
    assert_alike(tmp_path, folders.logits(network, TOKENS))


def test_what_is_missing_has_their_default(tmp_path: Path) -> None:
    network = folders.model()
    folders.folder(tmp_path, network, folders.byte_level())
    left_out = ("rms_norm_eps", "rope_parameters", "head_dim", "attention_bias", "mlp_bias", "tie_word_embeddings")
    change(tmp_path / "config.json", **dict.fromkeys(left_out))
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert_alike(tmp_path, folders.logits(again, TOKENS))


def test_names_without_model_are_those_with_it(tmp_path: Path) -> None:
    network = folders.model(tie_word_embeddings=True)
    network.model.save_pretrained(tmp_path)
    folders.byte_level().save_pretrained(tmp_path)
    assert not any(name.startswith("model.") for name in load_file(tmp_path / "model.safetensors"))
    assert_alike(tmp_path, folders.logits(network, TOKENS))


def test_a_tied_output_layer_may_be_stored_twice(tmp_path: Path) -> None:
    network = folders.model(tie_word_embeddings=True)
    folders.folder(tmp_path, network, folders.byte_level())
    state = load_file(tmp_path / "model.safetensors")
    state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
    save_file(state, tmp_path / "model.safetensors")
    assert_alike(tmp_path, folders.logits(network, TOKENS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0}}, "rope_type 'yarn' is none of"),
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1.0, "factor": 4.0}}, "rope_type 'dynamic' is no"),
        ({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1.0}}, "rope_type 'longrope' is none of ours"),
        ({"rope_parameters": LINEAR | {"partial_rotary_factor": 0.5}}, "partial_rotary_factor must be 1, got 0.5"),
        ({"attention_bias": True}, "attention_bias True is none of ours"),
        ({"mlp_bias": True}, "mlp_bias True is none of ours"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu' is none of ours"),
        (
            {"quantization_config": {"quant_method": "fp8"}},
            r"quantization_config \{'quant_method': 'fp8'\} is none of o",
        ),
        ({"model_type": "mistral"}, "model_type 'mistral' is none of ours"),
        ({"head_dim": 6}, r"_proj.weight has shape \(.*\), the configuration says \("),
    ],
)
def test_what_we_have_not_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folders.folder(tmp_path, folders.model(), folders.byte_level())
    change(tmp_path / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        open_folder(tmp_path)


def test_float8_weights_are_refused_by_name(tmp_path: Path) -> None:
    folders.folder(tmp_path, folders.model(), folders.byte_level())
    state = load_file(tmp_path / "model.safetensors")
    state["model.norm.weight"] = state["model.norm.weight"].to(torch.float8_e4m3fn)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"tensor 'model.norm.weight' is of type 'F8_E4M3' \(float8\), which is not rea"
    ):
        open_folder(tmp_path)


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("kind", [np.int64, bool])
def test_padding_on_the_left_is_theirs(tmp_path: Path, side: str, kind: type) -> None:
    network = folders.model(rope_parameters=folders.LLAMA3)
    folders.folder(tmp_path, network, folders.byte_level())
    mask = np.ones(TOKENS.shape, np.int64)
    mask[1, :23] = 0
    with torch.no_grad():
        expected = network(torch.from_numpy(TOKENS), attention_mask=torch.from_numpy(mask)).logits.numpy()
    model, make = loaded(open_folder(tmp_path), side), Tensor if side == "numpy" else torch.from_numpy
    with no_grad(), torch.no_grad():
        found = model(make(TOKENS), None, make(mask.astype(kind))).numpy()
    np.testing.assert_allclose(found[mask == 1], expected[mask == 1], atol=3e-5 * np.abs(expected).max())


# ---- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=folders.TOKENIZERS)
def texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """(Ours, theirs), both from the same folder."""
    path = tmp_path_factory.mktemp("tokenizer")
    folders.TOKENIZERS[request.param]().save_pretrained(path)
    return tokenizer(folder_vocabularies(path)), transformers.AutoTokenizer.from_pretrained(path)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts_are_read_as_theirs_and_begin_once(texts: tuple[Any, Any], prompt: str) -> None:
    known, theirs = texts
    expected = theirs(prompt)["input_ids"]
    if expected[:2] == [theirs.bos_token_id] * 2:
        expected = expected[1:]
    assert known.prompt(prompt).tolist() == expected
    assert known.encode(prompt).tolist() == theirs(prompt, add_special_tokens=False)["input_ids"]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_streamed_text_is_what_decoding_all_tokens_gives(texts: tuple[Any, Any], data: st.DataObject) -> None:
    """Also for bytes that make no character, in the middle and at the end, and after a prompt."""
    known, theirs = texts
    few = st.sampled_from([3, 4, 98, 199, 230, 155, 153, 200, *known.encode(" be ☃").tolist()])
    tokens = data.draw(st.lists(st.one_of(st.integers(0, len(theirs) - 1), few), max_size=12))
    assert "".join(stream(iter(tokens), known)) == theirs.decode(tokens)
    before = data.draw(st.lists(st.integers(0, len(theirs) - 1), max_size=4))
    if not before or not known.waits(before[-1]):
        told = theirs.decode(before)
        whole = theirs.decode(before + tokens)
        if whole.startswith(told) and not told.endswith("\N{REPLACEMENT CHARACTER}"):
            assert told + "".join(stream(iter(tokens), known, before)) == whole


@pytest.mark.parametrize("begin", [True, False])
@pytest.mark.parametrize("end", [True, False])
def test_first_and_last_tokens_are_those_of_the_settings(tmp_path: Path, begin: bool, end: bool) -> None:
    made = folders.metaspace(add_bos_token=begin, add_eos_token=end)
    made.save_pretrained(tmp_path)
    change(tmp_path / "tokenizer_config.json", add_bos_token=begin, add_eos_token=end)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    known = tokenizer(folder_vocabularies(tmp_path))
    assert known.prompt("To be").tolist() == theirs("To be")["input_ids"]
    assert (known.prompt("To be")[0] == 1, known.prompt("To be")[-1] == 2) == (begin, end)


# ---- end tokens ------------------------------------------------------------------------------------------------------


def stops(path: Path) -> Any:
    return json.loads(folder_vocabularies(path).get("stop", "[]"))


@pytest.mark.parametrize(("given", "expected"), [(7, [2, 7]), ([7, 9], [2, 7, 9]), (2, 2)])
def test_end_tokens_stand_in_three_files(tmp_path: Path, given: Any, expected: Any) -> None:
    network = folders.model(eos_token_id=5)
    network.generation_config.eos_token_id = given
    folders.folder(tmp_path, network, folders.byte_level())
    assert stops(tmp_path) == expected
    (tmp_path / "generation_config.json").unlink()
    change(tmp_path / "config.json", eos_token_id=given)
    assert stops(tmp_path) == expected
    change(tmp_path / "tokenizer_config.json", eos_token={"content": "</s>", "special": True, "__type": "AddedToken"})
    assert stops(tmp_path) == expected
    change(tmp_path / "tokenizer_config.json", eos_token=None)
    assert stops(tmp_path) == given


def test_a_text_ends_where_theirs_ends(tmp_path: Path) -> None:
    """The token that a model writes third is declared the end; with and without a chat template."""
    network, made = folders.model(), folders.byte_level()
    with torch.no_grad():
        free = network.generate(**made("To be", return_tensors="pt"), do_sample=False, max_new_tokens=20)[0].tolist()
    start = len(made("To be")["input_ids"])
    network.generation_config.eos_token_id = [free[start + 2], 2]
    folders.folder(tmp_path, network, made)
    found = open_folder(tmp_path)
    model = loaded(found)
    written = search(model, found.config, tokenizer(found.vocabularies).prompt("To be").tolist(), GREEDY)
    first = free.index(free[start + 2], start)
    assert list(until(written, json.loads(found.vocabularies["stop"]))) == free[start:first]


# ---- chat ------------------------------------------------------------------------------------------------------------

OTHER = "{{ 'other' }}"


def written_as_jinja(made: Any, path: Path) -> None:
    made.save_pretrained(path)
    assert (path / "chat_template.jinja").exists()


def written_in_the_settings(made: Any, path: Path) -> None:
    made.save_pretrained(path, save_jinja_files=False)
    assert isinstance(json.loads((path / "tokenizer_config.json").read_text())["chat_template"], str)


def written_as_a_list(made: Any, path: Path) -> None:
    made.chat_template = {"default": made.chat_template, "tool_use": OTHER}
    made.save_pretrained(path, save_jinja_files=False)
    assert isinstance(json.loads((path / "tokenizer_config.json").read_text())["chat_template"], list)


def written_as_several_files(made: Any, path: Path) -> None:
    made.chat_template = {"default": made.chat_template, "tool_use": OTHER}
    made.save_pretrained(path)
    assert (path / "additional_chat_templates" / "tool_use.jinja").exists()


def written_twice(made: Any, path: Path) -> None:
    """The file counts, not the settings."""
    made.save_pretrained(path)
    change(path / "tokenizer_config.json", chat_template=OTHER)


FORMS = [written_as_jinja, written_in_the_settings, written_as_a_list, written_as_several_files, written_twice]


def asked_ours(path: Path, question: str) -> str:
    known = read_document(path / "tokenizer_config.json")
    template = chat_template(path, known)
    assert template is not None
    return asked(question, template, special_tokens(known))


@pytest.mark.parametrize("write", FORMS)
def test_chat_templates_are_found_wherever_they_are_written(tmp_path: Path, write: Callable[..., None]) -> None:
    write(folders.metaspace(chat_template=folders.CHAT), tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    expected = theirs.apply_chat_template([{"role": "user", "content": " Why? "}], tokenize=False)
    assert asked_ours(tmp_path, " Why? ") == expected == "<s>[INST] Why? [/INST]"


def test_templates_without_a_default_are_named(tmp_path: Path) -> None:
    made = folders.metaspace()
    made.chat_template = {"rag": OTHER, "tool_use": OTHER}
    made.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"of its chat templates \(\['rag', 'tool_use'\]\) none is called default"):
        folder_vocabularies(tmp_path)


TEMPLATES = [
    "{{ bos_token }}{{ eos_token }}{{ unk_token }}[{{ pad_token }}]{{ tools }}{{ documents }}",
    "{{ add_generation_prompt }}",
    "{{ messages | tojson }} {{ messages | tojson(indent=2) }} {{ 'é<&>' | tojson }}",
    "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}",
    "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "{% set a = 1 %}{% generation %}{% set a = 2 %}{{ a }}{% endgeneration %}{{ a }}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% elif i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "  {% if true %}\n   a\n  {% endif %}\n\n  {%- if false %}b{% endif -%}\n c\n",
    "{{ strftime_now('%Y') }}{% if strftime_now is defined %}yes{% endif %}{% if nothing is defined %}no{% endif %}",
    "{{ messages[0]['content'].strip().upper() }}{{ messages[-1].role }}{{ messages | length }}{{ dict(a=1).a }}",
    "{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(messages[0].content) }}",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_write_what_they_write_there(template: str) -> None:
    theirs = folders.metaspace(chat_template=template)
    messages = [{"role": "user", "content": "Why <b> é?"}]
    expected = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    special = {name: getattr(theirs, name) for name in ("bos_token", "eos_token", "unk_token")}
    assert asked("Why <b> é?", template, special) == expected


def test_a_template_may_refuse() -> None:
    with pytest.raises(ValueError, match="the chat template cannot be filled in: only assistants here"):
        asked("Why?", "{{ raise_exception('only\n assistants here') }}")


# ---- everything at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("chat", [folders.CHAT, None], ids=["chat", "plain"])
@pytest.mark.parametrize("kind", folders.TOKENIZERS)
def test_the_command_writes_their_text_token_for_token(tmp_path: Path, kind: str, chat: str | None, side: str) -> None:
    """bfloat16, in shards, with llama3's rope, each kind of tokenizer, with a chat template and without one."""
    made = folders.TOKENIZERS[kind](chat_template=chat)
    size = {"vocab_size": max(folders.SIZE, len(made))}
    folders.folder(tmp_path, folders.model(torch.bfloat16, rope_parameters=folders.LLAMA3, **size), made, "20KB")
    question = "What is the question?"
    network = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": question}]
    about = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
    given = theirs.apply_chat_template(messages, **about) if chat else theirs(question, return_tensors="pt")
    given.pop("token_type_ids", None)
    written = network.generate(**given, do_sample=False, max_new_tokens=40)[0].tolist()
    start = given["input_ids"].shape[1]
    kept = written[: written.index(2, start)] if 2 in written[start:] else written
    text = partial(theirs.decode, skip_special_tokens=True)
    expected = text(kept[start:]) if chat else question + text(kept)[len(text(written[:start])) :]
    result = run(
        "generate", "llama", "--weights", str(tmp_path), "--prompt", question, "--temperature", "0", "--length", "40",
        "--side", side, "--json", "-",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert json.loads(result.out)[0]["text"] == expected
    assert f"{start} tokens read" in result.err


def test_a_folder_moved_elsewhere_needs_nothing_else(tmp_path: Path) -> None:
    folders.folder(tmp_path / "a", folders.model(torch.bfloat16), folders.metaspace(), "20KB")
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert isinstance(loaded(open_folder(tmp_path / "b")), Llama)
