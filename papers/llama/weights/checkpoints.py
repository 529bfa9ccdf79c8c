"""Published checkpoints under our names: Hugging Face, Meta and llama.cpp name and store the same tensors otherwise.

    here and Hugging Face                     Meta                             llama.cpp (GGUF)
    model.embed_tokens.weight                 tok_embeddings.weight            token_embd.weight
    model.layers.0.self_attn.q_proj.weight    layers.0.attention.wq.weight     blk.0.attn_q.weight
    model.layers.0.mlp.gate_proj.weight       layers.0.feed_forward.w1.weight  blk.0.ffn_gate.weight
    model.norm.weight                         norm.weight                      output_norm.weight
    lm_head.weight                            output.weight                    output.weight

Meta's and llama.cpp's heads rotate neighbours, so the rows of their q and k come in another order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from tinygrad_lab.documents import REQUIRED, Document, document, shown

from ..config import LlamaConfig
from .rope import rope_factors, rope_of_hugging_face

Arrays = dict[str, np.ndarray]
Named = Iterable[tuple[str, np.ndarray]]

LAYER = "model.layers.{}."
OURS = (
    "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
    "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight", "self_attn.o_proj.weight",
    "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight",
    "input_layernorm.weight", "post_attention_layernorm.weight",
)  # fmt: skip
META = (
    "tok_embeddings.weight", "norm.weight", "output.weight",
    "attention.wq.weight", "attention.wk.weight", "attention.wv.weight", "attention.wo.weight",
    "feed_forward.w1.weight", "feed_forward.w3.weight", "feed_forward.w2.weight",
    "attention_norm.weight", "ffn_norm.weight",
)  # fmt: skip
GGUF = (
    "token_embd.weight", "output_norm.weight", "output.weight",
    "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
    "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
    "attn_norm.weight", "ffn_norm.weight",
)  # fmt: skip
COMPUTED = ("rope.freqs", "rotary_emb.inv_freq", "rope_freqs.weight")  # angles that some files carry along


# ---- shapes ----------------------------------------------------------------------------------------------------------


def shapes(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, by name, without making any of them."""
    d, f = config.hidden_size, config.feed_forward
    queries, keys = config.heads * config.head_size, config.kv_heads * config.head_size
    norm = {"weight": (d,)} | ({"bias": (d,)} if config.norm == "layer" else {})
    gate = {"mlp.gate_proj.weight": (f, d)} if config.activation == "swiglu" else {}
    block = {
        "self_attn.q_proj.weight": (queries, d), "self_attn.k_proj.weight": (keys, d),
        "self_attn.v_proj.weight": (keys, d), "self_attn.o_proj.weight": (d, queries),
        **gate, "mlp.up_proj.weight": (f, d), "mlp.down_proj.weight": (d, f),
        **{f"input_layernorm.{name}": shape for name, shape in norm.items()},
        **{f"post_attention_layernorm.{name}": shape for name, shape in norm.items()},
    }  # fmt: skip
    if config.biases:
        block |= {name[:-6] + "bias": shape[:1] for name, shape in block.items() if "_proj" in name}
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.vocab_size, d)}
    for layer in range(config.layers):
        shapes |= {LAYER.format(layer) + name: shape for name, shape in block.items()}
    shapes |= {f"model.norm.{name}": shape for name, shape in norm.items()}
    if config.positions == "learned":
        shapes["model.embed_positions.weight"] = (config.context, d)
    return shapes if config.tied else shapes | {"lm_head.weight": (config.vocab_size, d)}


def parameters(config: LlamaConfig) -> int:
    """How many numbers the model has."""
    return sum(prod(shape) for shape in shapes(config).values())


