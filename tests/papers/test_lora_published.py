"""LoRA and full fine-tuning of a published model, on one so small that nothing has to be installed or downloaded."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from papers.lora.model import trainable
from papers.lora.study import experiment, findings, pages, published, published_claims
from papers.lora.study.arms import PUBLISHED
from papers.lora.study.published import Subject, adapted, recipe_of, start
from papers.lora.study.published_claims import LORA, ON_PAR, SUFFICES
from papers.lora.weights.smollm2 import Recipe, held_out_loss, training_batches
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import ahead
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.study import SWEEP_SEED, Arrays, Claim

PAPER = registry.find("lora")
SUBJECT = published.stand_in("To be, or not to be, that is the question. " * 60)
EARLIER = ("full", "r = 8")  # the arms that are looked at one by one


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "cores", lambda: 1)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The results of two seeds on the stand-in."""
    lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "cores", lambda: 1)
        published.measure(lab, SUBJECT)
    return lab


# ---- what is run -----------------------------------------------------------------------------------------------------
def test_the_three_parts_of_the_text_are_all_of_it_and_share_nothing() -> None:
    numbered = replace(SUBJECT, tokens=np.arange(1003))
    parts = [numbered.part(split) for split in ("train", "validation", "test")]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(1003))
    assert [len(part) for part in parts] == [802, 101, 100]


def test_arms_share_everything_but_rank_and_rate() -> None:
    plain = asdict(recipe_of("full", 0.1, 20, 3))
    for arm in PUBLISHED:
        assert {name for name, value in asdict(recipe_of(arm, 0.2, 20, 3)).items() if plain[name] != value} <= {
            "rank",
            "learning_rate",
        }
    tokens = SUBJECT.part("train")
    drawn = [[b["tokens"].numpy() for b in training_batches(tokens, recipe_of(arm, 0.1, 3, 5))] for arm in EARLIER]
    np.testing.assert_array_equal(drawn[0], drawn[1])


def test_alpha_is_that_of_the_studys_other_arms() -> None:
    others = {experiment.configuration(arm, 0.1, False).alpha for arm in LORA}
    assert {recipe_of(arm, 0.1, 20, 0).alpha for arm in LORA} == others


def test_all_arms_start_from_the_published_model() -> None:
    tokens, recipe = SUBJECT.part("test"), recipe_of("r = 8", 0.1, 4, 0)
    losses = [held_out_loss(start(SUBJECT, arm, recipe), tokens, recipe) for arm in EARLIER]
    assert losses == pytest.approx([held_out_loss(SUBJECT.build(), tokens, recipe)] * 2, rel=1e-6)


@pytest.mark.parametrize("arm", EARLIER)
def test_full_fine_tuning_moves_every_weight_and_lora_its_adapters_alone(
    arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(arm, 0.01, 2, 0)
    model = start(SUBJECT, arm, recipe)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    monkeypatch.setattr(published, "start", lambda *_: model)
    found = adapted(SUBJECT, arm, recipe, "test")
    moved = {name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])}
    assert moved == set(trainable(model))
    assert (moved == set(before)) == (arm == "full")
    assert all(("lora_" in name) == (arm != "full") for name in moved)
    assert int(found["trained"]) == sum(before[name].size for name in moved)


@pytest.mark.parametrize("arm", EARLIER)
def test_a_run_learns_from_the_first_part_of_the_text_alone(arm: str) -> None:
    recipe = recipe_of(arm, 0.01, 3, 0)
    other = SUBJECT.tokens.copy()
    other[len(SUBJECT.part("train")) :] = 1
    runs = [adapted(replace(SUBJECT, tokens=tokens), arm, recipe, "test") for tokens in (SUBJECT.tokens, other)]
    np.testing.assert_array_equal(runs[0]["losses"], runs[1]["losses"])
    assert runs[0]["loss"] != runs[1]["loss"]


