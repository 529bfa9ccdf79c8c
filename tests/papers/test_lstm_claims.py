"""The probe of the gradients, and how results become verdicts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from papers.lstm import data
from papers.lstm.config import VARIANTS
from papers.lstm.model import build
from papers.lstm.study.experiment import (
    ADDING_ARMS,
    REBER_ARMS,
    TEXT_ARMS,
    adding_config,
    reber_config,
    text_config,
    texts,
)
from papers.lstm.study.probes import error_by_lag
from papers.lstm.study.verdicts import outcome, soonest_rate
from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator


def tensors(batch: dict) -> dict:
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


# ---- gradients by time lag -------------------------------------------------------------------------------------------


def test_gradients_of_a_plain_unit_shrink_by_weight_times_slope() -> None:
    """dL/dh_t = dL/dh_{t+1} u (1 - h_{t+1}²), for one unit by hand."""
    config = replace(VARIANTS["rnn"]["tiny"], hidden=1, layers=1, dropout=0.0)
    model = build(config, generator(0)).double()
    batch = tensors(data.example_batch(replace(config, batch_size=1), generator(1)))
    found = error_by_lag(model, batch)["h"]
    output, _ = model.layers[0](model.embedding(batch["sequence"].transpose(0, 1)))
    h, u = output.numpy()[:, 0, 0], model.layers[0].weight_hh_l0.item()
    factors = np.abs(u * (1 - h[:0:-1] ** 2))
    np.testing.assert_allclose(found, found[0] * np.cumprod([1.0, *factors]), rtol=1e-10)


def test_gradients_of_closed_cells_do_not_shrink_at_all() -> None:
    config = replace(VARIANTS["adding"]["tiny"], length=40)
    model = build(config, generator(0)).double()
    state = model.state_dict() | {"layers.0.weight_hh_l0": np.zeros((15, 5))}
    state["layers.0.bias_ih_l0"] = np.repeat([-60.0, 0.0, 0.0], 5)  # nothing is written, everything is shown
    model.load_state_dict(state)
    batch = data.example_batch(config, generator(1))
    longest = batch["length"] == batch["length"].max()
    batch = {name: value[longest] if name != "count" else value for name, value in batch.items()}
    carried = error_by_lag(model, tensors(batch))["c"]
    assert len(carried) == 44
    np.testing.assert_allclose(carried, carried[0], rtol=1e-12)


@pytest.mark.parametrize(("variant", "names"), [("rnn", ["h"]), ("1997", ["h", "c"]), ("2000", ["h", "c"])])
def test_probe_looks_at_every_state_of_every_step(variant: str, names: list[str]) -> None:
    config = replace(VARIANTS[variant]["tiny"], layers=1)
    found = error_by_lag(build(config, generator(0)), tensors(data.example_batch(config, generator(0))))
    assert list(found) == names
    assert all(len(norms) == config.length and all(np.isfinite(norms)) for norms in found.values())


# ---- verdicts --------------------------------------------------------------------------------------------------------


BENCH = Lab(registry.find("lstm"), None, False, Path("unused"))


def trial(solved: bool, sequences: int, **last: float) -> dict:
    return {"side": "numpy", "solved": solved, "sequences": sequences, "history": [last]}


def test_the_best_learning_rate_solves_most_seeds_then_soonest_or_comes_closest() -> None:
    slow = [trial(True, 900, squared_error=0.0001), trial(True, 900, squared_error=0.0001)]
    fast = [trial(True, 500, squared_error=0.0001), trial(True, 700, squared_error=0.0002)]
    lucky = [trial(True, 100, squared_error=0.0001), trial(False, 900, squared_error=0.04)]
    assert soonest_rate({"0.003": slow, "0.01": fast, "0.03": lucky}) == "0.01"
    unsolved = {"0.003": [trial(False, 900, loss=3.0)], "0.01": [trial(False, 900, loss=2.0)]}
    assert soonest_rate(unsolved) == "0.01"


def test_outcomes_count_the_solved_and_show_what_is_left_of_the_others() -> None:
    some = [trial(True, 1000, squared_error=0.001), trial(False, 9000, squared_error=0.04)]
    assert outcome(BENCH, some) == "1 of 2, after 1,000, over 9,000 sequences"
    both = [trial(True, 1000, squared_error=0.001), trial(True, 3000, squared_error=0.001)]
    assert outcome(BENCH, both).startswith("2 of 2, after 2,000 ± ")
    none = [trial(False, 9000, squared_error=0.04, correct=12.0)]
    assert outcome(BENCH, none) == "0 of 1, squared error 0.0400 (one run)"
    strings = [trial(False, 9000, loss=4.0, correct=50.0), trial(False, 9000, loss=4.0, correct=60.0)]
    assert outcome(BENCH, strings).startswith("0 of 2, 55.0 ± ")


# ---- fair comparisons ------------------------------------------------------------------------------------------------


def sizes(configs: dict) -> dict[str, int]:
    return {arm: sum(p.numel() for p in build(config).parameters()) for arm, config in configs.items()}


def test_arms_of_a_comparison_have_about_as_many_parameters() -> None:
    text = sizes({arm: text_config(arm, next(iter(texts())), 1e-3, False) for arm in TEXT_ARMS})
    assert max(text.values()) / min(text.values()) < 1.01
    reber = sizes({arm: reber_config(arm, 1e-2, False) for arm in REBER_ARMS})
    assert max(reber.values()) / min(reber.values()) < 1.3
    assert all(200 < count < 350 for count in reber.values())
    adding = sizes({arm: adding_config(arm, 20, 1e-2, False) for arm in ADDING_ARMS})
    assert adding["rnn"] >= adding["1997"]