def checked(tensors: Named, config: LlamaConfig) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors as they come, if they are those of a model of ``config``, each once.

    Raises:
        ValueError: one that the model has not, one of another shape, or, after the last, one that did not come.
    """
    expected = shapes(config)
    for name, array in tensors:
        shape = expected.pop(name, None)
        if shape is None:
            raise ValueError(f"tensor {name} is none of this configuration's model, or comes twice")
        if array.shape != shape:
            raise ValueError(f"tensor {name} has shape {array.shape}, the configuration says {shape}")
        yield name, array
    if expected:
        missing = ", ".join(list(expected)[:3])
        raise ValueError(f"{len(expected)} tensors of the configuration's model are missing: {missing}")


# ---- names and layouts -----------------------------------------------------------------------------------------------


def from_hugging_face(tensors: Named, config: LlamaConfig) -> Iterator[tuple[str, np.ndarray]]:
    """LlamaForCausalLM's tensors: ours, but for what is computed and a tied output layer; LlamaModel's lack "model.".

    Raises:
        ValueError: a tensor that is missing, too many, or of the wrong shape.
    """
    ours = shapes(config)
    whole = ((f"model.{name}" if f"model.{name}" in ours else name, array) for name, array in tensors)
    return checked(((name, array) for name, array in whole if not _left_out(name, config)), config)


def from_meta(tensors: Named, config: LlamaConfig) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of Meta's consolidated files; of models on several devices, joined already.

    Raises:
        ValueError: a tensor that is missing, too many, or of the wrong shape.
    """
    return checked(_renamed(tensors, config, META, "layers."), config)