# ---- rates and runs --------------------------------------------------------------------------------------------------
def test_rates_are_tried_on_validation_text_with_a_seed_and_updates_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, str]] = []

    def noted(lab: Lab, subject: Subject, arm: str, recipe: Recipe, split: str) -> Arrays:
        asked.append((recipe.seed, recipe.steps, split))
        return {"loss": np.array(abs(np.log(recipe.learning_rate / 0.1)))}

    monkeypatch.setattr(published, "kept", noted)
    rates = published.rate_losses(Lab(PAPER, None, False, tmp_path), SUBJECT, "r = 8")
    assert set(asked) == {(SWEEP_SEED, SUBJECT.updates // 2, "validation")}
    assert list(rates) == ["0.001", "0.004", "0.016", "0.064", "0.26"]  # until the best, 0.064, is inside


def test_every_run_has_the_best_rate_of_its_arm(quick: Lab) -> None:
    found = quick.results("published")
    assert set(found["rates"]) == set(found["runs"]) == set(PUBLISHED)
    for arm, losses in found["rates"].items():
        rate = f"{findings.rate(quick, arm, 'published'):g}"
        assert losses[rate] == min(losses.values())
        assert [run["seed"] for run in found["runs"][arm]] == [0, 1]


def test_runs_are_the_same_after_a_kill(quick: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle, and made again: what was kept is taken over, and nothing differs but times."""
    left = 25  # of 18 runs for rates and 12 that are judged

    def until_killed(*given: Any) -> Arrays:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return adapted(*given)

    lab = Lab(PAPER, None, True, tmp_path)
    monkeypatch.setattr(published, "adapted", until_killed)
    with pytest.raises(KeyboardInterrupt):
        published.measure(lab, SUBJECT)
    assert not lab.has("published")
    left = 5
    published.measure(lab, SUBJECT)
    assert left == 0
    assert without_seconds(lab) == without_seconds(quick)


def without_seconds(lab: Lab) -> dict[str, Any]:
    found = lab.results("published")
    for runs in found["runs"].values():
        for run in runs:
            del run["seconds"]
    return found


def test_without_the_package_the_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Subject:
        raise ValueError("smollm2 comes with a package that is not installed")

    lab = Lab(PAPER, None, False, tmp_path)
    monkeypatch.setattr(published, "smollm2", missing)
    experiment.measure_published(lab)
    assert "SmolLM2 is left out: smollm2 comes with" in (tmp_path / "log.txt").read_text(encoding="utf-8")
    rows = published_claims.claims(lab)
    assert {(row.verdict, row.finding.kind, "half an hour" in row.why) for row in rows} == {
        ("inconclusive", "not run", True)
    }


def test_the_rows_are_the_same_ones_whether_or_not_they_were_run(quick: Lab, tmp_path: Path) -> None:
    run, left_out = (published_claims.claims(lab) for lab in (quick, Lab(PAPER, None, False, tmp_path)))
    assert [(row.statement, row.source) for row in run] == [(row.statement, row.source) for row in left_out]


# ---- verdicts --------------------------------------------------------------------------------------------------------
def with_losses(
    quick: Lab, folder: Path, changed: dict[str, float], base: float = 4.0, lowest: str = ""
) -> dict[str, Claim]:
    """The rows where all arms have losses around 3.5, but for those changed; rates bracketed, but for one arm's."""
    found = quick.results("published")
    for arm in PUBLISHED:
        first, _ = found["runs"][arm]
        losses = changed.get(arm, 3.5) + 0.001 * np.arange(5) + 0.0001 * np.arange(5) ** 2 * (arm == "full")
        found["runs"][arm] = [first | {"metrics": {"loss": loss}} for loss in losses]
        found["rates"][arm] = {"0.1": 1.0, "0.2": 2.0} if arm == lowest else {"0.1": 2.0, "0.2": 1.0, "0.4": 2.0}
    found["base"]["loss"] = base
    (folder / "published.json").write_text(json.dumps(found), encoding="utf-8")
    return {claim.statement: claim for claim in published_claims.claims(Lab(PAPER, None, False, folder))}


def test_ranks_near_full_fine_tuning_are_on_par_and_near_one_another(quick: Lab, tmp_path: Path) -> None:
    found = with_losses(quick, tmp_path, {"r = 1": 3.53, "r = 64": 3.4})
    assert (found[ON_PAR].verdict, found[ON_PAR].finding.rates) == ("reproduced", "validation")
    assert len(found[ON_PAR].finding.parts) == 5
    assert found[SUFFICES].finding.held_back == published_claims.FEW  # 0.13 nats are more than the margin
    assert with_losses(quick, tmp_path, {"r = 1": 3.53})[SUFFICES].verdict == "reproduced"


@pytest.mark.parametrize("arm", LORA)
def test_one_rank_that_falls_behind_is_enough_and_more_updates_could_help_it(
    quick: Lab, tmp_path: Path, arm: str
) -> None:
    row = with_losses(quick, tmp_path, {arm: 3.6})[ON_PAR]
    assert (row.verdict, row.finding.held_back) == ("inconclusive", published_claims.FEW)
    assert f"{arm}: 0.099 ± " in row.why


def test_nobody_is_on_par_with_what_has_learned_nothing(quick: Lab, tmp_path: Path) -> None:
    rows = with_losses(quick, tmp_path, {}, base=3.6)
    assert {rows[name].verdict for name in (ON_PAR, SUFFICES)} == {"inconclusive"}
    assert rows[ON_PAR].finding.held_back.startswith("full gained only 0.09")
    assert rows[SUFFICES].finding.held_back.startswith("r = 64 gained only 0.09")


def test_full_fine_tuning_without_its_best_rate_is_no_measure(quick: Lab, tmp_path: Path) -> None:
    rows = with_losses(quick, tmp_path, {}, lowest="full")
    assert rows[ON_PAR].verdict == "inconclusive"
    assert "full took the lowest of its rates" in rows[ON_PAR].finding.held_back
    assert rows[SUFFICES].verdict == "reproduced"


def test_directions_are_judged_as_those_of_the_decoder_are(quick: Lab, tmp_path: Path) -> None:
    rows = [claim for name, claim in with_losses(quick, tmp_path, {}).items() if "adapters of r = 8" in name]
    assert [claim.finding.kind for claim in rows] == ["all of", "all of"]
    assert rows[0].finding.verdict == "inconclusive"  # after four updates A is near its random start
    found = json.loads((tmp_path / "published.json").read_text(encoding="utf-8"))
    found["overlaps"]["trained"] = {name: [[[0.9] * 8] * 8, [[0.91] * 8] * 8] for name in ("q_proj", "v_proj")}
    (tmp_path / "published.json").write_text(json.dumps(found), encoding="utf-8")
    again = published_claims.claims(Lab(PAPER, None, False, tmp_path))[3:]
    assert [claim.verdict for claim in again] == ["reproduced", "reproduced"]


def test_the_sentences_numbers_are_in_the_results(quick: Lab) -> None:
    found = quick.results("published")
    means = [np.mean([run["metrics"]["loss"] for run in found["runs"][arm]]) for arm in PUBLISHED]
    said = re.findall(r"\d\.\d{3}", pages.of_published(quick))
    assert said == [f"{number:.3f}" for number in (found["base"]["loss"], *means)]
