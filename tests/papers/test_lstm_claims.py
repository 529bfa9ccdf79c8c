"""The probe of the gradients, and how results become verdicts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.lstm import data
from papers.lstm.config import VARIANTS
from papers.lstm.model import build
from papers.lstm.study import experiment, grammar, lags, plan, texts
from papers.lstm.study.probes import error_by_lag, kept_by_cell, largest_eigenvalue
from papers.lstm.study.trials import outcome, solved
from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Verdict


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


def test_what_cells_keep_is_what_their_forget_gates_leave() -> None:
    config = replace(VARIANTS["2000"]["tiny"], layers=1)
    model = build(config, generator(0))
    state = model.state_dict()
    state["layers.0.weight_ih_l0"] = np.zeros_like(state["layers.0.weight_ih_l0"])
    state["layers.0.weight_hh_l0"] = np.zeros_like(state["layers.0.weight_hh_l0"])
    biases = np.zeros(24, np.float32)
    biases[6:12] = np.linspace(2, -1, 6)  # of the forget gates
    state |= {"layers.0.bias_ih_l0": biases, "layers.0.bias_hh_l0": np.zeros(24, np.float32)}
    model.load_state_dict(state)
    found = kept_by_cell(model, tensors(data.example_batch(config, generator(0)))["sequence"])
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.linspace(-1, 2, 6))), rtol=1e-3)


def test_the_largest_eigenvalue_is_that_of_the_weights_from_h_to_h() -> None:
    model = build(replace(VARIANTS["rnn"]["tiny"], layers=1, hidden=2), generator(0))
    turned = np.array([[0.0, -1.5], [1.5, 0.0]], np.float32)  # 1.5 i and -1.5 i
    model.load_state_dict(model.state_dict() | {"layers.0.weight_hh_l0": turned})
    assert largest_eigenvalue(model) == 1.5


# ---- verdicts --------------------------------------------------------------------------------------------------------


PAPER = registry.find("lstm")
BENCH = Lab(PAPER, None, False, Path("unused"))


def trial(solved: bool, sequences: int, **last: float) -> dict:
    return {"side": "numpy", "solved": solved, "sequences": sequences, "history": [last]}


def test_outcomes_count_the_solved_and_show_what_is_left_of_the_others() -> None:
    one, other = trial(True, 1000, squared_error=0.001), trial(False, 9000, squared_error=0.04)
    assert outcome(BENCH, [one, trial(True, 3000, squared_error=0.001)]).startswith("2 of 2, after 2,000 ± ")
    assert outcome(BENCH, [one, one, other]) == "2 of 3, half of them after 1,000 sequences"
    assert outcome(BENCH, [one, other]).startswith("1 of 2, squared error 0.0205 ± ")
    assert outcome(BENCH, [other]) == "0 of 1, squared error 0.0400 (one run)"
    strings = [trial(False, 9000, loss=4.0, correct=50.0), trial(False, 9000, loss=4.0, correct=60.0)]
    assert outcome(BENCH, strings).startswith("0 of 2, 55.0 ± ")
    assert outcome(BENCH, []) == "not run"


def test_a_trial_counts_as_solved_within_a_number_of_sequences() -> None:
    some = [trial(True, 8448), trial(True, 8704), trial(False, 40192)]
    assert solved(some) == [True, True, False]
    assert solved(some, grammar.NEEDED) == [True, False, False]


@pytest.mark.parametrize(("learned", "sequences", "verdict"), [
    (0, 80_000, "inconclusive"), (0, 856_000, "reproduced"), (10, 80_000, "refuted"), (10, 856_000, "refuted"),
    (5, 856_000, "inconclusive"),
])  # fmt: skip
def test_trials_that_end_before_the_papers_do_not_show_that_nothing_is_learned(
    learned: int, sequences: int, verdict: str, tmp_path: Path
) -> None:
    lab, trials = Lab(PAPER, 1, False, tmp_path), [trial(number < learned, sequences) for number in range(10)]
    rates = {"rnn": {"0.0003": 3.0, "0.001": 2.0, "0.003": 3.0}}
    saved = {"configs": {"rnn": {"items": 8000, "epochs": sequences // 8000}}, "rates": rates}
    (tmp_path / "plain-20.json").write_text(json.dumps(saved), encoding="utf-8")
    assert lags._fails(lab, 20, trials).verdict == verdict


# ---- a quick run -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    experiment.measure(lab)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 8 + 1  # of one text
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    assert sum(bool(claim.finding.witness) for claim in found) == 4
    claims.part(PAPER, "figures").figures(quick)
    pictures = {path.stem for path in quick.folder.glob("*.png")}
    assert pictures == {"adding", "gradients", "reber", "text"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    for name in pictures:  # under every picture, what to see in it
        below = filled.split(f"(study/results/{name}.png)")[1].strip()
        assert below.startswith(f"<!-- seen in {name} -->")
        assert below.splitlines()[1].endswith(".")


def test_rates_are_chosen_on_validation_data_for_every_arm_alike(quick: Lab) -> None:
    for lag, arms in plan.LAGS.items():
        rates = quick.results(lags.file_of(lag))["rates"]
        assert list(rates) == list(arms)
        assert len({tuple(scores) for scores in rates.values()}) == 1
    assert quick.results("adding-500")["rates"] == quick.results("adding-100")["rates"]
    assert list(quick.results("reber")["rates"]) == list(plan.REBER_ARMS)


def test_text_is_scored_on_what_its_sweep_leaves_out(quick: Lab) -> None:
    name = texts.measured_texts(quick)[0]
    for arm in plan.TEXT_ARMS:
        scores = quick.results(f"text-{name}")["rates"][arm]
        config = replace(plan.text_config(arm, name, 1e-3, quick=True), train_share=plan.TRAIN_SHARE)
        run = quick.train(config, SWEEP_SEED, at_end=())
        assert scores["0.001"] == pytest.approx(quick.evaluate(run, "validation")["bits"])


def test_the_witness_ends_where_the_engine_does(quick: Lab) -> None:
    for name in texts.measured_texts(quick):
        theirs, ours = (quick.runs(f"text-{name}", side, "2000")[0] for side in ("torch", "numpy"))
        assert ours["metrics"]["bits"] == pytest.approx(theirs["metrics"]["bits"], rel=1e-4)


def test_nats_are_bits_times_the_logarithm_of_two(quick: Lab) -> None:
    name = texts.measured_texts(quick)[0]
    bits = quick.values(f"text-{name}", "metrics", "bits", arm="2000")
    assert texts.nats(quick, name, "2000") == pytest.approx([0.6931472 * value for value in bits])


@pytest.mark.parametrize(("plain", "steps"), [([1.0, 0.9, 0.8, 0.1], 3), ([1.0, 0.7, 0.8, 0.9], 1)])
def test_the_plain_network_is_ahead_as_long_as_it_keeps_more(plain: list[float], steps: int, tmp_path: Path) -> None:
    lab, lstm = Lab(PAPER, 1, False, tmp_path), [1.0, 0.8, 0.7, 0.6]  # at 1, 2, 3 and all further steps
    norms = {"2000": {"c": lstm}, "rnn": {"h": plain}}
    norms = {arm: {part: [1.0, *some, *some[-1:] * 60] for part, some in one.items()} for arm, one in norms.items()}
    gradients = {arm: [{"trained": one}] for arm, one in norms.items()}
    (tmp_path / "text-topics.json").write_text(json.dumps({"gradients": gradients}), encoding="utf-8")
    assert texts.ahead(lab, "topics") == steps


def test_what_is_said_below_the_adding_problem_is_where_its_lines_end(quick: Lab) -> None:
    errors = [one["history"][-1]["squared_error"] for one in quick.results("adding-20")["trials"]["rnn"]]
    assert f"at T = 20, and they end between {min(errors):.4f} and {max(errors):.4f}" in lags.seen(quick)


def test_shares_are_those_of_the_gradients(quick: Lab) -> None:
    results = quick.results("gradients")
    norms = results["gradients"]["1997"][0]["trained"]["c"]
    assert lags.shares(quick)["1997 trained"] == [norms[plan.GRADIENT_LAG] / norms[1]]
    assert results["lag"] == plan.GRADIENT_LAG


# ---- fair comparisons ------------------------------------------------------------------------------------------------


def sizes(configs: dict) -> dict[str, int]:
    return {arm: sum(p.numel() for p in build(config).parameters()) for arm, config in configs.items()}


def test_arms_of_a_comparison_have_about_as_many_parameters() -> None:
    text = sizes({arm: plan.text_config(arm, next(iter(plan.texts())), 1e-3, False) for arm in plan.TEXT_ARMS})
    assert max(text.values()) / min(text.values()) < 1.01
    reber = sizes({arm: plan.reber_config(arm, 1e-2, False) for arm in plan.REBER_ARMS})
    assert max(reber.values()) / min(reber.values()) < 1.3
    assert all(200 < count < 350 for count in reber.values())
    adding = sizes({arm: plan.adding_config(arm, 20, 1e-2, False) for arm in plan.ADDING_ARMS})
    assert all(adding["rnn"] >= count for count in adding.values())


def test_budgets_leave_room_over_what_the_paper_needed() -> None:
    assert grammar.NEEDED >= 8_440 > grammar.NEEDED - plan.STRINGS
    assert grammar.BUDGET >= 39_740
    config = plan.adding_config("1997", 100, 1e-2, False)
    assert config.items * config.epochs == 80_000 == lags.SOON > 74_000
    for lag in plan.PLAIN_LAGS:
        long = plan.adding_config("rnn", lag, 1e-3, False, plan.PLAIN_UPDATES)
        assert long.items * long.epochs >= plan.PAPERS_MOST


def test_other_seeds_are_no_ones_elses(quick: Lab) -> None:
    seeds = {trial["seed"] for trial in quick.results("reber")["others"]["1997"]}
    assert max(*plan.TRIALS.values()) <= plan.PLAIN_SEEDS <= SWEEP_SEED - max(plan.PLAIN_TRIALS.values())
    assert min(seeds) == 1000 > max(*plan.TRIALS.values(), *plan.REBER_TRIALS.values(), SWEEP_SEED)
