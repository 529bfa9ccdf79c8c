"""Vocabularies that would have the library print a page about itself are refused before it sees them."""

import json

import pytest

from papers.bert.text.wordpiece import learn as learn_words
from papers.llama.weights.tokenizer import learn
from tinygrad_lab.data.libraries import open_tokenizer

KNOWN = json.loads(learn("the cat and the hat " * 3, 262))


def joined(prefix: object, *merges: object) -> str:
    return json.dumps({**KNOWN, "model": {**KNOWN["model"], "continuing_subword_prefix": prefix, "merges": merges}})


@pytest.mark.parametrize(
    ("prefix", "merge"), [("##", ["t", "h"]), ("##", "t h"), ("x" * 90, ["t", "he"]), ("#", ["t", "é"])]
)
def test_a_prefix_with_no_room_is_refused(prefix: str, merge: object, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"the file cannot be read: .* has no room for the prefix"):
        open_tokenizer(joined(prefix, merge), "the file")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("prefix", [None, ""])
def test_without_one_nothing_changes(prefix: object) -> None:
    whole = open_tokenizer(json.dumps(KNOWN), "the file").encode("the hat").ids
    assert open_tokenizer(joined(prefix, *KNOWN["model"]["merges"]), "the file").encode("the hat").ids == whole


def test_a_vocabulary_without_its_token_for_the_unknown_is_refused() -> None:
    value = json.loads(learn_words(["the sky is blue"] * 4, 60))
    open_tokenizer(json.dumps(value), "the file")
    value["model"]["unk_token"] = "[ODD]"
    with pytest.raises(ValueError, match=r"the file cannot be read: '\[ODD\]', for what is unknown"):
        open_tokenizer(json.dumps(value), "the file")