def from_gguf(tensors: Named, config: LlamaConfig) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of a GGUF file, dequantised.

    Raises:
        ValueError: a tensor that is missing, too many, or of the wrong shape.
    """
    return checked(_renamed(tensors, config, GGUF, "blk."), config)


def to_meta(tensors: Named, config: LlamaConfig) -> Iterator[tuple[str, np.ndarray]]:
    """Our tensors under Meta's names, with rows in Meta's order: undoes ``from_meta``."""
    theirs = dict(zip(OURS, META, strict=True))
    for name, array in tensors:
        if name.startswith("model.layers."):
            _, _, layer, part = name.split(".", 3)
            heads = _heads(name, config)
            yield f"layers.{layer}.{theirs[part]}", to_neighbours(array, heads) if heads else array
        else:
            yield theirs[name], array


def to_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of W_q or W_k whose pairs are neighbours (2i, 2i + 1), as (i, i + h/2).    (heads h, d)"""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def to_neighbours(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of W_q or W_k whose pairs are (i, i + h/2), as neighbours: undoes ``to_halves``.    (heads h, d)"""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _renamed(
    tensors: Named, config: LlamaConfig, theirs: tuple[str, ...], prefix: str
) -> Iterator[tuple[str, np.ndarray]]:
    ours = dict(zip(theirs, OURS, strict=True))
    for name, array in tensors:
        layer, part = name.removeprefix(prefix).split(".", 1) if name.startswith(prefix) else ("", name)
        renamed = (LAYER.format(layer) if layer else "") + ours.get(part, part)
        if _left_out(renamed, config):
            continue
        heads = _heads(renamed, config)
        if heads and array.ndim == 2 and len(array) == heads * config.head_size and config.pairing == "halves":
            array = to_halves(array, heads)  # of another shape: ``checked`` says so
        yield renamed, array


def _heads(name: str, config: LlamaConfig) -> int:
    """How many heads the rows of a rotated matrix make; 0 for the others."""
    part = name.split(".")[-2]
    return {"q_proj": config.heads, "k_proj": config.kv_heads}.get(part, 0) if config.positions == "rotary" else 0


def _left_out(name: str, config: LlamaConfig) -> bool:
    return name.endswith(COMPUTED) or (name == "lm_head.weight" and config.tied)


# ---- configurations --------------------------------------------------------------------------------------------------


def config_from_hugging_face(saved: Mapping[str, Any]) -> LlamaConfig:
    """From the fields of config.json.

    Raises:
        ValueError: a model of another kind, an option we have not, a field missing or of a wrong kind.
    """
    fields = document(saved, "config.json")
    for name, ours in OURS_ALONE.items():
        if fields.get(name, ours) != ours:
            raise ValueError(f"{fields.called}: {name} {shown(fields.get(name))} is none of ours")
    sizes = _sizes(fields, SIZES_OF_HUGGING_FACE)
    sizes["kv_heads"] = fields.count("num_key_value_heads", sizes["heads"], most=sizes["heads"])
    theta = rope_of_hugging_face(fields).number("rope_theta", fields.number("rope_theta", 10_000.0))
    config = LlamaConfig(
        **sizes, rope_theta=theta, norm_eps=fields.number("rms_norm_eps", 1e-6),
        tied=fields.flag("tie_word_embeddings"), tokens="bpe", **_head(sizes, fields, "head_dim"),
    )  # fmt: skip
    factors = rope_factors(fields, config.head_size, theta, config.context)
    return replace(config, variant="smollm2" if config.tied else "llama", rope_factors=factors)


def config_from_gguf(fields: Mapping[str, Any], tied: bool, frequencies: Sequence[float] | None = None) -> LlamaConfig:
    """From the fields of a GGUF file's header.

    Args:
        fields: by key.
        tied: whether the file has no output layer of its own.
        frequencies: its tensor ``rope_freqs.weight``, what each frequency is divided by.

    Raises:
        ValueError: a model of another kind, an option we have not, a field missing or of a wrong kind.
    """
    header = document(fields, "the header")
    if (kind := header.get("general.architecture")) != "llama":
        raise ValueError(f"general.architecture must be llama, got {shown(kind)}")
    if header.get("llama.expert_count"):
        raise ValueError(f"the header: llama.expert_count {shown(header.get('llama.expert_count'))} is none of ours")
    sizes = _sizes(header, SIZES_OF_GGUF)
    words = header.get("tokenizer.ggml.tokens", REQUIRED)
    if not isinstance(words, list) or not words:
        raise header.wrong("tokenizer.ggml.tokens", "a list of tokens")
    length = "llama.attention.key_length"
    config = LlamaConfig(
        **sizes, vocab_size=len(words), rope_theta=header.number("llama.rope.freq_base", 10_000.0),
        kv_heads=header.count("llama.attention.head_count_kv", sizes["heads"], most=sizes["heads"]),
        norm_eps=header.number("llama.attention.layer_norm_rms_epsilon"), tied=tied, tokens="bpe",
        variant="smollm2" if tied else "llama", **_head(sizes, header, length),
    )  # fmt: skip
    for name in (length, "llama.attention.value_length", "llama.rope.dimension_count"):
        if header.get(name, config.head_size) != config.head_size:
            raise header.wrong(name, f"the size of a head, {config.head_size}")
    return replace(config, rope_factors=_gguf_factors(header, config.head_size // 2, frequencies))


SIZES_OF_HUGGING_FACE = {
    "vocab_size": "vocab_size", "hidden_size": "hidden_size", "layers": "num_hidden_layers",
    "heads": "num_attention_heads", "feed_forward": "intermediate_size", "context": "max_position_embeddings",
}  # fmt: skip
SIZES_OF_GGUF = {
    "heads": "llama.attention.head_count", "hidden_size": "llama.embedding_length", "layers": "llama.block_count",
    "feed_forward": "llama.feed_forward_length", "context": "llama.context_length",
}  # fmt: skip
MOST = {"layers": 10_000, "context": 1 << 20}  # a table of angles, with a row for each position, is made at once
MOST_OF_OTHERS = 1 << 24
# The options of transformers' LLaMA that we have not: the only value of each that is taken.
OURS_ALONE = {
    "model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False,
    "quantization_config": None,
}  # fmt: skip


def _sizes(fields: Document, names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: fields.count(name, most=MOST.get(ours, MOST_OF_OTHERS)) for ours, name in names.items()}


def _head(sizes: dict[str, Any], fields: Document, name: str) -> dict[str, Any]:
    """The size of a head, where it is another than d / H."""
    size = fields.count(name, most=1 << 16) if fields.get(name) is not None else 0
    return {"head_dim": size} if size * sizes["heads"] != sizes["hidden_size"] else {}


def _gguf_factors(header: Document, half: int, frequencies: Sequence[float] | None) -> tuple[float, ...]:
    """What each frequency is divided by: the factor of linear scaling, times the tensor where there is one."""
    kind = header.text("llama.rope.scaling.type", "none")
    if kind not in ("none", "linear"):
        raise ValueError(f"{header.called}: llama.rope.scaling.type {shown(kind)} is none of ours (none, linear)")
    factor = header.number("llama.rope.scaling.factor", header.number("llama.rope.scale_linear", 1.0))
    if kind == "none" and "llama.rope.scaling.type" in header.fields:
        factor = 1.0
    if frequencies is None:
        return () if factor == 1 else (factor,) * half
    return tuple(factor * float(frequency) for frequency in frequencies)
