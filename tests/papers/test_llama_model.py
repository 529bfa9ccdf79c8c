"""LLaMA's parts against their equations and against torch's own; sizes; the cache; what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from papers.llama import data
from papers.llama.config import PUBLISHED, VARIANTS, LlamaConfig, feed_forward_size
from papers.llama.model import Attention, KVCache, Llama, RMSNorm, RotaryEmbedding, SwiGLU, build, loss, rotate
from papers.llama.train import configure_optimizer
from papers.llama.weights.checkpoints import parameters, shapes
from reference.llama import builtin
from reference.llama import model as reference
from reference.llama import train as reference_train
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

TINY = VARIANTS["llama"]["tiny"]
GROUPED = VARIANTS["smollm2"]["tiny"]


def network(config: LlamaConfig, seed: int = 0) -> Llama:
    return build(config, generator(seed)).double().eval()


def twin(model: Llama, config: LlamaConfig, module=reference) -> reference.Llama:
    made = module.build(config).double().eval()
    made.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in model.state_dict().items()})
    return made


def tokens(config: LlamaConfig, length: int, rows: int = 2, seed: int = 0) -> np.ndarray:
    return generator(seed).integers(0, config.vocab_size, (rows, length))


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("LLaMA 7B", 6_738_415_616),
        ("LLaMA 13B", 13_015_864_320),
        ("LLaMA 33B", 32_528_943_616),
        ("LLaMA 65B", 65_285_660_672),
        ("Llama 2 70B", 68_976_648_192),
        ("Llama 3 8B", 8_030_261_248),
        ("Llama 3 70B", 70_553_706_496),
        ("SmolLM2 135M", 134_515_008),
    ],
)
def test_published_sizes(name: str, count: int) -> None:
    """By arithmetic, and on PyTorch's model without any memory behind it."""
    assert parameters(PUBLISHED[name]) == count
    with torch.device("meta"):
        model = reference.build(PUBLISHED[name])
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == shapes(PUBLISHED[name])


