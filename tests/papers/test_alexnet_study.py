"""The study of AlexNet: its arms, its tuning, and how results become verdicts and sentences."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from papers.alexnet.study import experiment, pages, speed, speed_verdicts, verdicts
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import ahead, claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.study import SWEEP_SEED, Claim, Verdict

PAPER = registry.find("alexnet")
BUDGET = {"level": 25.0, "every": 10, "steps": 100}
NAMES = ("rates", "starts", "speed", "arms")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All of it with two seeds, one run after the other, on the digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "cores", lambda: 1)
        lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


Edit = dict[str, Any]


def edited(lab: Lab, folder: Path, errors: Edit | None = None, curves: Edit | None = None) -> Lab:
    """The quick results with rates that are bracketed, and with these errors and curves.

    Args:
        lab: whose results.
        folder: of the new ones.
        errors: arm -> name -> one number a seed.
        curves: comparison -> unit -> curves, of both sides where both have some.
    """
    files = {name: lab.results(name) for name in NAMES}
    files["rates"]["errors"] = {arm: {"0.01": 2.0, "0.02": 1.0, "0.04": 2.0} for arm in experiment.ARMS}
    parts = {"paper": ("0.01", "0.03", "0.1"), "tuned": ("0.01", "0.03", "0.1"), "spreads": ("0.04", "0.08", "0.16")}
    tried = {part: dict(zip(names, (2.0, 1.0, 2.0), strict=True)) for part, names in parts.items()}
    files["starts"]["errors"] = dict.fromkeys(speed.UNITS, tried)
    for arm, named in (errors or {}).items():
        for side in ("numpy", "torch"):
            kept = [run for run in files["arms"]["runs"][arm] if run["side"] == side]
            for place, run in enumerate(kept):
                run["history"][-1] |= {name: values[place] for name, values in named.items()}
    for comparison, units in (curves or {}).items():
        for unit, found in units.items():
            sides = files["speed"]["curves"][comparison][unit]
            sides |= dict.fromkeys(sides, found)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return Lab(PAPER, None, True, folder)


def by_statement(lab: Lab) -> dict[str, Claim]:
    return {claim.statement: claim for claim in verdicts.claims(lab)}


def one(lab: Lab, part: str) -> Claim:
    """The claim whose statement has these words."""
    (found,) = (claim for statement, claim in by_statement(lab).items() if part in statement)
    return found


# ---- arms and tuning -------------------------------------------------------------------------------------------------
def test_arms_differ_in_what_their_names_say_alone() -> None:
    plain = asdict(experiment.configuration("standard", 0.01, 3, False))
    changed = {
        arm: {name for name, value in asdict(experiment.configuration(arm, 0.01, 3, False)).items()
              if plain[name] != value}
        for arm in experiment.ARMS
    }  # fmt: skip
    assert {arm: names - {"variant"} for arm, names in changed.items()} == {
        "standard": set(), "plain-pooling": {"pool_window"}, "no-lrn": {"lrn_size"}, "no-dropout": {"drop"},
        "no-augmentation": {"crops"} | ({"flips"} if plain["flips"] else set()), "one-tower": {"groups", "maps"},
    }  # fmt: skip
    assert experiment.ARMS["one-tower"][1]["maps"] == (*(width // 2 for width in plain["maps"][:4]), plain["maps"][4])


def test_every_arm_takes_the_best_of_its_own_rates(quick: Lab) -> None:
    errors = quick.results("rates")["errors"]
    assert set(errors) == set(experiment.ARMS)
    for arm, scores in errors.items():
        assert len(scores) == len(experiment.RATES)
        taken = quick.runs("arms", arm=arm)[0]["config"]["learning_rate"]
        assert scores[f"{taken:g}"] == min(scores.values())


def test_units_differ_in_the_activation_rate_and_start_alone(quick: Lab) -> None:
    errors = {"paper": {"0.01": 2.0, "0.03": 1.0}, "tuned": {"0.1": 1.0, "0.3": 2.0}, "spreads": {"0.08": 1.0}}
    results = {"errors": {"relu": errors}}
    assert speed.chosen(results, "relu", "paper") == {"start": {}, "rate": 0.03}
    start = {"init_bias": 0.0, "pixel_scale": 16.0, "init_std": 0.08}
    assert speed.chosen(results, "relu", "tuned") == {"start": start, "rate": 0.1}
    relu, tanh = (asdict(speed.configuration(unit, start, 0.1, 3, False)) for unit in ("relu", "tanh"))
    assert {name for name in relu if relu[name] != tanh[name]} == {"variant", "activation"}
    assert (relu["drop"], relu["weight_decay"], relu["crops"], relu["divisions"]) == (0.0, 0.0, False, 0)
    assert set(quick.results("starts")["errors"]["tanh"]) == {"paper", "spreads", "tuned"}


def test_pytorch_has_seeds_that_no_other_run_has(quick: Lab) -> None:
    theirs = {run["seed"] for run in quick.runs("arms", "torch", "standard")}
    ours = {run["seed"] for arm in experiment.ARMS for run in quick.runs("arms", arm=arm)}
    assert theirs == {1000, 1001}
    assert not theirs & (ours | {SWEEP_SEED})
    assert len(quick.results("speed")["curves"]["tuned"]["tanh"]["torch"]) == 2


# ---- figure 1 --------------------------------------------------------------------------------------------------------
def test_steps_to_a_level_are_those_of_the_first_point_at_or_below_it() -> None:
    curve = [80.0, 30.0, 25.0, 26.0, 10.0]
    assert [pages.solved(curve, BUDGET, level) for level in (90.0, 25.0, 24.0, 5.0)] == [10, 30, 50, None]


def test_a_curve_that_does_not_arrive_counts_with_the_budget() -> None:
    relu, tanh = [[40.0, 20.0]] * 2, [[60.0, 40.0, 25.0], [60.0, 40.0, 30.0]]
    assert speed_verdicts.speed_ratios(relu, tanh, BUDGET) == [1.5, 5.0]
    assert pages.steps_of_seeds(tanh, BUDGET) == "30, over 100"


def judged(lab: Lab, relu: list[float], tanh: list[float]) -> tuple[str, str]:
    finding = speed_verdicts.judge_speed(lab, [relu] * 2, [tanh] * 2, BUDGET)
    return finding.verdict, finding.held_back


def test_speed_is_judged_only_where_units_learn_and_arrive(quick: Lab) -> None:
    fast, slow, late = [20.0], [60.0, 45.0, 30.0, 25.0], [60.0, 45.0, 30.0]
    slower, never = [40.0] * 8 + [20.0], [90.0] * 10
    assert judged(quick, fast, slow) == ("reproduced", "")
    assert judged(quick, slow, slow) == ("refuted", "")
    assert judged(quick, fast, late) == ("reproduced", "")  # at least ten times
    for relu, tanh, why in (
        (fast, never, "do not learn"), (late, slow, "ReLUs do not arrive"), (slower, late, "tanh units do not arrive"),
    ):  # fmt: skip
        verdict, held_back = judged(quick, relu, tanh)
        assert (verdict, why in held_back) == ("inconclusive", True)


def test_a_start_that_is_not_relus_best_refutes_nothing(quick: Lab, tmp_path: Path) -> None:
    level = {"relu": [[20.0]] * 2, "tanh": [[20.0]] * 2}
    alike = edited(quick, tmp_path, curves={"paper": level, "tuned": level})
    assert one(alike, "initial weights tuned").verdict == "refuted"
    slower = {unit: [[40.0, 20.0]] * 2 for unit in speed.UNITS}
    better = one(edited(quick, tmp_path, curves={"paper": level, "tuned": slower}), "initial weights tuned").finding
    assert (better.verdict, "faster from the paper's" in better.held_back) == ("inconclusive", True)


def test_initial_weights_at_an_end_of_those_tried_do_not_lose(quick: Lab, tmp_path: Path) -> None:
    curves = {name: {"relu": [[20.0]] * 2, "tanh": [[40.0, 40.0, 20.0]] * 2} for name in pages.STARTS}
    lab = edited(quick, tmp_path, curves=curves)
    assert one(lab, "initial weights tuned").verdict == "reproduced"
    starts = lab.results("starts")
    starts["errors"]["tanh"]["spreads"] = {"0.04": 1.0, "0.08": 2.0}
    (tmp_path / "starts.json").write_text(json.dumps(starts), encoding="utf-8")
    assert one(lab, "initial weights tuned").finding.held_back == "tanh took initial weights at an end of those tried"


# ---- with and without ------------------------------------------------------------------------------------------------
def test_a_higher_test_error_is_said_to_rise_and_refutes(quick: Lab, tmp_path: Path) -> None:
    """The gap is narrower with crops, and the test error higher: both are asked to fall."""
    apart = {"standard": {"train": [17.0, 17.1], "test": [22.0, 22.1]},
             "no-augmentation": {"train": [4.0, 4.2], "test": [17.0, 17.12]}}  # fmt: skip
    found = one(edited(quick, tmp_path, apart), "crops")
    assert found.verdict == "refuted"
    assert "the gap falls by 7.96 points" in found.why
    assert "the test error rises by 4.99 points (4.86 to 5.12)" in found.why


def test_both_falling_reproduces_and_pytorch_says_whether_it_agrees(quick: Lab, tmp_path: Path) -> None:
    apart = {"standard": {"train": [17.0, 17.1], "test": [22.0, 22.1], "ten_views": [20.0, 20.11]},
             "no-dropout": {"train": [4.0, 4.2], "test": [25.0, 25.11]},
             "one-tower": {"test": [24.0, 24.11]}, "no-lrn": {"test": [21.0, 22.9]}}  # fmt: skip
    lab = edited(quick, tmp_path, apart)
    words = ("dropout", "two towers", "normalisation", "ten views")
    assert [one(lab, word).verdict for word in words] == ["reproduced", "reproduced", "inconclusive", "reproduced"]
    assert one(lab, "ten views").finding.witness == "PyTorch under other seeds (2): the same verdict"


def test_an_arm_at_the_end_of_its_rates_does_not_lose(quick: Lab, tmp_path: Path) -> None:
    lab = edited(quick, tmp_path, {"standard": {"test": [22.0, 22.1]}, "no-lrn": {"test": [25.0, 25.11]}})
    assert one(lab, "normalisation").verdict == "reproduced"
    rates = lab.results("rates")
    rates["errors"]["no-lrn"] = {"0.01": 3.0, "0.02": 2.0, "0.04": 1.0}
    (tmp_path / "rates.json").write_text(json.dumps(rates), encoding="utf-8")
    assert "took the highest of its rates" in one(lab, "normalisation").finding.held_back


def test_the_readme_says_how_long_networks_train() -> None:
    items, batch, epochs = experiment.ITEMS, experiment.BATCH, experiment.EPOCHS
    said = f"{items:,} images, {epochs} passes in batches of {batch}, {epochs * -(-items // batch):,} updates"
    assert said in (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    assert epochs == 4 * experiment.RATE_EPOCHS


# ---- pages -----------------------------------------------------------------------------------------------------------
def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = verdicts.claims(quick)
    assert len(found) == 11
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"speed", "arms", "kernels"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    assert "| one-tower |" in claims.fill(readme, claims.blocks(PAPER, quick))


def test_the_sentences_numbers_are_in_the_results(quick: Lab, tmp_path: Path) -> None:
    curves = {"paper": {"relu": [[40.0, 24.0]] * 2, "tanh": [[90.0]] * 2},
              "tuned": {"relu": [[20.0]] * 2, "tanh": [[30.0, 30.0, 20.0]] * 2}}  # fmt: skip
    lab = edited(quick, tmp_path, {"no-dropout": {"train": [1.0, 2.0], "test": [90.0, 91.0]}}, curves)
    said = pages.of_speed(lab)
    assert "relu after 20, 20; tanh after over 40, over 40. Right" in said
    assert "relu after 10, 10; tanh after 30, 30." in said
    means = {arm: np.mean([run["history"][-1]["test"] for run in lab.runs("arms", arm=arm)]) for arm in experiment.ARMS}
    assert re.findall(r"([\d.]+) %", pages.of_arms(lab)) == [f"{min(means.values()):.2f}", f"{means['standard']:.2f}"]
    assert "furthest for no-dropout, 89.00 points" in pages.of_arms(lab)


def test_pictures_put_0_at_grey_and_the_largest_weight_at_an_end() -> None:
    found = experiment.picture(np.array([[[[0.0, -2.0], [1.0, 0.5]]]]))
    assert found["shape"] == [1, 1, 2, 2]
    assert found["pixels"] == "gAHAoA=="  # 128, 1, 192, 160
    assert pages.pixels(found).tolist() == [[[128, 1], [192, 160]]]


def test_smooth_kernels_correlate_and_noise_does_not() -> None:
    ramp = np.tile(np.arange(28, 228, 40), (3, 5, 1))
    assert pages.smoothness(ramp) == pytest.approx(1.0)
    noise = np.random.default_rng(0).integers(1, 255, (500, 5, 5))
    assert abs(pages.smoothness(noise)) < 0.05
