"""Equations of the papers on language, by hand, a second time, for both sides.

Parity holds the sides equal; these hold each of them to its paper.
"""

import importlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.papers.both import on_both_sides, side_of, tiny
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Side
from tinygrad_lab.random import generator


def built(slug: str, variant: str, package: str, **changes: Any) -> tuple[Side, Any, Any]:
    """A side, a tiny model of it in float64 and evaluation mode, and its configuration."""
    side, config = side_of(slug, package), replace(tiny(slug, variant), **changes)
    model = side.build(config, dtype="float64")
    model.eval()
    return side, model, config


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def batch_of(side: Side, slug: str, config: Any) -> dict[str, Any]:
    arrays = registry.part(registry.find(slug), "data").example_batch(config, generator(0))
    return side.batch(arrays, "float64")


def watched(side: Side, model: Any, *args: Any) -> dict[str, np.ndarray]:
    """What each module gave out."""
    return side.outputs(model, lambda: model(*args))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# ---- sequence to sequence -------------------------------------------------------------------------------------------
@on_both_sides
def test_the_attentional_state_is_equation_5(package: str) -> None:
    """h̃_t = tanh(W_c [c_t; h_t]): the context first; of a single position it is that position."""
    side, model, _ = built("seq2seq_attention", "dot", package)
    attention, d = model.decoder.attention, model.out.weight.shape[1]
    h_t, h_s = drawn(1, 1, d), np.ones((1, 1, d))
    real, length = np.array([[True]]), np.array([1])
    memory = side.model_module.Memory(*map(side.tensor, (h_s, real, length)))
    found, _ = attention(side.tensor(h_t), memory, side.tensor(np.array([0])))
    W_c = side.state(model)["decoder.attention.W_c.weight"]
    expected = np.tanh(W_c[:, :d] @ h_s[0, 0] + W_c[:, d:] @ h_t[0, 0])
    np.testing.assert_allclose(side.array(found)[0, 0], expected)


@on_both_sides
def test_what_is_fed_stands_behind_the_token(package: str) -> None:
    """Section 3.3: the first layer reads [x; h̃], and h̃ with its last d columns alone."""
    side, model, config = built("seq2seq_attention", "input-feeding", package)
    weights = side.state(model)
    weights["decoder.lstm.weight_ih_l0"][:, config.hidden_size :] = 0.0
    side.load(model, weights)
    batch = batch_of(side, "seq2seq_attention", config)
    memory, state = model.encode(batch["source"], batch["length"])
    fed = state._replace(attentional=side.tensor(drawn(*state.attentional.shape)))
    begin = batch["target"][:, :1]
    logits = [side.array(model.decode(begin, start, memory)[0]) for start in (state, fed)]
    np.testing.assert_array_equal(*logits)


@on_both_sides
def test_the_window_of_local_p_has_its_ends(package: str) -> None:
    """Section 3.2, [p_t - D, p_t + D]: with v_p = 0, p_t is 2 of 4, and D = 2 reaches 0 and 4."""
    side, model, _ = built("seq2seq_attention", "local-p", package, window=2)
    weights = side.state(model)
    weights["decoder.attention.v_p.weight"][:] = 0.0
    side.load(model, weights)
    d = model.out.weight.shape[1]
    real, length = side.tensor(np.full((1, 5), True)), side.tensor(np.array([4]))
    memory = side.model_module.Memory(side.tensor(drawn(1, 5, d)), real, length)
    t = side.tensor(np.array([0]))
    found = model.decoder.attention.align(side.tensor(drawn(1, 1, d)), memory, t)
    assert (side.array(found)[0, 0] > 0).tolist() == [True] * 5


# ---- Transformer ----------------------------------------------------------------------------------------------------
@on_both_sides
def test_embeddings_are_multiplied_by_the_root_of_d_and_positions_added(package: str) -> None:
    """Sections 3.4 and 3.5."""
    side, model, config = built("transformer", "sinusoidal", package)
    d, tokens = config.hidden_size, np.array([[3, 5, 3]])
    angle = np.arange(3)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    positions = np.empty((3, d))
    positions[:, 0::2], positions[:, 1::2] = np.sin(angle), np.cos(angle)
    expected = math.sqrt(d) * side.state(model)["embedding.weight"][tokens] + positions
    np.testing.assert_allclose(side.array(model.embed(side.tensor(tokens), 0)), expected, atol=1e-6)


@on_both_sides
def test_the_training_loss_is_smoothed(package: str) -> None:
    """Section 5.4: ε = 0.1 of each target is spread over all tokens."""
    side, model, config = built("transformer", "sinusoidal", package)
    batch = batch_of(side, "transformer", config)
    logits = side.array(model(batch["source"], batch["length"], batch["target"][:, :-1]))
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    target = side.array(batch["target"])[:, 1:]
    right = np.take_along_axis(logs, target[..., None], axis=-1)[..., 0]
    costs = -(0.9 * right + 0.1 * logs.mean(axis=-1))[target != 0]
    assert side.loss(model, batch).item() == pytest.approx(costs.sum() / batch["count"])


