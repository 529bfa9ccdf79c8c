"""The Transformer's parts: torch's own layers as third witness, no leak from later tokens or padding, exact sizes."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from papers.transformer import model as engine
from papers.transformer.config import VARIANTS, TransformerConfig
from papers.transformer.data import example_batch
from reference.transformer import builtin
from reference.transformer import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

QUIET = {name: replace(sizes["tiny"], dropout=0.0) for name, sizes in VARIANTS.items()}
variants = pytest.mark.parametrize("variant", VARIANTS)


def built(config: TransformerConfig) -> engine.Transformer:
    return engine.build(config, generator(0)).double()


def batch_of(config: TransformerConfig, seed: int = 0) -> dict:
    arrays = example_batch(config, generator(seed))
    return {name: Tensor(value) if isinstance(value, np.ndarray) else value for name, value in arrays.items()}


def in_torch(batch: dict) -> dict:
    return {name: torch.tensor(value.numpy()) if isinstance(value, Tensor) else value for name, value in batch.items()}


def carried_over(model: engine.Transformer, other: torch.nn.Module) -> torch.nn.Module:
    """The same weights in a model of the other side."""
    other = other.double()
    other.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    return other


# ---- the third witness ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["sinusoidal", "learned", "no-positions", "one-head"])
def test_torch_s_own_layers_give_the_same_loss_and_gradients(variant: str) -> None:
    config = QUIET[variant]
    ours, batch = built(config), batch_of(config)
    theirs = carried_over(ours, builtin.build(config))
    assert isinstance(theirs.encoder, torch.nn.TransformerEncoder)
    mine, other = engine.loss(ours, batch), reference.loss(theirs, in_torch(batch))
    assert mine.item() == pytest.approx(other.item(), rel=1e-12)
    mine.backward()
    other.backward()
    wanted = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    assert set(wanted) == {name for name, _ in ours.named_parameters()}
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), wanted[name], atol=1e-12, err_msg=name)


def test_layers_have_the_keys_of_torch_nn_transformer() -> None:
    config = QUIET["sinusoidal"]
    torchs = torch.nn.Transformer(
        config.hidden_size, config.heads, config.layers, config.layers, config.feed_forward, batch_first=True
    ).state_dict()
    without_last_norms = {k: tuple(v.shape) for k, v in torchs.items() if not k.startswith(("encoder.n", "decoder.n"))}
    ours = {name: value.shape for name, value in built(config).state_dict().items()}
    assert ours.pop("embedding.weight") == (12, 8)
    assert ours == without_last_norms


def test_torch_has_no_keys_of_another_size() -> None:
    assert not isinstance(builtin.build(QUIET["narrow-keys"]), builtin.BuiltinTransformer)


# ---- sizes ----------------------------------------------------------------------------------------------------------
def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_of_the_base_model() -> None:
    """Table 3: N = 6, d = 512, d_ff = 2048, h = 8, 65 million parameters; 37,000 shared tokens (section 5.1)."""
    base = VARIANTS["sinusoidal"]["paper"]
    assert (base.layers, base.hidden_size, base.feed_forward, base.heads, base.vocabulary) == (6, 512, 2048, 8, 37_000)
    assert (base.dropout, base.label_smoothing, base.warmup_steps) == (0.1, 0.1, 4000)
    with torch.device("meta"):
        model = reference.build(base)
    assert [count(layer) for layer in model.encoder.layers] == [3_152_384] * 6
    assert [count(layer) for layer in model.decoder.layers] == [4_204_032] * 6
    assert count(model.embedding) == 18_944_000
    assert count(model) == 63_082_496
    shapes = {name: tuple(p.shape) for name, p in model.decoder.layers[0].named_parameters()}
    attention = {
        "in_proj_weight": (1536, 512), "in_proj_bias": (1536,), "out_proj.weight": (512, 512), "out_proj.bias": (512,),
    }  # fmt: skip
    assert shapes == {
        **{f"self_attn.{name}": shape for name, shape in attention.items()},
        **{f"multihead_attn.{name}": shape for name, shape in attention.items()},
        "linear1.weight": (2048, 512), "linear1.bias": (2048,), "linear2.weight": (512, 2048), "linear2.bias": (512,),
        **{f"norm{n}.{name}": (512,) for n in (1, 2, 3) for name in ("weight", "bias")},
    }  # fmt: skip
    engines = seeded(engine.DecoderLayer, base)
    assert {name: p.shape for name, p in engines.named_parameters()} == shapes


def test_narrow_keys_save_only_in_queries_and_keys() -> None:
    """Table 3 (B), d_k = 16: three attentions in six layers each lose 2 · 8 · 48 rows of 512 weights and a bias."""
    with torch.device("meta"):
        base, narrow = (count(reference.build(VARIANTS[name]["paper"])) for name in ("sinusoidal", "narrow-keys"))
    assert base - narrow == 18 * 2 * 8 * 48 * 513


def test_both_sides_start_from_the_same_distribution() -> None:
    config = VARIANTS["learned"]["small"]
    torch.manual_seed(0)
    theirs = dict(reference.build(config).named_parameters())
    ours = dict(engine.build(config, generator(0)).named_parameters())
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        mine, other = parameter.numpy(), theirs[name].detach().numpy()
        if parameter.ndim > 1:
            assert mine.std() == pytest.approx(other.std(), rel=0.1), name
        else:
            np.testing.assert_array_equal(mine, other, err_msg=name)
    assert ours["embedding.weight"].numpy().std() == pytest.approx(config.hidden_size**-0.5, rel=0.02)


# ---- what may be seen -----------------------------------------------------------------------------------------------
@variants
@pytest.mark.parametrize("seed", [1, 2])
def test_later_tokens_change_nothing_before_them(variant: str, seed: int) -> None:
    config = QUIET[variant]
    model, batch = built(config), batch_of(config, seed)
    y = batch["target"].numpy()[:, :-1]
    t = int(np.random.default_rng(seed).integers(y.shape[1]))
    changed = y.copy()
    changed[:, t] = (changed[:, t] + 1) % config.vocabulary
    with no_grad():
        before, after = (model(batch["source"], batch["length"], Tensor(target)).numpy() for target in (y, changed))
    np.testing.assert_array_equal(before[:, :t], after[:, :t])
    assert (np.abs(before[:, t] - after[:, t]).max(axis=-1) > 1e-6).all()


@variants
@pytest.mark.parametrize("seed", [1, 2])
def test_padding_changes_nothing(variant: str, seed: int) -> None:
    """Each sentence alone, unpadded, gives what it gives in a padded batch, whatever the padding's tokens are."""
    config = QUIET[variant]
    model, batch = built(config), batch_of(config, seed)
    source, length, y = (batch[name].numpy() for name in ("source", "length", "target"))
    rng = np.random.default_rng(seed)
    wide = np.concatenate([source, source[:, :3]], axis=1)
    wide = np.where(np.arange(wide.shape[1]) < length[:, None], wide, rng.integers(0, 12, wide.shape))
    with no_grad():
        together = model(Tensor(wide), Tensor(length), Tensor(y)).numpy()
        for row, n in enumerate(length):
            alone = model(Tensor(source[row : row + 1, :n]), Tensor(length[row : row + 1]), Tensor(y[row : row + 1]))
            np.testing.assert_allclose(together[row], alone.numpy()[0], atol=1e-12)


