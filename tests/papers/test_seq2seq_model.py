"""The translator's parts: who gets a gradient, what padding changes (nothing), where each attention can look."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.seq2seq_attention import model as engine
from papers.seq2seq_attention.config import VARIANTS, Seq2SeqConfig
from papers.seq2seq_attention.data import example_batch
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

QUIET = {name: replace(sizes["tiny"], dropout=0.0) for name, sizes in VARIANTS.items()}
variants = pytest.mark.parametrize("variant", VARIANTS)
attentive = pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "none"])


def built(config: Seq2SeqConfig) -> engine.Seq2Seq:
    return engine.build(config, generator(0)).double()


def batch_of(config: Seq2SeqConfig, seed: int = 0) -> dict:
    arrays = example_batch(config, generator(seed))
    return {name: Tensor(value) if isinstance(value, np.ndarray) else value for name, value in arrays.items()}


def source_states(model: engine.Seq2Seq) -> list[Tensor]:
    """Where the encoder's states go when the model runs next, with their gradients kept."""
    kept: list[Tensor] = []

    def keep(_module: object, _args: tuple, output: tuple) -> None:
        output[0].retain_grad()
        kept.append(output[0])

    model.encoder.register_forward_hook(keep)
    return kept


# ---- gradients ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["general", "dot", "concat", "input-feeding", "local-p"])
def test_every_source_state_gets_a_gradient_and_no_padded_position_does(variant: str) -> None:
    config = replace(QUIET[variant], window=10, hidden_size=16)
    model, batch = built(config), batch_of(config)
    kept = source_states(model)
    engine.loss(model, batch).backward()
    size = np.abs(kept[0].grad.numpy()).max(axis=-1)
    real = np.arange(size.shape[1]) < batch["length"].numpy()[:, None]
    assert (size[real] > 0).all()
    assert (size[~real] == 0).all()
    assert not real.all()


def test_without_attention_no_source_state_but_the_last_counts() -> None:
    model, batch = built(QUIET["none"]), batch_of(QUIET["none"])
    kept = source_states(model)
    engine.loss(model, batch).backward()
    assert kept[0].grad is None  # only the final states go on
    assert np.abs(model.encoder.embedding.weight.grad.numpy()).max() > 0


@attentive
def test_the_attention_s_weights_get_a_gradient(variant: str) -> None:
    model = built(QUIET[variant])
    engine.loss(model, batch_of(QUIET[variant])).backward()
    for name, parameter in model.decoder.attention.named_parameters():
        assert np.abs(parameter.grad.numpy()).max() > 0, name


# ---- padding --------------------------------------------------------------------------------------------------------
@variants
@given(st.integers(0, 2**31))
def test_padding_changes_nothing(variant: str, seed: int) -> None:
    """Each sentence alone, unpadded, gives what it gives in a padded batch; more padding with any token too."""
    config = QUIET[variant]
    model, batch = built(config), batch_of(config, seed)
    source, length, y = (batch[name].numpy() for name in ("source", "length", "target"))
    rng = np.random.default_rng(seed)
    wide = np.concatenate([source, rng.integers(0, 12, (len(source), 3))], axis=1)
    wide = np.where(np.arange(wide.shape[1]) < length[:, None], wide, rng.integers(0, 12, wide.shape))
    with no_grad():
        together = model(Tensor(wide), Tensor(length), Tensor(y)).numpy()
        for row, n in enumerate(length):
            alone = model(Tensor(source[row : row + 1, :n]), Tensor(length[row : row + 1]), Tensor(y[row : row + 1]))
            np.testing.assert_allclose(together[row], alone.numpy()[0], atol=1e-12)


def test_loss_does_not_count_padding() -> None:
    config = QUIET["general"]
    model, batch = built(config), batch_of(config)
    longer = np.concatenate([batch["target"].numpy(), np.zeros((4, 3), int)], axis=1)
    assert engine.loss(model, batch | {"target": Tensor(longer)}).item() == pytest.approx(
        engine.loss(model, batch).item(), rel=1e-12
    )
    untrained = replace(config, init=1e-9)  # all tokens are equally likely: the mean over real tokens is log V
    assert engine.loss(built(untrained), batch).item() == pytest.approx(math.log(config.target_vocabulary), rel=1e-6)


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    config = QUIET["input-feeding"]
    model, batch = built(config), batch_of(config)

    def part(rows: slice) -> float:
        return engine.loss(model, {k: v[rows] if isinstance(v, Tensor) else v for k, v in batch.items()}).item()

    assert part(slice(0, 2)) + part(slice(2, 4)) == pytest.approx(part(slice(0, 4)), rel=1e-12)


