"""Damaged GGUF files: each is loaded, or refused by one clear error."""

import os
from pathlib import Path

from papers.llama.weights.pretrained import pretrained
from tests.external import folders
from tests.external.gguf_writing import KINDS, written
from tests.faults.files import Content, Format, content_of, hunt
from tests.faults.part import REFUSED

CASES = int(os.environ.get("TINYGRAD_LAB_FAULTS", "400"))


def write(folder: Path) -> None:
    written(folder / "model.gguf", folders.model(), KINDS.F16, **{"tokenizer.ggml.add_bos_token": True})


def read(folder: Path) -> Content:
    found = content_of(pretrained(str(folder / "model.gguf")))
    assert all(array.ndim for array in found["weights"].values())
    return found


def test_a_damaged_file_is_loaded_or_refused_by_one_clear_error() -> None:
    (outcomes,) = hunt({"GGUF": Format(write, read)}, CASES).values()
    assert [outcome for outcome in outcomes if not outcome.good] == []
    assert sum(outcome.kind == REFUSED for outcome in outcomes) > CASES / 4
