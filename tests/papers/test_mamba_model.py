"""Mamba: published counts, the order of what is inside a block, initial values, states carried on, the two variants."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from papers.mamba.config import PUBLISHED, VARIANTS, MambaConfig
from papers.mamba.model import Mamba, State, build
from papers.mamba.train import configure_optimizer
from reference.mamba import builtin
from reference.mamba import model as reference
from reference.mamba import train as reference_train
from tests.numerics import relative_error
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

both_variants = pytest.mark.parametrize("variant", ["s6", "lti"])


def model_of(variant: str, **changes) -> tuple[Mamba, MambaConfig]:
    """In float64, with outputs far enough apart to tell mistakes."""
    config = replace(VARIANTS[variant]["tiny"], **changes)
    model = build(config, generator(0)).double()
    state = model.state_dict()
    state["backbone.embeddings.weight"] = 50 * state["backbone.embeddings.weight"]
    model.load_state_dict(state)
    return model.eval(), config


def tokens_of(config: MambaConfig, items: int, length: int) -> Tensor:
    return Tensor(np.random.default_rng(0).integers(0, config.vocab_size, (items, length)))


# ---- the paper's own numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("130M", 129_135_360), ("370M", 371_516_416), ("790M", 793_204_224), ("1.4B", 1_372_178_432),
        ("2.8B", 2_768_345_600),
    ],
)  # fmt: skip
def test_published_models_have_their_number_of_parameters(name: str, parameters: int) -> None:
    config = PUBLISHED[name]
    with torch.device("meta"):
        model = reference.build(config)
    d, e, n, r, k = config.hidden_size, config.channels, config.state_size, config.rank, config.conv_kernel
    mixer = 2 * e * d + (k + 1) * e + (r + 2 * n) * e + (r + 1) * e + n * e + e + d * e
    by_hand = config.layers * (mixer + d) + d + config.vocab_size * d
    assert by_hand == parameters == sum(parameter.numel() for parameter in model.parameters())


def test_keys_are_the_published_ones() -> None:
    model, config = model_of("s6")
    d, e, n, r, k = config.hidden_size, config.channels, config.state_size, config.rank, config.conv_kernel
    shapes = {
        "norm.weight": (d,), "mixer.in_proj.weight": (2 * e, d), "mixer.conv1d.weight": (e, 1, k),
        "mixer.conv1d.bias": (e,), "mixer.x_proj.weight": (r + 2 * n, e), "mixer.dt_proj.weight": (e, r),
        "mixer.dt_proj.bias": (e,), "mixer.A_log": (e, n), "mixer.D": (e,), "mixer.out_proj.weight": (d, e),
    }  # fmt: skip
    expected = {f"backbone.layers.{i}.{name}": shape for i in range(config.layers) for name, shape in shapes.items()}
    expected |= {"backbone.embeddings.weight": (config.vocab_size, d), "backbone.norm_f.weight": (d,)}
    assert {name: value.shape for name, value in model.state_dict().items()} == expected


def test_small_has_as_many_parameters_as_four_layers_of_a_transformer() -> None:
    """Attention and gated units of width 128 and 344, an output layer of its own: what small LLaMA has."""
    config = VARIANTS["s6"]["small"]
    transformer = 4 * (4 * 128**2 + 3 * 128 * 344 + 2 * 128) + 2 * 96 * 128 + 128
    ours = sum(parameter.numel() for parameter in build(config, generator(0)).parameters())
    assert abs(ours / transformer - 1) < 0.02


# ---- initial values --------------------------------------------------------------------------------------------------


def test_initial_values_are_those_of_the_papers_code() -> None:
    config = replace(VARIANTS["s6"]["tiny"], hidden_size=64, state_size=16)
    for mixer in (
        build(config, generator(0)).backbone.layers[0].mixer,
        reference.build(config).backbone.layers[0].mixer,
    ):
        values = {name: np.asarray(value.detach().numpy()) for name, value in mixer.named_parameters()}
        np.testing.assert_allclose(np.exp(values["A_log"]), np.tile(np.arange(1, 17), (128, 1)), rtol=1e-6)
        assert (values["D"] == 1).all()
        delta = np.log1p(np.exp(values["dt_proj.bias"].astype(np.float64)))
        assert 1e-3 * (1 - 1e-3) < delta.min() < 3e-3
        assert 0.04 < delta.max() < 0.1 * (1 + 1e-3)
        assert abs(np.median(np.log10(delta)) + 2) < 0.3  # equally likely at every scale
        assert 0.9 * 4**-0.5 < np.abs(values["dt_proj.weight"]).max() <= 4**-0.5
        bound = 1 / np.sqrt(128 * config.layers)
        assert 0.9 * bound < np.abs(values["out_proj.weight"]).max() <= bound


@pytest.mark.parametrize("side", ["engine", "reference"])
def test_weight_decay_leaves_decays_and_vectors_alone(side: str) -> None:
    config = VARIANTS["s6"]["tiny"]
    if side == "engine":
        model = build(config, generator(0))
        optimizer, _ = configure_optimizer(model, config, 10)
    else:
        model = reference.build(config)
        optimizer, _ = reference_train.configure_optimizer(model, config, 10)
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    kinds = {names[id(parameter)].rpartition("layers.0.")[2] for parameter in decayed["params"]}
    assert {kind for kind in kinds if kind.startswith("mixer")} == {
        "mixer.in_proj.weight", "mixer.conv1d.weight", "mixer.x_proj.weight", "mixer.dt_proj.weight",
        "mixer.out_proj.weight",
    }  # fmt: skip


# ---- what a block computes -------------------------------------------------------------------------------------------


def test_the_first_half_of_the_projection_is_scanned_and_the_second_is_the_gate() -> None:
    model, _ = model_of("s6")
    mixer = model.backbone.layers[0].mixer
    state = mixer.state_dict()
    x = Tensor(np.random.default_rng(0).standard_normal((2, 5, 6)))
    shut = state["in_proj.weight"].copy()
    shut[len(shut) // 2 :] = 0  # silu(0) = 0
    mixer.load_state_dict(state | {"in_proj.weight": shut})
    assert not mixer(x).numpy().any()


def test_the_step_size_has_its_bias_inside_the_softplus_once() -> None:
    model, config = model_of("s6")
    mixer = model.backbone.layers[0].mixer
    u = Tensor(np.random.default_rng(0).standard_normal((2, 5, config.channels)))
    delta, write, read = mixer.select(u)
    mixed = u.numpy() @ mixer.x_proj.weight.numpy().T
    low_rank, expected_write, expected_read = np.split(mixed, [config.rank, config.rank + config.state_size], axis=-1)
    expected = np.log1p(np.exp(low_rank @ mixer.dt_proj.weight.numpy().T + mixer.dt_proj.bias.numpy()))
    for found, wanted in ((delta, expected), (write, expected_write), (read, expected_read)):
        assert relative_error(found.numpy(), wanted) < 1e-14


def test_rank_of_the_step_sizes_is_rounded_up() -> None:
    assert [replace(VARIANTS["s6"]["tiny"], hidden_size=d).rank for d in (1, 16, 17, 768)] == [1, 1, 2, 48]


@both_variants
def test_no_token_sees_a_later_one(variant: str) -> None:
    model, config = model_of(variant)
    tokens = tokens_of(config, 2, 8)
    changed = tokens.numpy().copy()
    changed[:, 5:] = (changed[:, 5:] + 1) % config.vocab_size
    before, after = model(tokens).numpy(), model(Tensor(changed)).numpy()
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (np.abs(before - after)[:, 5:].max(axis=-1) > 0).all()


def test_only_the_selective_scan_depends_on_what_a_token_is() -> None:
    """The time-invariant mixer's scan is linear in its input, the selective one's is not."""
    rng = np.random.default_rng(0)
    for variant, linear in (("s6", False), ("lti", True)):
        model, config = model_of(variant)
        mixer = model.backbone.layers[0].mixer
        a, b = (Tensor(rng.standard_normal((1, 6, config.channels))) for _ in range(2))
        ya, yb, both = (mixer.scan(u, mixer.select(u), None)[0].numpy() for u in (a, b, a + b))
        assert (relative_error(ya + yb, both) < 1e-12) is linear


@both_variants
@pytest.mark.parametrize("side", ["engine", "reference"])
def test_reading_in_pieces_is_reading_at_once(variant: str, side: str) -> None:
    """One token after the other too: the recurrent form is the parallel form."""
    model, config = model_of(variant)
    tokens = tokens_of(config, 2, 9).numpy()
    if side == "engine":
        states = [State(config, 2, np.float64) for _ in range(config.layers)]
        wrap, module = Tensor, model
    else:
        module = reference.build(config).double()
        module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
        states = [reference.State(config, 2, torch.float64) for _ in range(config.layers)]
        wrap = torch.from_numpy
    with no_grad(), torch.no_grad():
        whole = np.asarray(module(wrap(tokens.copy())))
        cuts = [0, 4, 5, 6, 9]
        pieces = [np.asarray(module(wrap(tokens[:, a:b].copy()), states)) for a, b in pairwise(cuts)]
    assert relative_error(np.concatenate(pieces, axis=1), whole) < 1e-13


@both_variants
def test_torchs_chunked_scan_is_its_written_out_one(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "CHUNK", 1)
    config = replace(VARIANTS[variant]["tiny"], length=11)
    written, chunked = reference.build(config).double(), builtin.build(config).double()
    chunked.load_state_dict(written.state_dict())
    tokens = torch.from_numpy(tokens_of(config, 2, 11).numpy().copy())
    found = []
    for model in (written, chunked):
        logits = model(tokens)
        (logits**2).sum().backward()
        found.append([logits.detach().numpy(), *(parameter.grad.numpy() for parameter in model.parameters())])
    for ours, theirs in zip(*found, strict=True):
        assert relative_error(ours, theirs) < 1e-11


# ---- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "sorting"}, "task must be one of text, copying, induction, got 'sorting'"),
        ({"dataset": "novels"}, "dataset must be one of"),
        ({"state_size": 0}, "state_size must be at least 1, got 0"),
        ({"clip": 0.0}, "clip must be above 0, got 0.0"),
        ({"warmup": 1.5}, r"warmup must be in \[0, 1\], got 1.5"),
        ({"task": "copying", "vocab_size": 2}, "vocab_size must be at least 3 for copying, got 2"),
        ({"task": "copying", "copies": 65}, "copies must be at most the length 64, got 65"),
        ({"task": "induction", "length": 2}, "length must be at least 3 for induction, got 2"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MambaConfig(**changes)
