"""Same seed, same bits; and how far another number of workers goes, which is as far as rounding does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from papers.bert.text import corpus, wordpiece
from reference.bert import data as bert_data
from tests.engine.working import let_everything_pay, pids
from tests.lab import sums
from tinygrad_lab.lab import agreement, registry
from tinygrad_lab.lab.sides import Batch, NumpySide
from tinygrad_lab.random import generator, record_draws

ROOT = Path(__file__).parent.parent.parent


# ---- the same to the bit -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> sums.Sums:
    """What all papers come to in this process."""
    return sums.everything(tmp_path_factory.mktemp("here"))


def test_another_process_gets_the_same_bits_under_another_seed_of_hash(here: sums.Sums) -> None:
    """With sets in another order, which Python draws by lot for each process, as it did for this one."""
    command = [sys.executable, "-m", "tests.lab.sums"]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == here


def test_once_more_and_interrupted_gives_the_same_bits(here: sums.Sums, tmp_path: Path) -> None:
    assert sums.everything(tmp_path, resumed=True) == here


def test_both_sides_are_given_the_same_batches_and_every_paper_others(here: sums.Sums) -> None:
    """The sums do see what they are to see."""
    batches = {key: found["batches"] for key, found in here.items()}
    for slug in registry.discover():
        assert batches[f"{slug} numpy"] == batches[f"{slug} torch"]
    weights = [found["weights"] for found in here.values() if "weights" in found]
    assert len(set(weights)) == len(weights) == 24


def test_word_pieces_are_learned_alike_each_time() -> None:
    """The library breaks ties by a table that it shuffles even within one process."""
    texts = list(corpus.load("topics", "train").sentences())
    assert len({wordpiece.learn(texts, 600) for _ in range(3)}) == 1
    assert len({bert_data.word_pieces(texts, 600).to_str() for _ in range(3)}) == 1


# ---- the same but for rounding -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere parts are worked on by threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("slug", registry.discover())
def test_the_number_of_workers_changes_rounding_only(slug: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is drawn: sums come in another order, as they do in the other library, with parity's bound."""
    side, config = NumpySide(registry.find(slug)), _without_dropout(registry.find(slug).variants)
    whole, bound = _losses(side, config, dtype), _bound(side, config, dtype)
    assert bound < {"float32": 1e-3, "float64": 1e-9}[dtype]  # as docs/determinism.md says
    for workers in (2, 3):
        let_everything_pay(monkeypatch, workers)
        assert agreement.compare(_losses(side, config, dtype, workers), whole)[1] <= bound


def _without_dropout(variants: Any) -> Any:
    """The default variant at size tiny, nothing dropped."""
    config = next(iter(variants.values()))["tiny"]
    return replace(config, **{name: 0.0 for name in vars(config) if "drop" in name})


def _losses(side: NumpySide, config: Any, dtype: str, workers: int = 1) -> np.ndarray:
    """The losses of a few steps."""
    model = side.build(config, dtype=dtype)
    optimizer, scheduler = side.optimizer(model, config, sums.STEPS)
    found = np.array(list(side.train(model, optimizer, scheduler, _batches(side, config), dtype)))
    assert len(pids(model)) == workers - 1
    return found


def _batches(side: NumpySide, config: Any) -> Iterator[Batch]:
    rng, example = generator(1), registry.part(registry.find(side.slug), "data").example_batch
    return (example(config, rng) for _ in range(sums.STEPS))


def _bound(side: NumpySide, config: Any, dtype: str) -> float:
    """What rounding explains: what it does to one loss, and as much again for each step."""
    model = side.build(config, dtype=dtype)
    batch = side.batch(next(_batches(side, config)), dtype)
    with record_draws() as draws:
        outputs = side.outputs(model, lambda: side.loss(model, batch))
    assert draws == []
    reduction = agreement.longest_reduction(outputs, side.state(model))
    return sums.STEPS * agreement.tolerance("loss", dtype, reduction)