@pytest.mark.parametrize(
    ("hidden", "multiple", "multiplier", "expected"),
    [
        (4096, 256, 1.0, 11008), (5120, 256, 1.0, 13824), (6656, 256, 1.0, 17920), (8192, 256, 1.0, 22016),
        (8192, 4096, 1.3, 28672), (4096, 1024, 1.3, 14336), (128, 8, 1.0, 344), (192, 64, 1.0, 512),
    ],
)  # fmt: skip
def test_width_of_the_gated_layer(hidden: int, multiple: int, multiplier: float, expected: int) -> None:
    assert feed_forward_size(hidden, multiple, multiplier) == expected


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_sides_have_the_shapes_that_the_arithmetic_says(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    ours, theirs = build(config).state_dict(), reference.build(config).state_dict()
    assert {name: array.shape for name, array in ours.items()} == shapes(config)
    assert list(ours) == list(theirs)


def test_gelu_with_two_matrices_has_as_many_parameters_as_swiglu_with_three() -> None:
    assert parameters(VARIANTS["gelu"]["small"]) == parameters(VARIANTS["llama"]["small"])


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_rms_norm_is_its_equation() -> None:
    x = generator(0).standard_normal((2, 3, 8)) * 5
    module = RMSNorm(8, 1e-5).double()
    module.load_state_dict({"weight": np.arange(8.0)})
    expected = np.arange(8) * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(module(Tensor(x)).numpy(), expected, rtol=1e-12)


def test_gate_is_the_one_with_the_slope_of_silu() -> None:
    module = seeded(SwiGLU, TINY).double()
    x = generator(1).standard_normal((1, 4, 8))
    weights = {name.split(".")[0]: array for name, array in module.state_dict().items()}
    gate, up = x @ weights["gate_proj"].T, x @ weights["up_proj"].T
    expected = (gate / (1 + np.exp(-gate)) * up) @ weights["down_proj"].T
    np.testing.assert_allclose(module(Tensor(x)).numpy(), expected, rtol=1e-12)


def rotated(x: np.ndarray, position: int, pairing: str) -> np.ndarray:
    table = RotaryEmbedding(x.shape[-1], 1000, 100.0).double()
    return rotate(Tensor(x[None, None, None]), table(position, 1), pairing).numpy()[0, 0, 0]


@pytest.mark.parametrize(("pairing", "first", "second"), [("halves", [0, 1], [2, 3]), ("adjacent", [0, 2], [1, 3])])
def test_pairs_turn_as_complex_numbers(pairing: str, first: list[int], second: list[int]) -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    turned = (x[first] + 1j * x[second]) * np.exp(1j * 7 * np.array([1.0, 0.1]))  # m = 7, 100^(-2i/4)
    out = rotated(x, 7, pairing)
    np.testing.assert_allclose(out[first] + 1j * out[second], turned, rtol=1e-6)


@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
def test_a_score_depends_on_how_far_apart_two_tokens_are(pairing: str) -> None:
    q, k = generator(0).standard_normal((2, 8))
    scores = [rotated(q, m, pairing) @ rotated(k, n, pairing) for m, n in ((5, 2), (905, 902), (3, 0))]
    np.testing.assert_allclose(scores, scores[0], rtol=1e-5)
    assert abs(rotated(q, 6, pairing) @ rotated(k, 2, pairing) - scores[0]) > 1e-3
    np.testing.assert_allclose(np.linalg.norm(rotated(q, 77, pairing)), np.linalg.norm(q), rtol=1e-6)


def test_values_are_not_rotated() -> None:
    """With one token to look at, attention returns its value whatever its position."""
    module = seeded(Attention, TINY).double()
    table = RotaryEmbedding(4, 6, 100.0).double()
    x = Tensor(generator(1).standard_normal((1, 1, 8)))
    np.testing.assert_allclose(module(x, table(0, 1)).numpy(), module(x, table(5, 1)).numpy(), rtol=1e-12)


def test_a_head_of_keys_serves_neighbouring_heads_of_queries() -> None:
    """The same as full attention with each head of keys and values repeated in place."""
    many = replace(GROUPED, kv_heads=6)
    grouped, full = seeded(Attention, GROUPED).double(), seeded(Attention, many).double()
    state = dict(grouped.state_dict())
    for name in ("k_proj.weight", "v_proj.weight"):
        state[name] = state[name].reshape(2, 1, 2, 12).repeat(3, axis=1).reshape(12, 12)
    full.load_state_dict(state)
    x = Tensor(generator(1).standard_normal((2, 5, 12)))
    angles = RotaryEmbedding(2, 6, 100.0).double()(0, 5)
    np.testing.assert_allclose(grouped(x, angles).numpy(), full(x, angles).numpy(), rtol=1e-10, atol=1e-14)


def test_a_block_of_gpt_is_the_same_on_both_sides() -> None:
    """LayerNorm, GELU, learned positions and biases together: outputs and all gradients."""
    config = replace(TINY, norm="layer", activation="gelu", positions="learned", biases=True)
    model, batch = network(config), data.example_batch(config, generator(0))
    drawn = generator(1)
    model.load_state_dict({name: drawn.standard_normal(shape) for name, shape in shapes(config).items()})
    other = twin(model, config)
    assert {name: tuple(p.shape) for name, p in other.named_parameters()} == shapes(config)
    ours = loss(model, {k: Tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()})
    theirs = reference.loss(other, {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()})
    ours.backward()
    theirs.backward()
    np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-12)
    for (name, ours_p), (_, theirs_p) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        np.testing.assert_allclose(ours_p.grad.numpy(), theirs_p.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("module", [reference, None], ids=["torch", "numpy"])
def test_biases_start_at_nothing(module) -> None:
    config = replace(TINY, biases=True)
    model = module.build(config) if module else build(config, generator(0))
    biases = [p.detach().numpy() for name, p in model.named_parameters() if name.endswith("proj.bias")]
    assert len(biases) == 7 * config.layers
    assert not any(bias.any() for bias in biases)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_token_sees_what_comes_after_it(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    model, read = network(config), tokens(config, 6)
    changed = read.copy()
    changed[:, 4:] = (changed[:, 4:] + 1) % config.vocab_size
    before, after = model(Tensor(read)).numpy(), model(Tensor(changed)).numpy()
    np.testing.assert_allclose(before[:, :4], after[:, :4], rtol=1e-12)
    assert not np.allclose(before[:, 4:], after[:, 4:])


# ---- witnesses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
@pytest.mark.parametrize("config", [TINY, GROUPED], ids=["llama", "smollm2"])
def test_torchs_fused_functions_agree(config: LlamaConfig, pairing: str) -> None:
    config = replace(config, pairing=pairing)
    model, read = network(config), tokens(config, 6)
    ours = model(Tensor(read)).numpy()
    for module in (reference, builtin):
        theirs = twin(model, config, module)(torch.from_numpy(read)).detach().numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13)


def test_the_two_pairings_are_different_functions() -> None:
    model, read = network(TINY), Tensor(tokens(TINY, 6))
    other = network(replace(TINY, pairing="adjacent"))
    other.load_state_dict(model.state_dict())
    assert not np.allclose(model(read).numpy(), other(read).numpy(), rtol=1e-3)


# ---- the cache -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [[1] * 6, [3, 3], [4, 1, 1], [6], [1, 5]])
@pytest.mark.parametrize("variant", VARIANTS)
def test_reading_in_pieces_is_reading_at_once(variant: str, cut: list[int]) -> None:
    config = VARIANTS[variant]["tiny"]
    model, read = network(config), tokens(config, 6)
    caches = [KVCache(config, 6, batch=2, dtype=np.float64) for _ in range(config.layers)]
    with no_grad():
        ends = np.cumsum(cut)
        pieces = [model(Tensor(read[:, end - n : end]), caches) for n, end in zip(cut, ends, strict=True)]
    together = np.concatenate([piece.numpy() for piece in pieces], axis=1)
    np.testing.assert_allclose(together, model(Tensor(read)).numpy(), rtol=1e-9, atol=1e-13)


def test_cache_keeps_heads_of_keys_only() -> None:
    cache = KVCache(GROUPED, 5, batch=3)
    assert cache.keys.shape == cache.values.shape == (3, 2, 5, 2)


def test_more_tokens_than_positions_are_refused() -> None:
    model = network(TINY)
    with pytest.raises(ValueError, match="tokens: 7 positions do not fit into a context of 6"):
        model(Tensor(tokens(TINY, 7)))
    with pytest.raises(ValueError, match="tokens: 7 positions do not fit into a context of 6"):
        twin(model, TINY)(torch.from_numpy(tokens(TINY, 7)))


# ---- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [lambda c: build(c, generator(0)), reference.build], ids=["numpy", "torch"])
def test_initial_values(side) -> None:
    config = replace(TINY, hidden_size=64, feed_forward=64, vocab_size=100, layers=8, init=0.02)
    for name, parameter in side(config).named_parameters():
        values = np.array(parameter.tolist())
        if values.ndim == 1:
            assert (values == 1).all()
        else:
            added = "o_proj" in name or "down_proj" in name
            assert values.std() == pytest.approx(0.02 / math.sqrt(16) if added else 0.02, rel=0.1), name


def test_untrained_costs_about_the_logarithm_of_the_vocabulary() -> None:
    config = replace(TINY, batch_size=8, init=0.02)
    batch = data.example_batch(config, generator(0))
    value = loss(
        network(config), {"tokens": Tensor(batch["tokens"]), "target": Tensor(batch["target"]), **_rest(batch)}
    )
    assert value.item() == pytest.approx(math.log(11), rel=0.02)


def _rest(batch: dict) -> dict:
    return {"count": batch["count"]}


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    model, batch = network(TINY), data.example_batch(TINY, generator(0))

    def part(rows: slice) -> float:
        return loss(model, {k: Tensor(v[rows]) for k, v in batch.items() if k != "count"} | _rest(batch)).item()

    assert part(slice(0, 1)) + part(slice(1, None)) == pytest.approx(part(slice(None)), rel=1e-12)


def test_learning_rate_rises_and_falls_to_a_tenth_on_both_sides() -> None:
    config = replace(TINY, learning_rate=1.0, warmup=0.1)
    ours, theirs = build(config), reference.build(config)
    rates = []
    for module, model in ((configure_optimizer, ours), (reference_train.configure_optimizer, theirs)):
        optimizer, scheduler = module(model, config, 100)
        found = []
        for _ in range(101):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        rates.append(found)
        assert optimizer.param_groups[0]["betas"] == (0.9, 0.95)
        assert optimizer.param_groups[0]["weight_decay"] == 0.1
    np.testing.assert_allclose(*rates, rtol=1e-12)
    assert rates[0][10] == 1.0
    assert rates[0][0] == pytest.approx(1 / 11)
    assert rates[0][100] == pytest.approx(0.1)
    assert max(rates[0]) == 1.0


def test_tied_table_gets_the_gradient_of_both_its_uses() -> None:
    model, batch = build(GROUPED, generator(0)).double(), data.example_batch(GROUPED, generator(1))
    loss(model, {k: Tensor(v) for k, v in batch.items() if k != "count"} | _rest(batch)).backward()
    gradient = model.model.embed_tokens.weight.grad.numpy()
    absent = [token for token in range(11) if token not in batch["tokens"]]
    assert (gradient[absent] != 0).any()  # from the output layer alone
    other = reference.build(GROUPED).double()
    other.load_state_dict({n: torch.from_numpy(a.copy()) for n, a in model.state_dict().items()})
    logits = other(torch.from_numpy(batch["tokens"]))
    target = torch.from_numpy(batch["target"]).reshape(-1)
    (F.cross_entropy(logits.reshape(-1, 11), target, reduction="sum") / batch["count"]).backward()
    np.testing.assert_allclose(gradient, other.model.embed_tokens.weight.grad.numpy(), rtol=1e-8, atol=1e-14)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "heads must divide hidden_size 8, got 3"),
        ({"heads": 8, "kv_heads": 8}, "rotary positions need heads of even size, got 1"),
        ({"heads": 4, "kv_heads": 3}, "kv_heads must divide heads 4, got 3"),
        ({"pairing": "quarters"}, "pairing must be one of halves, adjacent, got 'quarters'"),
        ({"norm": "batch"}, "norm must be one of rms, layer, got 'batch'"),
        ({"tokens": "words"}, "tokens must be one of characters, bpe, got 'words'"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"norm_eps": 0.0}, "norm_eps must be above 0, got 0.0"),
        ({"warmup": 1.0}, "warmup must be in [0, 1), got 1.0"),
        ({"init": 0.0}, "init must be above 0, got 0.0"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared whole)
        replace(TINY, **changes)
    assert str(caught.value) == message