# ---- where it looks -------------------------------------------------------------------------------------------------
def alignment(config: Seq2SeqConfig, lengths: list[int], steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    model = built(config)
    source = Tensor(rng.integers(3, 12, (len(lengths), max(lengths))))
    with no_grad():
        return model.align(
            source, Tensor(np.array(lengths)), Tensor(rng.integers(3, 11, (len(lengths), steps)))
        ).numpy()


@pytest.mark.parametrize("variant", ["general", "dot", "concat", "input-feeding"])
def test_global_attention_is_a_distribution_over_the_real_positions(variant: str) -> None:
    a_t = alignment(QUIET[variant], [6, 2, 1], 5)
    np.testing.assert_allclose(a_t.sum(axis=-1), 1.0, atol=1e-12)
    assert (a_t[0] > 0).all()
    assert (a_t[1, :, 2:] == 0).all()
    assert (a_t[2, :, 0] == 1).all()


def test_local_m_looks_at_the_window_around_t_and_at_nothing_beyond_the_end() -> None:
    a_t = alignment(replace(QUIET["local-m"], window=2), [7, 2], 7)
    t, s = np.indices((7, 7))
    assert ((a_t[0] > 0) == (np.abs(t - s) <= 2)).all()
    np.testing.assert_allclose(a_t[0].sum(axis=-1), 1.0, atol=1e-12)
    np.testing.assert_allclose(
        a_t[1].sum(axis=-1), [1, 1, 1, 1, 0, 0, 0], atol=1e-12
    )  # from t = 4 on: no position left


def test_a_step_that_sees_nothing_is_finite_and_has_no_gradient_there() -> None:
    config = replace(QUIET["local-m"], window=1)
    model = built(config)
    source, y = np.full((1, 1), 5), np.full((1, 7), 6)
    kept = source_states(model)
    logits = model(Tensor(source), Tensor(np.array([1])), Tensor(y))
    logits[:, 4:].sum().backward()  # t = 4: the only source position is further away than 1
    assert np.isfinite(logits.numpy()).all()
    assert (kept[0].grad.numpy() == 0).all()
    assert all(np.isfinite(p.grad.numpy()).all() for p in model.parameters() if p.grad is not None)


def test_local_p_is_the_softmax_of_its_window_times_the_gaussian() -> None:
    """Equations 9 and 10, position by position, with the sentence's own length as S."""
    config = replace(QUIET["local-p"], window=2)
    attention = built(config).decoder.attention
    rng = np.random.default_rng(3)
    h_t, h_s = (rng.standard_normal((2, n, 8)) for n in (4, 9))
    length = np.array([9, 5])
    memory = engine.Memory(Tensor(h_s), Tensor(np.arange(9) < length[:, None]), Tensor(length))
    a_t = attention.align(Tensor(h_t), memory, Tensor(np.arange(4))).numpy()
    W_p, v_p, W_a = (p.numpy() for p in (attention.W_p.weight, attention.v_p.weight[0], attention.score.W_a.weight))
    for b in range(2):
        for t in range(4):
            p = length[b] / (1 + math.exp(-(v_p @ np.tanh(W_p @ h_t[b, t]))))
            inside = [s for s in range(length[b]) if abs(s - p) <= 2]
            e = np.exp([h_t[b, t] @ W_a @ h_s[b, s] for s in inside])
            expected = np.zeros(9)
            expected[inside] = e / e.sum() * np.exp([-((s - p) ** 2) / 2 for s in inside])  # sigma = D / 2 = 1
            np.testing.assert_allclose(a_t[b, t], expected, atol=1e-12)


def test_scores_are_those_of_section_3_1() -> None:
    rng = np.random.default_rng(4)
    h_t, h_s = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 5, 6))
    for score in (engine.DotScore, engine.GeneralScore, engine.ConcatScore):
        module = seeded(score, 6, seed=1).double()
        weight = {name: p.numpy() for name, p in module.named_parameters()}
        for b, t, s in np.ndindex(2, 3, 5):
            q, k = h_t[b, t], h_s[b, s]
            if score is engine.DotScore:
                expected = q @ k
            elif score is engine.GeneralScore:
                expected = q @ weight["W_a.weight"] @ k
            else:
                expected = weight["v_a.weight"][0] @ np.tanh(weight["W_a.weight"] @ np.concatenate([q, k]))
            assert module(Tensor(h_t), Tensor(h_s)).numpy()[b, t, s] == pytest.approx(expected, rel=1e-12)


# ---- the decoder ----------------------------------------------------------------------------------------------------
@variants
def test_step_by_step_is_all_at_once(variant: str) -> None:
    config = QUIET[variant]
    model, batch = built(config), batch_of(config)
    y = batch["target"][:, :-1]
    with no_grad():
        memory, state = model.encode(batch["source"], batch["length"])
        whole = model.decode(y, state, memory)[0].numpy()
        for t in range(y.shape[1]):
            logits, _, state = model.decode(y[:, t : t + 1], state, memory)
            np.testing.assert_allclose(logits.numpy()[:, 0], whole[:, t], atol=1e-12)
    assert state.steps == y.shape[1]


