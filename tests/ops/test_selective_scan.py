"""What the selective scan promises beyond agreeing with torch: states carried on, ranges, memory, errors."""

import importlib
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.numerics import relative_error
from tinygrad_lab import Tensor, detect_anomaly
from tinygrad_lab.ops import sigmoid, softplus
from tinygrad_lab.ops.selective_scan import selective_scan

B, T, E, N = 2, 12, 3, 4
NAMES = ("u", "delta", "A", "B", "C", "D", "h_0")
SHAPES = ((B, T, E), (B, T, E), (E, N), (B, T, N), (B, T, N), (E,), (B, E, N))


def arrays(dtype: type = np.float64) -> dict[str, np.ndarray]:
    """Arguments by name, delta positive and A negative."""
    rng = np.random.default_rng(0)
    drawn = {name: rng.standard_normal(shape).astype(dtype) for name, shape in zip(NAMES, SHAPES, strict=True)}
    return drawn | {"delta": np.abs(drawn["delta"]), "A": -np.abs(drawn["A"])}


def with_gradients(given: dict[str, Any]) -> list[Tensor]:
    return [Tensor(given[name], requires_grad=True) for name in NAMES]


def test_a_sequence_read_in_pieces_is_the_sequence_read_at_once() -> None:
    u, delta, A, write, read, D, h = with_gradients(arrays())
    whole, last = selective_scan(u, delta, A, write, read, D, h)
    pieces = []
    for part in (slice(0, 1), slice(1, 8), slice(8, T)):
        y, h = selective_scan(u[:, part], delta[:, part], A, write[:, part], read[:, part], D, h)
        pieces.append(y.numpy())
    assert relative_error(np.concatenate(pieces, axis=1), whole.numpy()) < 1e-14
    assert relative_error(h.numpy(), last.numpy()) < 1e-14


def test_outputs_do_not_see_later_inputs() -> None:
    given = arrays()
    before, _ = selective_scan(*given.values())
    later = np.arange(T)[:, None] > 5
    changed = {name: given[name] + later for name in ("u", "delta", "B", "C")}
    after, _ = selective_scan(*(given | changed).values())
    np.testing.assert_array_equal(before.numpy()[:, :6], after.numpy()[:, :6])
    assert (before.numpy()[:, 6:] != after.numpy()[:, 6:]).all()


def test_a_time_invariant_system_is_a_convolution() -> None:
    """Equation 3 of the paper: y = u * K, K_t = Σ_n C exp(t Δ A) Δ B."""
    given = arrays()
    write, read = np.random.default_rng(1).standard_normal((2, E, N))
    delta = given["delta"][:1, :1]
    y, _ = selective_scan(given["u"], np.broadcast_to(delta, (B, T, E)), given["A"], write, read)
    exponent = np.arange(T)[:, None, None] * delta[0, 0][:, None] * given["A"]
    kernel = (read * np.exp(exponent) * write).sum(-1) * delta[0, 0]  # (T, E)
    expected = [np.einsum("bse,se->be", given["u"][:, : t + 1], kernel[t::-1]) for t in range(T)]
    assert relative_error(y.numpy(), np.stack(expected, 1)) < 1e-13


def test_one_state_that_decays_by_one_is_a_gate() -> None:
    """Theorem 1: with N = 1, A = -1, Δ = softplus(z) the state is kept by 1 - σ(z)."""
    z = Tensor(np.random.default_rng(0).standard_normal((B, 1, E)))
    ones, h_0 = np.ones((B, 1, 1)), np.random.default_rng(1).standard_normal((B, E, 1))
    _, h = selective_scan(Tensor(np.zeros((B, 1, E))), softplus(z), -np.ones((E, 1)), ones, ones, None, h_0)
    assert relative_error(h.numpy()[..., 0], (1 - sigmoid(z).numpy()[:, 0]) * h_0[..., 0]) < 1e-14


def test_a_very_large_step_forgets_everything_and_nothing_overflows() -> None:
    given = arrays(np.float32)
    given["delta"] = np.full((B, T, E), 1e4, np.float32)
    inputs = with_gradients(given)
    y, h = selective_scan(*inputs)
    last = 1e4 * given["B"][:, -1, None] * given["u"][:, -1, :, None]
    assert relative_error(h.numpy(), last) < 1e-6
    y.backward(np.ones(y.shape))
    assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in inputs)
    assert not inputs[-1].grad.numpy().any()


