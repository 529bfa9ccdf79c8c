"""How other people's tokenizers and chat templates are used: limits, first tokens, text as it comes."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, processors

from papers.llama.weights.chat import asked
from papers.llama.weights.folders import end_tokens, folder_vocabularies
from papers.llama.weights.tokenizer import Characters, Pieces, learn, stream, tokenizer
from tests.lab.command import run

BYTES = {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
WORDS = {"▁": 259, "t": 260, "o": 261, "▁t": 262, "▁to": 263, "b": 264, "e": 265, "▁b": 266, "▁be": 267}


def sentence_pieces() -> Pieces:
    """Pieces that begin with their space, bytes for all else, and a first token, as LLaMA has them."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2} | BYTES | WORDS
    merges = [("▁", "t"), ("▁t", "o"), ("▁", "b"), ("▁b", "e")]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["<s>", "</s>"])
    made.post_processor = processors.TemplateProcessing(single=["<s>", "$A"], special_tokens=[("<s>", 1)])
    return Pieces(made.to_str())


# ---- tokens ----------------------------------------------------------------------------------------------------------


def test_spaces_stay_where_they_are() -> None:
    known = sentence_pieces()
    tokens = known.encode("to be to").tolist()
    assert tokens == [263, 267, 263]
    assert list(stream(iter(tokens), known)) == ["to", " be", " to"]
    assert list(stream(iter(tokens), known, [263])) == [" to", " be", " to"]


def test_a_row_of_bytes_waits_for_its_end() -> None:
    """They make characters only if all of them do: a byte too many makes none of them one."""
    known = sentence_pieces()
    snow = [BYTES[f"<0x{byte:02X}>"] for byte in "☃".encode()]
    assert list(stream(iter([263, *snow, 267]), known)) == ["to", "☃ be"]
    assert list(stream(iter([263, *snow]), known)) == ["to", "☃"]
    broken = [263, *snow, BYTES["<0xFF>"], 267]
    assert (
        "".join(stream(iter(broken), known)) == known.decode(broken) == "to" + "\N{REPLACEMENT CHARACTER}" * 4 + " be"
    )


def test_tokens_without_text_are_no_neighbours() -> None:
    known = sentence_pieces()
    tokens = [263, 999, 267, 999, 998, 263]
    assert "".join(stream(iter(tokens), known)) == known.decode(tokens) == "to be to"


def test_the_first_token_comes_once_and_by_the_rule() -> None:
    known = sentence_pieces()
    assert known.prompt("to be").tolist() == [1, 263, 267]
    assert known.prompt("<s>to be").tolist().count(1) == 1
    assert known.encode("to be").tolist() == [263, 267]
    assert known.prompt("").tolist() == [1]
    plain = Pieces(learn("to be or not to be", 260))
    assert plain.prompt("to be").tolist() == plain.encode("to be").tolist()
    assert Characters().prompt("to").tolist() == Characters().encode("to").tolist()


def test_half_a_character_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"the prompt has '\\udce9' at place 3, which is no character"):
        sentence_pieces().encode("caf\udce9")
    with pytest.raises(ValueError, match="the prompt has"):
        asked("caf\udce9", "{{ messages }}")


@pytest.mark.parametrize("text", ["{}", "", "[" * 100_000, '{"model": {"type": "BPE"}}', "null"])
def test_a_broken_tokenizer_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json (cannot be read: |must be a JSON object)") as caught:
        tokenizer({"text": text})
    assert len(str(caught.value)) < 200


# ---- chat templates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "more than 5 seconds"),
        ("{{ 'x' * 10**10 }}", "too much memory"),
        ("{{ '%10000000000d' % 1 }}", "too much memory|longer"),
        ("{{ 'x' | center(10**10) }}", "too much memory"),
        ("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "it writes more than 1,000,000 characters"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion|seconds or too much memory"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ messages[7].role }}", "has no element 7"),
        ("{{ nothing.at.all }}", "'nothing' is undefined"),
        ("{% if %}", "Expected an expression"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ raise_exception('not  so\nfast') }}", "cannot be filled in: not so fast"),
        ("{{ raise_exception('x' * 9999) }}", "x{200}$"),
    ],
)
def test_a_template_has_limits(template: str, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=message) as caught:
        asked("Why?", template)
    assert len(str(caught.value)) < 300
    assert time.monotonic() - start < 60


def test_a_template_is_given_what_transformers_gives() -> None:
    template = (
        "{{ bos_token }}{% for m in messages %}{{ m | tojson }}{% endfor %}{{ tools }}{{ strftime_now('%d') | length }}"
    )
    found = asked("Why <é>?", template, {"bos_token": "<s>"})
    assert found == '<s>{"role": "user", "content": "Why <é>?"}None2'


# ---- folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.json").write_text(learn("to be or not to be", 270))
    return tmp_path


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))


def test_end_tokens_of_every_place(folder: Path) -> None:
    assert end_tokens(folder) == []
    assert "stop" not in folder_vocabularies(folder)
    write(folder, "config.json", {"eos_token_id": [3, 4]})
    assert end_tokens(folder) == [3, 4]
    write(folder, "generation_config.json", {"eos_token_id": 9})
    assert end_tokens(folder) == [9]
    write(folder, "tokenizer_config.json", {"eos_token": {"content": "b"}})
    known = tokenizer(folder_vocabularies(folder))
    assert json.loads(folder_vocabularies(folder)["stop"]) == sorted([9, *known.encode("b").tolist()])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "generation_config.json",
            {"eos_token_id": "2"},
            "eos_token_id must be a whole number from 0 up or a list of s",
        ),
        ("generation_config.json", {"eos_token_id": [-1]}, "eos_token_id must be"),
        ("generation_config.json", [], "generation_config.json must be a JSON object"),
        ("tokenizer_config.json", {"eos_token": 3}, "eos_token must be a token, got 3"),
        ("tokenizer_config.json", {"eos_token": {"content": 3}}, "content must be a string, got 3"),
        ("tokenizer_config.json", {"chat_template": 3}, "chat_template must be a template of at most"),
        ("tokenizer_config.json", {"chat_template": [3]}, "chat_template must be a template or a list of named ones"),
        (
            "tokenizer_config.json",
            {"chat_template": "x" * 300_000},
            "chat_template must be a template of at most 200,000",
        ),
        ("tokenizer_config.json", {"chat_template": [{"name": "rag", "template": "x"}]}, "none is called default"),
        ("tokenizer_config.json", {"bos_token": "a", "add_bos_token": "yes"}, "add_bos_token must be true or false"),
        ("chat_template.jinja", "x" * 300_000, "chat_template.jinja cannot be read: it has 300,000 bytes"),
        ("additional_chat_templates/rag.jinja", "x", "none is called default"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, value: Any, message: str) -> None:
    write(folder, name, value)
    with pytest.raises(ValueError, match=message):
        folder_vocabularies(folder)


def test_half_a_character_on_the_command_line(tmp_path: Path) -> None:
    result = run("embed", "caf\udce9")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
