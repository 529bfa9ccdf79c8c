"""Published checkpoints under our names: Hugging Face, Meta and llama.cpp name and store the same tensors otherwise.

    here and Hugging Face                     Meta                             llama.cpp (GGUF)
    model.embed_tokens.weight                 tok_embeddings.weight            token_embd.weight
    model.layers.0.self_attn.q_proj.weight    layers.0.attention.wq.weight     blk.0.attn_q.weight
    model.layers.0.mlp.gate_proj.weight       layers.0.feed_forward.w1.weight  blk.0.ffn_gate.weight
    model.norm.weight                         norm.weight                      output_norm.weight
    lm_head.weight                            output.weight                    output.weight

Meta's and llama.cpp's heads rotate neighbours, so the rows of their q and k come in another order.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from papers.llama.config import LlamaConfig

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
    keys = config.kv_heads * config.head_size
    norm = {"weight": (d,)} | ({"bias": (d,)} if config.norm == "layer" else {})
    gate = {"mlp.gate_proj.weight": (f, d)} if config.activation == "swiglu" else {}
    block = {
        "self_attn.q_proj.weight": (d, d), "self_attn.k_proj.weight": (keys, d),
        "self_attn.v_proj.weight": (keys, d), "self_attn.o_proj.weight": (d, d),
        **gate, "mlp.up_proj.weight": (f, d), "mlp.down_proj.weight": (d, f),
        **{f"input_layernorm.{name}": shape for name, shape in norm.items()},
        **{f"post_attention_layernorm.{name}": shape for name, shape in norm.items()},
    }  # fmt: skip
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
    """LlamaForCausalLM's tensors: ours, but for what is computed and a tied output layer.

    Raises:
        ValueError: a tensor that is missing, too many, or of the wrong shape.
    """
    return checked(((name, array) for name, array in tensors if not _left_out(name, config)), config)


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
    """The way back."""
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
    """The way back.    (heads h, d)"""
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
        ValueError: a model of another kind, an option we have not, or a field missing.
    """
    rope = saved.get("rope_parameters") or saved.get("rope_scaling") or {}
    unsupported = {
        "model_type": saved.get("model_type", "llama") != "llama",
        "hidden_act": saved.get("hidden_act", "silu") != "silu",
        "attention_bias": bool(saved.get("attention_bias")),
        "mlp_bias": bool(saved.get("mlp_bias")),
        "rope_scaling": rope.get("rope_type", rope.get("type", "default")) != "default",
    }
    for name, wanted in unsupported.items():
        if wanted:
            raise ValueError(f"config.json: {name} {saved.get(name)!r} is none of ours")
    theta = saved.get("rope_theta", rope.get("rope_theta", 10_000.0))
    try:
        heads = saved["num_attention_heads"]
        return LlamaConfig(
            variant="smollm2" if saved.get("tie_word_embeddings") else "llama",
            vocab_size=saved["vocab_size"], hidden_size=saved["hidden_size"], layers=saved["num_hidden_layers"],
            heads=heads, kv_heads=saved.get("num_key_value_heads") or heads, feed_forward=saved["intermediate_size"],
            context=saved["max_position_embeddings"], rope_theta=float(theta), norm_eps=saved["rms_norm_eps"],
            tied=bool(saved.get("tie_word_embeddings")), tokens="bpe",
        )  # fmt: skip
    except KeyError as error:
        raise ValueError(f"config.json has no {error.args[0]}") from None


def config_from_gguf(fields: Mapping[str, Any], tied: bool) -> LlamaConfig:
    """From the fields of a GGUF file's header.

    Args:
        fields: by key.
        tied: whether the file has no output layer of its own.

    Raises:
        ValueError: a model of another kind, or a field missing.
    """
    kind = fields.get("general.architecture")
    if kind != "llama":
        raise ValueError(f"general.architecture must be llama, got {kind!r}")
    try:
        heads = fields["llama.attention.head_count"]
        return LlamaConfig(
            variant="smollm2" if tied else "llama",
            vocab_size=len(fields["tokenizer.ggml.tokens"]), hidden_size=fields["llama.embedding_length"],
            layers=fields["llama.block_count"], heads=heads,
            kv_heads=fields.get("llama.attention.head_count_kv", heads),
            feed_forward=fields["llama.feed_forward_length"], context=fields["llama.context_length"],
            rope_theta=float(fields.get("llama.rope.freq_base", 10_000.0)),
            norm_eps=float(fields["llama.attention.layer_norm_rms_epsilon"]), tied=tied, tokens="bpe",
        )  # fmt: skip
    except KeyError as error:
        raise ValueError(f"the header has no {error.args[0]}") from None