def test_sixteen_thousand_steps_stay_finite_in_float32() -> None:
    rng, steps = np.random.default_rng(0), 16_384
    u, write, read = rng.standard_normal((3, 1, steps, 2)).astype(np.float32)
    delta = np.where(rng.random((1, steps, 2)) < 0.5, 1e-8, 50).astype(np.float32)
    inputs = [Tensor(x, requires_grad=True) for x in (u, delta, -np.ones((2, 2), np.float32), write, read)]
    y, _ = selective_scan(*inputs)
    y.backward(np.ones(y.shape))
    assert np.isfinite(y.numpy()).all()
    assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in inputs)


def test_no_step_size_leaves_the_states_alone() -> None:
    given = arrays()
    given["delta"] = np.zeros((B, T, E))
    _, h = selective_scan(*given.values())
    np.testing.assert_array_equal(h.numpy(), given["h_0"])


def test_a_batch_of_nothing_is_nothing() -> None:
    given = {name: x[:0] if x.shape[0] == B else x for name, x in arrays().items()}
    inputs = with_gradients(given)
    y, h = selective_scan(*inputs)
    assert (y.shape, h.shape) == ((0, T, E), (0, E, N))
    y.backward(np.ones(y.shape))
    assert not inputs[2].grad.numpy().any()


def test_gradients_flow_through_the_last_state_alone() -> None:
    inputs = with_gradients(arrays())
    _, h = selective_scan(*inputs)
    h.backward(np.ones(h.shape))
    assert all(tensor.grad.numpy().any() for tensor in inputs if tensor.shape not in ((B, T, N), (E,)))
    _, _, _, write, read, D, _ = inputs
    assert write.grad.numpy().any()
    assert not read.grad.numpy().any()
    assert not D.grad.numpy().any()


def test_all_states_of_all_steps_are_never_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """√T steps in a chunk: T / L states are kept and a few arrays of L steps are worked with."""
    monkeypatch.setattr(importlib.import_module("tinygrad_lab.ops.selective_scan"), "CHUNK", 1)
    steps, channels, states = 1024, 16, 32
    rng = np.random.default_rng(0)
    u, delta = rng.random((2, 1, steps, channels))
    write, read = rng.random((2, 1, steps, states))
    body = selective_scan.info.body.__wrapped__
    needs = SimpleNamespace(D=False)
    tracemalloc.start()
    (y, _), backward = body(u, delta, -rng.random((channels, states)), write, read)
    backward(needs, y, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * steps * channels * states * u.itemsize


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("u", (B, 0, E), r"u has shape \(2, 0, 3\), a sequence must have at least one step"),
        ("delta", (B, T, E + 1), r"delta has shape \(2, 12, 4\), .*must be \(2, 12, 3\)"),
        ("A", (E + 1, N), r"A has shape \(4, 4\), for u of shape \(2, 12, 3\) it must be \(3, N\)"),
        ("B", (B, T, N + 1), r"B has shape \(2, 12, 5\), .*4 states it must be \(2, 12, 4\) or \(3, 4\)"),
        ("C", (N, E), r"C has shape \(4, 3\), .*4 states it must be \(2, 12, 4\) or \(3, 4\)"),
        ("D", (N,), r"D has shape \(4,\), .*must be \(3,\)"),
        ("h_0", (B, N, E), r"h_0 has shape \(2, 4, 3\), .*must be \(2, 3, 4\)"),
    ],
)
def test_wrong_shapes_are_named(name: str, shape: tuple[int, ...], message: str) -> None:
    unchecked = selective_scan.info.body.__wrapped__  # as users run it: only tests check annotations
    with pytest.raises(ValueError, match=f"selective_scan: {message}"):
        unchecked(*(arrays() | {name: np.ones(shape)}).values())


def test_mixed_dtypes_are_named() -> None:
    given = arrays() | {"A": arrays(np.float32)["A"]}
    with pytest.raises(TypeError, match="selective_scan: u is float64 and A is float32, they must have one dtype"):
        selective_scan(*given.values())


def test_anomaly_mode_names_the_scan() -> None:
    given = arrays(np.float32)
    given["A"] = np.full((E, N), 1e4, np.float32)  # of the wrong sign: states grow
    with (
        detect_anomaly(),
        pytest.raises(FloatingPointError, match="forward of 'selective_scan'"),
        np.errstate(all="ignore"),
    ):
        selective_scan(*with_gradients(given))
