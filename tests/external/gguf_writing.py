"""Small random models in GGUF files, written by the gguf library."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from papers.llama.weights.checkpoints import GGUF, OURS, to_neighbours
from tests.external import folders

KINDS = gguf.GGMLQuantizationType
NAMES = dict(zip(OURS, GGUF, strict=True))


def renamed(name: str) -> str:
    """As llama.cpp calls it."""
    if not name.startswith("model.layers."):
        return NAMES[name]
    _, _, layer, part = name.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}"


def written(path: Path, network: Any, kind: Any = KINDS.F32, slow: np.ndarray | None = None, **fields: Any) -> Path:
    """A file of a model of transformers; norms stay float32.

    Args:
        slow: what each frequency is divided by.
        fields: of the header, which replace those that it has otherwise; None takes one out.
    """
    config, made = network.config, folders.byte_level()
    writer = gguf.GGUFWriter(path, "llama")
    for name, value in (header(config, made) | fields).items():
        if value is not None:
            add(writer, name, value)
    for name, tensor in network.state_dict().items():
        array = tensor.float().numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = to_neighbours(array, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        stored = kind if array.ndim == 2 else KINDS.F32
        writer.add_tensor(renamed(name), gguf.quantize(array, stored), raw_dtype=stored)
    if slow is not None:
        writer.add_tensor("rope_freqs.weight", slow.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def header(config: Any, made: Any) -> dict[str, Any]:
    """The fields of a model's file."""
    state = json.loads(made.backend_tokenizer.to_str())
    words = sorted(state["model"]["vocab"], key=state["model"]["vocab"].get)
    words += [f"[PAD{number}]" for number in range(len(words), config.vocab_size)]  # as llama.cpp fills a vocabulary up
    return {
        "llama.context_length": config.max_position_embeddings, "llama.embedding_length": config.hidden_size,
        "llama.block_count": config.num_hidden_layers, "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "llama.rope.freq_base": config.rope_parameters["rope_theta"],
        "llama.attention.key_length": config.head_dim, "llama.attention.value_length": config.head_dim,
        "llama.rope.dimension_count": config.head_dim,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.merges": [" ".join(merge) for merge in state["model"]["merges"]],
        "tokenizer.ggml.token_type": [kind_of(word) for word in words],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": folders.CHAT,
    }  # fmt: skip


def kind_of(word: str) -> int:
    """Control, unused or normal, in the library's numbers."""
    return 3 if word in folders.SPECIAL else 5 if word.startswith("[PAD") else 1


def add(writer: Any, name: str, value: Any) -> None:
    """A field of the type that its value has."""
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    else:
        writer.add_array(name, value)