def test_input_feeding_remembers_where_it_looked() -> None:
    """The same state of the LSTM goes on differently after another attentional state, only with input feeding."""
    for variant, differs in (("general", False), ("input-feeding", True)):
        model, batch = built(QUIET[variant]), batch_of(QUIET[variant])
        with no_grad():
            memory, state = model.encode(batch["source"], batch["length"])
            other = state._replace(attentional=state.attentional + 1)
            first, second = (model.decode(batch["target"][:, :1], s, memory)[0].numpy() for s in (state, other))
        assert (np.abs(first - second).max() > 1e-6) == differs
        assert (state.attentional.numpy() == 0).all()


def test_decoder_begins_with_both_directions_last_states_layer_by_layer() -> None:
    config = QUIET["general"]
    encoder, batch = built(config).encoder, batch_of(config)
    h_s, h, c = encoder(batch["source"], batch["length"])
    assert h.shape == c.shape == (2, 4, 8)
    top, half = h.numpy()[-1], config.hidden_size // 2
    for row, n in enumerate(batch["length"].numpy()):
        np.testing.assert_allclose(top[row, :half], h_s.numpy()[row, n - 1, :half])  # forwards: the last position
        np.testing.assert_allclose(top[row, half:], h_s.numpy()[row, 0, half:])  # backwards: the first


def expected_parameters(config: Seq2SeqConfig) -> int:
    """Of global attention with the general score, counted by hand."""
    d, layers = config.hidden_size, config.layers
    encoder = layers * 2 * 4 * (d // 2) * (d + d // 2 + 2)  # two directions, four gates, two biases each
    decoder = layers * 4 * d * (d + d + 2)
    attention = d * d + 2 * d * d  # W_a, W_c
    return (
        config.source_vocabulary * d
        + encoder
        + config.target_vocabulary * d
        + decoder
        + attention
        + (
            config.target_vocabulary * d  # W_s
        )
    )


def test_parameters_of_each_size() -> None:
    """The paper: 4 layers of 1000 cells, 1000-dimensional embeddings, 50,000 words a side (section 4.1)."""
    tiny, paper = (VARIANTS["general"][size] for size in ("tiny", "paper"))
    assert (paper.layers, paper.hidden_size, paper.learning_rate, paper.batch_size) == (4, 1000, 1.0, 128)
    assert sum(p.numel() for p in built(tiny).parameters()) == expected_parameters(tiny)
    assert expected_parameters(paper) == 209_064_000


def test_reference_starts_from_the_same_distribution() -> None:
    from reference.seq2seq_attention import model as reference

    config = VARIANTS["local-p"]["small"]
    torch.manual_seed(0)
    theirs = dict(reference.build(config).named_parameters())
    ours = dict(engine.build(config, generator(0)).named_parameters())
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        assert np.abs(parameter.numpy()).max() <= 0.1 + 1e-6
        if parameter.numel() > 1000:
            assert parameter.numpy().std() == pytest.approx(theirs[name].detach().numpy().std(), rel=0.1), name


@pytest.mark.parametrize(("layers", "expected"), [(1, 0.0), (2, 0.3)])
def test_units_are_dropped_between_layers_where_there_are_several(layers: int, expected: float) -> None:
    from reference.seq2seq_attention import model as reference

    config = replace(QUIET["general"], layers=layers, dropout=0.3)
    for model in (built(config), reference.build(config)):
        assert [model.encoder.lstm.dropout, model.decoder.lstm.dropout] == [expected, expected]


# ---- bad input ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"attention": "soft"}, "attention must be one of global, local-m, local-p, none, got 'soft'"),
        ({"score": "location"}, "score must be one of dot, general, concat"),
        ({"dataset": "wmt"}, "dataset must be one of dates, cmudict, eng-spa"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, sgd"),
        ({"hidden_size": 7}, "hidden_size must be even"),
        ({"attention": "none", "input_feeding": True}, "attention must not be none"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"clip": 0.0}, "clip must be above 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_configurations_are_errors(changes: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        Seq2SeqConfig(**changes)


@pytest.mark.parametrize("length", [[0, 2], [3, 4]])
def test_empty_sequences_and_lengths_beyond_the_padding_are_errors(length: list[int]) -> None:
    model = built(QUIET["general"])
    with pytest.raises(ValueError, match="length"):
        model.encode(Tensor(np.ones((2, 3), int)), Tensor(np.array(length)))


def test_a_token_outside_the_vocabulary_is_an_error() -> None:
    model = built(QUIET["general"])
    with pytest.raises(IndexError, match="input has index 12, out of range for a weight of 12 rows"):
        model.encode(Tensor(np.full((1, 3), 12)), Tensor(np.array([3])))