def test_every_real_source_position_gets_a_gradient_and_no_padding_does() -> None:
    config = QUIET["sinusoidal"]
    model, batch = built(config), batch_of(config)
    kept: list[Tensor] = []

    def keep(_module: object, _args: tuple, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    model.encoder.register_forward_hook(keep)
    engine.loss(model, batch).backward()
    size = np.abs(kept[0].grad.numpy()).max(axis=-1)
    real = np.arange(size.shape[1]) < batch["length"].numpy()[:, None]
    assert (size[real] > 0).all()
    assert (size[~real] == 0).all()
    assert not real.all()


@variants
def test_step_by_step_is_all_at_once(variant: str) -> None:
    """The cache of keys and values is exact; so is going on with several tokens at once."""
    config = QUIET[variant]
    model, batch = built(config), batch_of(config)
    y = batch["target"][:, :-1]
    with no_grad():
        memory, begin = model.encode(batch["source"], batch["length"])
        whole = model.decode(y, begin, memory)[0].numpy()
        for cuts in ([*range(y.shape[1] + 1)], [0, 3, y.shape[1]]):
            cache = begin
            for start, stop in pairwise(cuts):
                logits, cache = model.decode(y[:, start:stop], cache, memory)
                np.testing.assert_allclose(logits.numpy(), whole[:, start:stop], atol=1e-12)
            assert cache.steps == y.shape[1]
    assert begin.steps == 0


# ---- the parts ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["sinusoidal", "one-head", "narrow-keys"])
def test_multi_head_attention_is_section_3_2_2_head_by_head(variant: str) -> None:
    module = built(QUIET[variant]).decoder.layers[0].multihead_attn
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((1, 3, 8)), rng.standard_normal((1, 5, 8))
    seen = np.array([True, True, False, True, True])
    weight, bias = module.in_proj_weight.numpy(), module.in_proj_bias.numpy() + 0.1
    module.in_proj_bias._data[...] = bias
    h, d_k, d_v = module.h, module.d_k, module.d_v
    heads = []
    for i in range(h):
        q_rows = slice(i * d_k, (i + 1) * d_k)
        k_rows = slice(h * d_k + i * d_k, h * d_k + (i + 1) * d_k)
        v_rows = slice(2 * h * d_k + i * d_v, 2 * h * d_k + (i + 1) * d_v)
        q, k, v = (
            part @ weight[rows].T + bias[rows] for part, rows in ((x[0], q_rows), (y[0], k_rows), (y[0], v_rows))
        )
        e = np.exp(q @ k[seen].T / math.sqrt(d_k))
        heads.append(e / e.sum(axis=1, keepdims=True) @ v[seen])
    expected = np.concatenate(heads, axis=1) @ module.out_proj.weight.numpy().T + module.out_proj.bias.numpy()
    found = module(Tensor(x), *module.keys_values(Tensor(y)), Tensor(seen.reshape(1, 1, 1, 5)))
    np.testing.assert_allclose(found.numpy()[0], expected, atol=1e-12)


@pytest.mark.parametrize("side", [engine, reference])
def test_sinusoids_are_those_of_section_3_5(side: object) -> None:
    config = replace(VARIANTS["sinusoidal"]["small"], hidden_size=12)
    table = side.SinusoidalPositions(config)(0, 100).numpy()
    for position in (0, 1, 50, 99):
        for i in range(6):
            angle = position / 10000 ** (2 * i / 12)
            np.testing.assert_allclose(
                table[position, 2 * i : 2 * i + 2], [math.sin(angle), math.cos(angle)], atol=1e-6
            )


def test_a_shift_of_positions_is_a_rotation_of_each_pair() -> None:
    """ "For any fixed offset k, PE_pos+k can be represented as a linear function of PE_pos" (section 3.5)."""
    table = engine.SinusoidalPositions(VARIANTS["sinusoidal"]["small"])(0, 200).numpy()
    for k in (1, 17):
        for i in (0, 5, 31):
            angle = k / 10000 ** (2 * i / 64)
            turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
            pair = table[:, 2 * i : 2 * i + 2]
            np.testing.assert_allclose(pair[k:], pair[:-k] @ turn.T, atol=1e-5)


def test_without_positions_the_encoder_does_not_see_the_order() -> None:
    order = np.array([2, 0, 3, 1])
    for variant, same in (("no-positions", True), ("sinusoidal", False), ("learned", False)):
        model = built(QUIET[variant])
        source = np.array([[5, 6, 7, 8]])
        real = Tensor(np.ones((1, 1, 1, 4), bool))
        with no_grad():
            first, second = (model.encoder(model.embed(Tensor(s), 0), real).numpy() for s in (source, source[:, order]))
        assert np.allclose(first[:, order], second, atol=1e-10) == same


def test_norms_come_after_the_sub_layers() -> None:
    """What every layer gives out has mean 0 and variance 1, as weights of norms start at 1 and their biases at 0."""
    model, batch = built(QUIET["sinusoidal"]), batch_of(QUIET["sinusoidal"])
    outputs: list[np.ndarray] = []
    for layer in [*model.encoder.layers, *model.decoder.layers]:
        layer.register_forward_hook(
            lambda _m, _a, out: outputs.append((out[0] if isinstance(out, tuple) else out).numpy())
        )
    with no_grad():
        model(batch["source"], batch["length"], batch["target"])
    assert len(outputs) == 4
    for output in outputs:
        np.testing.assert_allclose(output.mean(axis=-1), 0, atol=1e-12)
        np.testing.assert_allclose(output.var(axis=-1), 1, atol=1e-3)


def test_one_embedding_serves_both_sides_and_the_softmax() -> None:
    """Its gradient is the sum of three: against a difference quotient along a random direction."""
    config = QUIET["sinusoidal"]
    model, batch = built(config), batch_of(config)
    engine.loss(model, batch).backward()
    table = model.embedding.weight
    direction = np.random.default_rng(0).standard_normal(table.shape)
    start, losses = table.numpy().copy(), []
    for step in (1e-6, -1e-6):
        table._data[...] = start + step * direction
        losses.append(engine.loss(model, batch).item())
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx((table.grad.numpy() * direction).sum(), rel=1e-6)


# ---- the loss -------------------------------------------------------------------------------------------------------
def test_smoothing_spreads_a_share_of_each_target_over_all_tokens() -> None:
    config = replace(QUIET["sinusoidal"], label_smoothing=0.3)
    model, batch = built(config), batch_of(config)
    target = batch["target"].numpy()
    with no_grad():
        logits = model(batch["source"], batch["length"], batch["target"][:, :-1]).numpy()
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    total = 0.0
    for b, t in np.argwhere(target[:, 1:] != 0):
        q = np.full(12, 0.3 / 12)
        q[target[b, t + 1]] += 0.7
        total -= q @ log_p[b, t]
    assert engine.loss(model, batch).item() == pytest.approx(total / batch["count"], rel=1e-12)


def test_loss_does_not_count_padding_and_halves_add_up() -> None:
    config = QUIET["sinusoidal"]
    model, batch = built(config), batch_of(config)
    whole = engine.loss(model, batch).item()
    longer = np.concatenate([batch["target"].numpy(), np.zeros((4, 3), int)], axis=1)
    assert engine.loss(model, batch | {"target": Tensor(longer)}).item() == pytest.approx(whole, rel=1e-12)
    parts = [
        engine.loss(model, {k: v[rows] if isinstance(v, Tensor) else v for k, v in batch.items()}).item()
        for rows in (slice(0, 2), slice(2, 4))
    ]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)