# ---- BERT -----------------------------------------------------------------------------------------------------------
@on_both_sides
def test_gelu_has_the_exact_share_of_the_normal_distribution(package: str) -> None:
    side, model, _ = built("bert", "bert", package)
    layer = model.bert.encoder.layer[0].intermediate
    x = 3 * drawn(1, 2, layer.dense.weight.shape[1])
    net = side.array(layer.dense(side.tensor(x)))
    share = np.vectorize(lambda z: (1 + math.erf(z / math.sqrt(2))) / 2)(net)
    np.testing.assert_allclose(side.array(layer(side.tensor(x))), net * share, rtol=1e-6, atol=1e-8)


@on_both_sides
def test_the_pooled_vector_is_tanh_of_the_first_token(package: str) -> None:
    side, model, config = built("bert", "bert", package)
    batch = batch_of(side, "bert", config)
    y, pooled = model.bert(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    state = side.state(model)
    weight, bias = state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"]
    expected = np.tanh(side.array(y)[:, 0] @ weight.T + bias)
    np.testing.assert_allclose(side.array(pooled), expected, rtol=1e-9)


def pair(package: str) -> tuple[list[int], list[int]]:
    """The tokens and segments of a pair of sentences, two tokens and three."""
    data: Any = importlib.import_module(f"{package}.bert.data")
    if package == "papers":
        found = data.inputs([((11, 12), (21, 22, 23))], 16)
        return found["input_ids"][0].tolist(), found["token_type_ids"][0].tolist()
    tokens, segments = data.joined([11, 12], [21, 22, 23], 16)
    return tokens.tolist(), segments.tolist()


@on_both_sides
def test_the_first_separator_belongs_to_the_first_sentence(package: str) -> None:
    """Figure 2."""
    data: Any = importlib.import_module(f"{package}.bert.data")
    tokens, segments = pair(package)
    assert tokens == [data.CLS, 11, 12, data.SEP, 21, 22, 23, data.SEP]
    assert segments == [0, 0, 0, 0, 1, 1, 1, 1]


@on_both_sides
def test_the_label_of_a_sentence_that_follows_is_0(package: str) -> None:
    """The released code: 0 is "is next", 1 is "random"."""
    config = tiny("bert", "bert")
    data: Any = importlib.import_module(f"{package}.bert.data")
    if package == "papers":
        batch = {"input_ids": np.full((2, 8), data.MASK + 1)}
        found = data.pretraining_batch(config, batch, np.array([False, True]), generator(0))
        assert found["next_sentence"].tolist() == [0, 1]
        return
    import torch

    tokens = [[10 + number] * 3 for number in range(200)]  # the sentence can be read
    corpus = data.Corpus(tokens, [0] * 200)
    config = replace(config, masked_share=0.0, length=9, vocab_size=300)
    torch.manual_seed(0)
    found = data.batch(corpus, config, (torch.arange(100),))
    tokens, labels = found["input_ids"], found["labels"]
    second = torch.where(labels[:, 6] >= 0, labels[:, 6], tokens[:, 6]) - 10
    clear = (tokens[:, 5] == tokens[:, 6]) & (labels[:, 6] < 0)
    follows = second == torch.arange(100) + 1
    assert 20 < follows[clear].sum() < 80
    assert torch.equal(found["next_sentence"][clear] == 0, follows[clear])


# ---- LoRA -----------------------------------------------------------------------------------------------------------
@on_both_sides
def test_an_adapted_model_starts_as_its_base(package: str) -> None:
    """Section 4.1: B = 0, and A is not."""
    side = side_of("lora", package)
    model = side.build(replace(tiny("lora", "lora"), initial_b=started("lora", package).initial_b))
    adapters = {name: value for name, value in side.state(model).items() if "lora_" in name}
    assert {bool(value.any()) for name, value in adapters.items() if "lora_B" in name} == {False}
    assert {bool(value.any()) for name, value in adapters.items() if "lora_A" in name} == {True}


def started(slug: str, package: str) -> Any:
    """What a run has that changes nothing."""
    if package == "reference":
        return importlib.import_module(f"reference.{slug}.config").Run()
    return next(iter(registry.find(slug).variants.values()))["small"]


# ---- decoders: where their normalisations stand ---------------------------------------------------------------------
def rms(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * weight


# The model's part; a block's parts, each with the normalisation before it; the last normalisation.
PLACES = {
    "llama": (
        "model",
        [("self_attn", "input_layernorm"), ("mlp", "post_attention_layernorm")],
        "norm",
    ),
    "forgetting_transformer": ("model", [("attn", "attn_norm"), ("mlp", "mlp_norm")], "norm"),
    "mamba": ("backbone", [("mixer", "norm")], "norm_f"),
}


@on_both_sides
@pytest.mark.parametrize("slug", PLACES)
def test_the_stream_is_normalised_before_each_part_and_at_the_end(slug: str, package: str) -> None:
    """x + part(norm(x)) for each part; what is added up is never normalised itself."""
    side, model, config = built(slug, next(iter(registry.find(slug).variants)), package)
    trunk, parts, last = PLACES[slug]
    state = side.state(model)
    for name in state:
        state[name] += drawn(*state[name].shape) if "norm" in name else 0.0
    side.load(model, state)
    seen = watched(side, model, side.tensor(np.array([[1, 2, 3, 4]])))
    x = seen[next(name for name in seen if name.endswith(("embed_tokens", "embeddings")))]
    for block in range(config.layers):
        for part, norm in parts:
            at = f"{trunk}.layers.{block}"
            weight = state[f"{at}.{norm}.weight"]
            np.testing.assert_allclose(seen[f"{at}.{norm}"], rms(x, weight, config.norm_eps))
            x = x + seen[f"{at}.{part}"]
    expected = rms(x, state[f"{trunk}.{last}.weight"], config.norm_eps)
    np.testing.assert_allclose(seen[f"{trunk}.{last}"], expected)
    np.testing.assert_allclose(seen[trunk], expected)


# ---- Mamba ----------------------------------------------------------------------------------------------------------
@on_both_sides
def test_decays_skips_and_step_sizes_start_as_in_the_papers_code(package: str) -> None:
    """A = -1 ... -N in every channel, D = 1, Δ from 0.001 to 0.1, all of its scales as likely."""
    side, model, config = built("mamba", "s6", package, hidden_size=512)
    state = side.state(model)
    mixer = "backbone.layers.0.mixer."
    decays = [np.arange(1, config.state_size + 1)] * config.channels
    np.testing.assert_allclose(np.exp(state[mixer + "A_log"]), decays, rtol=1e-6)
    np.testing.assert_array_equal(state[mixer + "D"], 1.0)
    sizes = np.log10(np.log1p(np.exp(state[mixer + "dt_proj.bias"])))
    assert -3.001 < sizes.min() < -2.9
    assert -1.1 < sizes.max() < -0.999
    assert np.median(sizes) == pytest.approx(-2, abs=0.15)


@on_both_sides
def test_a_step_size_is_the_softplus_of_its_biased_projection(package: str) -> None:
    side, model, config = built("mamba", "s6", package)
    mixer = model.backbone.layers[0].mixer
    u = drawn(1, 2, config.channels)
    state, at = side.state(model), "backbone.layers.0.mixer"
    low_rank = (u @ state[f"{at}.x_proj.weight"].T)[..., : config.rank]
    biased = low_rank @ state[f"{at}.dt_proj.weight"].T + state[f"{at}.dt_proj.bias"]
    expected = np.log1p(np.exp(biased))
    np.testing.assert_allclose(side.array(mixer.select(side.tensor(u))[0]), expected, rtol=1e-6)


# ---- Forgetting Transformer -----------------------------------------------------------------------------------------
@on_both_sides
def test_a_gate_is_the_logistic_function_of_its_projection(package: str) -> None:
    """Equation 5: f_t = σ(w · x_t + b), open where that is large."""
    side, model, config = built("forgetting_transformer", "llama", package)
    attention = model.model.layers[0].attn
    x, state = drawn(1, 3, config.hidden_size), side.state(model)
    weight, bias = (state[f"model.layers.0.attn.fgate_proj.{name}"] for name in ("weight", "bias"))
    expected = np.log(sigmoid(x @ weight.T + bias)).transpose(0, 2, 1)
    np.testing.assert_allclose(side.array(attention.log_gates(side.tensor(x))), expected, rtol=1e-6)


@on_both_sides
def test_the_pro_block_normalises_queries_keys_and_output_within_heads(package: str) -> None:
    """Section 3.2: q, and k after the shift; W_o(norm(o) * σ(W_g x)), gated after the norm."""
    side, model, config = built("forgetting_transformer", "pro", package)
    attention, shape = model.model.layers[0].attn, (1, 3, config.heads, config.head_size)
    x, o, state = 50 * drawn(1, 3, config.hidden_size), drawn(*shape) + 1.0, side.state(model)
    q, k, v = (side.array(each) for each in attention.project(side.tensor(x), None))
    for each in (q, k):
        np.testing.assert_allclose((each**2).mean(axis=-1), 1.0, rtol=1e-3)
    assert not np.allclose((v**2).mean(axis=-1), 1.0, rtol=0.1)
    W_g, W_o, g = (state[f"model.layers.0.attn.{n}.weight"] for n in ("ogate_proj", "o_proj", "output_norm"))
    normal = rms(o, g.reshape(shape[2:]), config.norm_eps).reshape(x.shape)
    found = side.array(attention.combine(side.tensor(o), side.tensor(x)))
    np.testing.assert_allclose(found, (normal * sigmoid(x @ W_g.T)) @ W_o.T, rtol=1e-6)
