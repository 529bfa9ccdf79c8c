"""The Forgetting Transformer: its gates, its blocks and their controls, names as published, torch as a witness."""

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from papers.forgetting_transformer import data
from papers.forgetting_transformer.config import VARIANTS, FoXConfig, feed_forward_size
from papers.forgetting_transformer.model import (
    Attention,
    ForgettingTransformer,
    ShiftLinear,
    build,
    decay,
    loss,
    memory_bias,
)
from papers.forgetting_transformer.train import configure_optimizer
from reference.forgetting_transformer import builtin
from reference.forgetting_transformer import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, detect_anomaly, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator

LLAMA, PRO = VARIANTS["llama"]["tiny"], VARIANTS["pro"]["tiny"]


def double(config: FoXConfig, factor: float = 20.0) -> ForgettingTransformer:
    """In float64, with weights large enough for attention to matter."""
    model = build(config, generator(0)).double()
    state = {name: value * (factor if value.ndim == 2 else 1) for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return model


def logits(model: ForgettingTransformer, tokens: np.ndarray) -> np.ndarray:
    with no_grad():
        return model.eval()(Tensor(tokens)).numpy()


# ---- attention -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_token_does_not_see_what_comes_after_it(variant: str) -> None:
    model, rng = double(VARIANTS[variant]["tiny"]), generator(1)
    tokens = rng.integers(0, 11, (2, 9))
    other = tokens.copy()
    other[:, 6:] = (other[:, 6:] + 1) % 11
    before, after = logits(model, tokens), logits(model, other)
    np.testing.assert_allclose(before[:, :6], after[:, :6], rtol=0, atol=1e-12)
    assert np.abs(before[:, 6:] - after[:, 6:]).max() > 1e-3


def reversal_gap(variant: str) -> float:
    """How much the last token's logits depend on the order of those before it, in one layer."""
    model, tokens = double(replace(VARIANTS[variant]["tiny"], layers=1)), np.array([[1, 2, 3, 4, 5, 6]])
    turned = tokens.copy()
    turned[:, :5] = tokens[:, 4::-1]
    return float(np.abs(logits(model, tokens)[:, -1] - logits(model, turned)[:, -1]).max())


def test_gates_or_positions_tell_the_order() -> None:
    assert reversal_gap("nope") < 1e-12
    for variant in ("llama", "pro", "rotary", "bias-only", "fixed", "linear"):
        assert reversal_gap(variant) > 1e-6, variant


@pytest.mark.parametrize("config", [LLAMA, PRO], ids=lambda config: config.variant)
def test_a_closed_gate_starts_a_new_text(config: FoXConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a gate of 0 at the fifth token, attention reads the rest as if it stood alone; the shift looks one back."""
    model = double(config)
    open_gates = Attention.log_gates

    def closed(self: Attention, x: Tensor) -> Tensor:
        values = np.array(open_gates(self, x).numpy())
        values[:, :, 4] = -np.inf
        return Tensor(values)

    attention = model.model.layers[0].attn
    x = Tensor(generator(2).standard_normal((1, 9, config.hidden_size)))
    with no_grad():
        monkeypatch.setattr(Attention, "log_gates", closed)
        whole = attention(x).numpy()
        monkeypatch.undo()
        alone = attention(x[:, 4:]).numpy()
    if config.block == "pro":  # the first key and value of a text alone are mixed with 0
        assert np.abs(whole[:, 4:] - alone).max() > 1e-6
    else:
        np.testing.assert_allclose(whole[:, 4:], alone, rtol=1e-10, atol=1e-12)


def test_decay_is_the_product_of_the_gates_between() -> None:
    gates = np.array([[[0.5, 0.25, 1.0, 0.1]]])
    found = np.exp(decay(Tensor(np.log(gates)), 2).numpy())[0, 0]
    np.testing.assert_allclose(found[0, :3], [0.25, 1.0, 1.0])
    np.testing.assert_allclose(found[1], [0.25 * 0.1, 0.1, 0.1, 1.0])


def test_shifted_keys_are_mixed_with_the_token_before() -> None:
    layer = seeded(ShiftLinear, 4, 2).double()
    x = Tensor(generator(1).standard_normal((1, 3, 4)))
    y, last = layer(x)
    raw = (x.numpy() @ layer.linear.weight.numpy().T).reshape(1, 3, 2, 2)
    alpha = 1 / (1 + np.exp(-x.numpy() @ layer.shift_proj.weight.numpy().T))[..., None]
    before = np.concatenate([np.zeros((1, 1, 2, 2)), raw[:, :-1]], axis=1)
    np.testing.assert_allclose(y.numpy(), alpha * before + (1 - alpha) * raw, rtol=1e-12)
    again, _ = layer(x[:, 2:], layer(x[:, :2])[1])
    np.testing.assert_allclose(again.numpy(), y.numpy()[:, 2:], rtol=1e-12)
    np.testing.assert_allclose(last.numpy().ravel(), raw[:, 2].ravel(), rtol=1e-12)


def test_rotary_scores_depend_on_distances_only() -> None:
    attention = build(VARIANTS["rotary"]["tiny"]).double().model.layers[0].attn
    q, k = (Tensor(generator(seed).standard_normal((1, 2, 5, 4))) for seed in (0, 1))
    scores = [attention.rotary(q, at).numpy() @ attention.rotary(k, at).numpy().mT for at in (0, 3000)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-9)


# ---- gates -----------------------------------------------------------------------------------------------------------


def test_constant_gates_have_the_memories_that_were_asked_for() -> None:
    bias = memory_bias(replace(LLAMA, heads=4, memories=(2.0, 128.0))).double().numpy()
    np.testing.assert_allclose(1 / np.log1p(np.exp(-bias)), [2, 8, 32, 128], rtol=1e-5)


def test_gates_start_half_open_and_fixed_ones_do_not_learn() -> None:
    assert not build(LLAMA, generator(0)).model.layers[0].attn.fgate_proj.bias.numpy().any()
    learned, fixed = (build(VARIANTS[variant]["tiny"], generator(0)) for variant in ("bias-only", "fixed"))
    names = [{name for name, _ in model.named_parameters() if "fgate" in name} for model in (learned, fixed)]
    assert names == [{f"model.layers.{layer}.attn.fgate_bias" for layer in range(2)}, set()]
    assert set(learned.state_dict()) == set(fixed.state_dict())


@pytest.mark.parametrize("variant", VARIANTS)
def test_neither_biases_nor_norms_decay(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    model = build(config, generator(0))
    optimizer, _ = configure_optimizer(model, config, 10)
    decayed, kept = optimizer.param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (config.weight_decay, 0.0)
    free = ("norm.weight", "fgate_proj.bias", "fgate_bias")
    names = [(name.endswith(free), parameter) for name, parameter in model.named_parameters()]
    assert decayed["params"] == [parameter for exempt, parameter in names if not exempt]
    assert kept["params"] == [parameter for exempt, parameter in names if exempt]


@pytest.mark.parametrize("package", ["papers", "reference"])
def test_gates_start_at_a_half_or_open_at_the_memories_that_were_asked_for(package: str) -> None:
    model = importlib.import_module(f"{package}.forgetting_transformer.model")
    for open_gates, bias in ((False, [0.0, 0.0]), (True, (-np.log(np.expm1([1 / 1.0, 1 / 4.0]))).tolist())):
        built = model.build(replace(LLAMA, memories=(1.0, 4.0), open_gates=open_gates))
        for layer in built.model.layers:
            assert layer.attn.fgate_proj.bias.tolist() == pytest.approx(bias, abs=1e-6)


def test_every_head_s_gate_learns() -> None:
    model = double(LLAMA)
    batch = data.example_batch(LLAMA, generator(1))
    loss(model, {key: Tensor(v) if isinstance(v, np.ndarray) else v for key, v in batch.items()}).backward()
    for layer in model.model.layers:
        assert np.abs(layer.attn.fgate_proj.weight.grad.numpy()).min(axis=1).all()


# ---- names and sizes -------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_published_code() -> None:
    block = "model.layers.1."
    shared = {
        "model.embeddings.weight", "model.norm.weight", "lm_head.weight", block + "attn_norm.weight",
        block + "mlp_norm.weight", block + "mlp.gate_proj.weight", block + "mlp.down_proj.weight",
        block + "attn.q_proj.weight", block + "attn.o_proj.weight", block + "attn.fgate_proj.weight",
        block + "attn.fgate_proj.bias",
    }  # fmt: skip
    pro = {f"{block}attn.{part}.weight" for part in ("q_norm", "k_norm", "output_norm", "ogate_proj")} | {
        f"{block}attn.{kind}_proj.{part}.weight" for kind in "kv" for part in ("linear", "shift_proj")
    }
    plain = {block + "attn.k_proj.weight", block + "attn.v_proj.weight"}
    for config, expected in ((LLAMA, shared | plain), (PRO, shared | pro)):
        assert {name for name in build(config).state_dict() if ".layers.0." not in name} == expected


def test_widths_of_the_published_models() -> None:
    assert [feed_forward_size(d, "llama") for d in (768, 1024, 1536)] == [2048, 2816, 4096]
    assert [feed_forward_size(d, "pro") for d in (768, 1024, 1536)] == [1792, 2560, 3584]


def test_a_pro_block_has_about_as_many_parameters() -> None:
    sizes = [sum(p.numel() for p in build(VARIANTS[v]["small"]).parameters()) for v in ("llama", "pro")]
    assert max(sizes) / min(sizes) < 1.02


# ---- torch as a witness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["llama", "pro", "rotary", "fixed"])
def test_torch_s_fused_attention_agrees(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    model = double(config)
    state = {name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()}
    tokens = generator(1).integers(0, 11, (2, 9))
    for module in (reference, builtin):
        twin = module.build(config).double()
        twin.load_state_dict(state)
        with torch.no_grad():
            found = twin(torch.from_numpy(tokens)).numpy()
        np.testing.assert_allclose(found, logits(model, tokens), rtol=1e-9, atol=1e-10)


def test_a_long_window_agrees_in_blocks() -> None:
    """More than 512 tokens: the engine works in blocks, PyTorch holds all scores."""
    config = replace(LLAMA, layers=1, hidden_size=4, heads=1)
    model, twin = build(config, generator(0)).double(), reference.build(config).double()
    twin.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    tokens = generator(1).integers(0, 11, (1, 601))
    batch: dict[str, Any] = {"tokens": tokens[:, :-1], "target": tokens[:, 1:]}
    ours = loss(model, {name: Tensor(value) for name, value in batch.items()} | {"count": 600.0})
    theirs = reference.loss(twin, {name: torch.from_numpy(value) for name, value in batch.items()} | {"count": 600.0})
    ours.backward()
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    for name, parameter in twin.named_parameters():
        mine = dict(model.named_parameters())[name].grad.numpy()
        np.testing.assert_allclose(mine, parameter.grad.numpy(), rtol=1e-8, atol=1e-12)


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_a_nan_among_gates_reaches_what_looks_across_it_and_a_first_one_is_named() -> None:
    q, k, v = (Tensor(np.ones((1, 1, 3, 2))) for _ in range(3))
    log_f = Tensor(np.array([[[-1.0, np.nan, -1.0]]]))
    assert np.isnan(F.forgetting_attention(q, k, v, log_f).numpy()[0, 0, 1:]).all()
    large = q * 1e200
    with (
        np.errstate(over="ignore", invalid="ignore"),
        detect_anomaly(),
        pytest.raises(FloatingPointError, match="forward of 'forgetting_attention' made the first non-finite value"),
    ):
        F.forgetting_attention(large, large, v, Tensor(np.zeros((1, 1, 3))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": "big"}, "block must be one of llama, pro, got 'big'"),
        ({"gate": "open"}, "gate must be one of data, bias_only, fixed, none, got 'open'"),
        ({"heads": 3}, "heads must divide hidden_size 8, got 3"),
        ({"heads": 8, "rotary": True}, "rotary positions need heads of even size, got 1"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"clip": 0.0}, r"clip must be above 0, got 0\.0"),
        ({"warmup": 1.0}, r"warmup must be in \[0, 1\), got 1\.0"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"memories": (0.0, 2.0)}, "memories must be above 0"),
        ({"attention": "linear", "block": "pro"}, "attention 'linear' is there for the llama block"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LLAMA, **changes)


def test_texts_that_do_not_fit_are_refused() -> None:
    topics = replace(LLAMA, dataset="topics", vocab_size=96)
    with pytest.raises(ValueError, match="vocab_size must be above"):
        data.encoded(replace(topics, vocab_size=20), "test")
    with pytest.raises(ValueError, match="length must be less than"):
        data.training_batches(replace(topics, length=10**6), generator(0))
    with pytest.raises(ValueError, match="length must be less than"):
        data.evaluation_batches(topics, "test", 10**6)