# ---- bad input ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"positions": "rotary"}, "positions must be one of sinusoidal, learned, none, got 'rotary'"),
        ({"dataset": "wmt"}, "dataset must be one of dates, cmudict, eng-spa"),
        ({"heads": 5}, "heads must divide hidden_size, got 5 heads for a width of 64"),
        ({"heads": 0}, "heads must be at least 1, got 0"),
        ({"hidden_size": 9, "heads": 3}, "hidden_size must be even"),
        ({"max_positions": 50}, "max_positions must be above max_length 50, got 50"),
        ({"key_size": -1}, "key_size must be at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"warmup_steps": 0}, "warmup_steps must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"label_smoothing": -0.1}, r"label_smoothing must be in \[0, 1\), got -0.1"),
    ],
)
def test_impossible_configurations_are_errors(changes: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        TransformerConfig(**changes)


@pytest.mark.parametrize("side", ["engine", "reference"])
@pytest.mark.parametrize(
    ("width", "length", "line"),
    [
        (3, [2, 0], "length must be from 1 to the 3 tokens that there are, got 0 to 2"),  # a row of padding only
        (3, [3, 4], "length must be from 1 to the 3 tokens that there are, got 3 to 4"),
        (17, [17, 5], "a sequence may have 16 positions, this one has 17"),
    ],
)
def test_sequences_that_cannot_be_read_are_errors(side: str, width: int, length: list[int], line: str) -> None:
    module, tensor = (engine, Tensor) if side == "engine" else (reference, torch.from_numpy)
    model = module.build(QUIET["sinusoidal"])
    with pytest.raises(ValueError, match=line):
        model.encode(tensor(np.full((2, width), 5)), tensor(np.array(length)))


def test_a_target_that_grows_beyond_the_positions_is_an_error() -> None:
    model = built(QUIET["learned"])
    memory, cache = model.encode(Tensor(np.full((1, 3), 5)), Tensor(np.array([3])))
    _, cache = model.decode(Tensor(np.full((1, 16), 5)), cache, memory)
    with pytest.raises(ValueError, match="a sequence may have 16 positions, this one has 17"):
        model.decode(Tensor(np.full((1, 1), 5)), cache, memory)


def test_a_token_outside_the_vocabulary_is_an_error() -> None:
    with pytest.raises(IndexError, match="input has index 12, out of range for a weight of 12 rows"):
        built(QUIET["sinusoidal"]).encode(Tensor(np.full((1, 3), 12)), Tensor(np.array([3])))