# ---- padding, and what came after the paper --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bool, np.int64])
@pytest.mark.parametrize("changes", [{}, {"kv_heads": 1}, {"positions": "learned"}, {"pairing": "adjacent"}])
@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_padding_on_the_left_changes_nothing(side: str, changes: dict, kind: type) -> None:
    """Rows of different lengths in one batch are the rows alone; the last rows with a cache, in two pieces."""
    config = replace(VARIANTS["llama"]["tiny"], context=8, layers=2, **changes)
    model, make = padded_side(side, config)
    rows = [[3, 1, 4, 1, 5, 9, 2, 6], [7, 1, 8], [2]]
    tokens = np.array([[0] * (8 - len(row)) + row for row in rows])
    mask = np.array([[0] * (8 - len(row)) + [1] * len(row) for row in rows]).astype(kind)
    together = np.asarray(model(make(tokens), None, make(mask)).detach())
    assert np.isfinite(together).all()
    for row, alone in zip(together, rows, strict=True):
        expected = np.asarray(model(make(np.array([alone]))).detach())[0]
        np.testing.assert_allclose(row[8 - len(alone) :], expected, rtol=1e-6, atol=1e-6)
    caches = padded_caches(side, config)
    model(make(tokens[:, :5]), caches, make(mask[:, :5]))
    later = np.asarray(model(make(tokens[:, 5:]), caches, make(mask)).detach())
    np.testing.assert_allclose(later, together[:, 5:], rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="mask: it is of 5 tokens, there are 8"):
        model(make(tokens), None, make(mask[:, :5]))


