"""The engine and other engines find the same gradients of the same formulas."""

import json
from typing import Any

import numpy as np
import pytest

from tests.lab.command import run
from tinygrad_lab.lab import bench
from tinygrad_lab.lab.measuring import peers


@pytest.mark.parametrize("name", peers.models())
def test_gradients_are_pytorchs(name: str) -> None:
    model = peers.models()[name]
    torch = next(peer for peer in peers.PEERS if peer.module == "torch")
    for ours, theirs in zip(peers.engine(*model)(), torch.prepare(*model)(), strict=True):
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_a_library_with_functions_is_asked_for_functions() -> None:
    of = peers.Functions(np)
    x = np.ones((2, 3))
    assert of.sum(x).shape == ()
    assert of.sum(x, 1).shape == (2, 1)
    assert of.turned(x).shape == (3, 2)
    assert of.exp(x)[0, 0] == pytest.approx(np.e)


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch, one that is not there, and one that cannot run."""

    def broken(*_model: Any) -> Any:
        def step() -> None:
            raise RuntimeError("no compiler\nsecond line")

        return step

    found = [
        peers.PEERS[0],
        peers.Peer("Absent", "no_such_engine", broken),
        peers.Peer("Broken", "json", broken),
    ]
    monkeypatch.setattr(peers, "PEERS", tuple(found))
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(bench, "PAUSE_SECONDS", 0.0)


@pytest.mark.usefixtures("three")
def test_who_is_not_there_is_named_in_a_line() -> None:
    result = run("bench", "--peers", "--json", "-", "--repeats", "2")
    assert result.err.splitlines() == [
        "Absent is not installed: pip install no_such_engine",
        "Broken cannot run perceptron here: no compiler",
        "Broken cannot run attention here: no compiler",
    ]
    rows = json.loads(result.out)
    assert [(row["peer"], row["model"]) for row in rows] == [
        ("PyTorch", "perceptron"),
        ("PyTorch", "attention"),
    ]
    assert all(row["ratio"] == pytest.approx(row["numpy_ms"] / row["peer_ms"]) for row in rows)
    assert "perceptron" in run("bench", "--peers", "--repeats", "1").out


def test_peers_take_no_papers() -> None:
    result = run("bench", "--peers", "lenet")
    assert result.code == 2
    assert "no paper" in result.err