def padded_side(side: str, config: LlamaConfig) -> tuple:
    """(The model in float64, how arrays get there)"""
    if side == "numpy":
        return build(config, generator(0)).double(), Tensor
    torch.manual_seed(0)
    return reference.build(config).double(), torch.from_numpy


def padded_caches(side: str, config: LlamaConfig) -> list:
    if side == "numpy":
        return [KVCache(config, 8, 3, np.float64) for _ in range(config.layers)]
    return [reference.KVCache(config, 8, 3, torch.float64) for _ in range(config.layers)]


def test_factors_slow_the_angles_down_on_both_sides() -> None:
    """Position 6 with factor 2 has the angles of position 3."""
    for module in (RotaryEmbedding, reference.RotaryEmbedding):
        plain, slow, mixed = (module(8, 10, 100.0, factors) for factors in ((), (2.0,) * 4, (1.0, 1.0, 2.0, 4.0)))
        np.testing.assert_allclose(np.asarray(slow.cos[6]), np.asarray(plain.cos[3]), rtol=1e-6)
        np.testing.assert_allclose(
            np.asarray(mixed.sin[8, 2:]), [plain.sin[4, 2].item(), plain.sin[2, 3].item()], rtol=1e-6
        )


def test_heads_of_any_size_agree_on_both_sides() -> None:
    config = replace(VARIANTS["llama"]["tiny"], head_dim=6, hidden_size=9, kv_heads=1, rope_factors=(1.0, 2.0, 3.0))
    ours, theirs = build(config, generator(0)).double(), reference.build(config).double()
    assert ours.model.layers[0].self_attn.q_proj.weight.shape == (12, 9)
    theirs.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in ours.state_dict().items()})
    tokens = np.array([[1, 2, 3, 4]])
    expected = theirs(torch.from_numpy(tokens)).detach().numpy()
    np.testing.assert_allclose(ours(Tensor(tokens)).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_dim": 5}, "heads of even size, got 5"),
        ({"head_dim": -1}, "head_dim must be at least 0"),
        ({"rope_factors": (1.0,)}, "rope_factors must be 2, one for each frequency, got 1"),
        ({"rope_factors": (1.0, 0.0)}, "rope_factors must be above 0"),
    ],
)
def test_heads_and_factors_that_do_not_fit(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(VARIANTS["llama"]["tiny"], **changes)


@pytest.mark.parametrize(("size", "tokens", "rate"), [
    ("7B", 1.0e12, 3e-4), ("13B", 1.0e12, 3e-4), ("33B", 1.4e12, 1.5e-4), ("65B", 1.4e12, 1.5e-4),
])  # fmt: skip
def test_schedules_of_the_published_sizes_are_those_of_table_2(size: str, tokens: float, rate: float) -> None:
    config = PUBLISHED[f"LLaMA {size}"]
    steps = config.epochs * config.windows // config.batch_size
    assert config.batch_size * config.context == 2**22
    assert steps * config.batch_size * config.context == pytest.approx(tokens, rel=0.005)
    assert config.warmup * steps == pytest.approx(2000)
    assert config.learning_rate == rate
