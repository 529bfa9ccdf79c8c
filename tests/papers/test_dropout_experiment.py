"""The experiments run, save, judge and draw; what is tuned, confirmed and counted is what the words say."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.dropout import data
from papers.dropout.config import VARIANTS
from papers.dropout.model import build
from papers.dropout.study import experiment, features, settings, verdicts
from papers.dropout.train import max_norm_
from tinygrad_lab import Tensor
from tinygrad_lab.data import load_images
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import Finding, Verdict

PAPER = registry.find("dropout")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One seed, on the embedded digits in the place of MNIST: they are always there, and quickly."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load_images", lambda _, split: load_images("digits", split))
        patch.setattr(experiment, "available", lambda _: True)
        experiment.measure(lab)
    return lab


def findings(lab: Lab) -> list[Finding]:
    return [claim.finding for claim in claims.part(PAPER, "verdicts").claims(lab)]


# ---- the whole of it, at a token size --------------------------------------------------------------------------------


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 10
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    drawn = {path.stem for path in quick.folder.glob("*.png")}
    assert drawn == {"blobs", "errors", "monte_carlo", "pictures", "sizes", "sparsity"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert [name for name in drawn if f"](study/results/{name}.png)\n\n" not in filled] == []
    assert "| dropout, 10,000 images |" in filled


def test_the_numbers_below_a_picture_are_in_the_results(quick: Lab) -> None:
    said = verdicts.tables(quick)["pictures"]
    assert f"with dropout {quick.spread('dropout', 'train_metrics', 'loss').mean:.4f}" in said
    one = quick.results("monte_carlo")["errors"][0][0]
    assert f"One thinned network has {one:.2f} % errors" in said
    for arm in ("standard", "dropout"):
        assert f"{100 * quick.results('features')['runs'][arm][0]['dead']:.0f} % with" in said


def test_pytorch_confirms_under_seeds_of_its_own(quick: Lab) -> None:
    for name in (*settings.PAIR, "blobs"):
        ours, theirs = ({run["seed"] for run in quick.runs(name, side)} for side in ("numpy", "torch"))
        assert ours == {0}
        assert theirs == {settings.CONFIRMING}
    assert sum(bool(finding.witness) for finding in findings(quick)) == 3


def test_every_arm_is_tuned_on_images_that_are_held_out(quick: Lab) -> None:
    tried = quick.results("rates")["errors"]
    assert set(tried) == {settings.name_of(arm, items) for arm, items in settings.TRAINED}
    assert all(len(scores) >= 2 for scores in tried.values())
    compared = [finding for finding in findings(quick) if finding.kind not in ("not run", "all of")]
    assert {finding.rates for finding in compared} == {"validation"}


def test_without_mnist_there_are_the_blobs(quick: Lab, tmp_path: Path) -> None:
    alone = Lab(PAPER, 1, True, tmp_path)
    (tmp_path / "blobs.json").write_bytes((quick.folder / "blobs.json").read_bytes())
    assert len(findings(alone)) == 1
    claims.part(PAPER, "figures").figures(alone)
    assert [path.stem for path in tmp_path.glob("*.png")] == ["blobs"]


# ---- what is trained -------------------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_called_for() -> None:
    base = settings.mnist_config("dropout", settings.ITEMS, 0.03, 5, False)
    changed = {
        "standard": {"variant": "standard", "drop_input": 0.0, "drop_hidden": 0.0},
        "gaussian": {"variant": "gaussian"},
        "max-norm": {"variant": "max-norm", "max_norm": 2.0},
        "max-norm, c = 3": {"variant": "max-norm", "max_norm": 3.0},
    }
    for arm, changes in changed.items():
        assert settings.mnist_config(arm, settings.ITEMS, 0.03, 5, False) == replace(base, **changes)


def test_few_images_are_seen_in_a_thousand_updates() -> None:
    for items in (100, 1000):
        assert experiment.updates(settings.mnist_config("dropout", items, 0.03, 0, False)) == 1000


def test_seeds_of_sweeps_runs_and_confirmations_are_disjoint() -> None:
    judged = set(range(max(settings.SEEDS, settings.BLOB_SEEDS)))
    confirming = set(range(settings.CONFIRMING, settings.CONFIRMING + max(settings.FEWER, settings.BLOB_SEEDS)))
    kinds = [judged, set(settings.BLOB_SWEEP), confirming]
    assert len(set.union(*kinds)) == sum(map(len, kinds))


def test_rates_go_up() -> None:
    for grid in (settings.RATES, settings.FEATURE_RATES, settings.BLOB_RATES):
        assert all(low < high for low, high in pairwise(grid))


def test_blobs_of_every_split_are_others_and_rates_are_judged_on_many() -> None:
    config = settings.blob_config("dropout", 0.01, 3)
    splits = {split: data.blobs(config, split).images for split in ("train", "validation", "test")}
    assert {split: len(points) for split, points in splits.items()} == {
        "train": 100,
        "validation": data.BLOB_TEST_POINTS,
        "test": data.BLOB_TEST_POINTS,
    }
    shown = [{tuple(point.ravel()) for point in points} for points in splits.values()]
    assert len(set.union(*shown)) == sum(map(len, shown))


# ---- what is counted -------------------------------------------------------------------------------------------------


def test_rows_at_the_bound_are_counted_as_percent_of_all_units() -> None:
    config = replace(VARIANTS["max-norm"]["tiny"], max_norm=0.5)
    model = build(config, generator(0))
    state = model.state_dict()
    for name in ("hidden.0.weight", "hidden.1.weight"):
        weight = np.full_like(state[name], 1e-4)
        weight[:3] = 7.0
        state[name] = weight
    model.load_state_dict(state)
    free = experiment.rows(model, 0.0)
    assert free["rows_at_bound"] == 0
    assert free["longest_row"] == pytest.approx(7 * 64**0.5)
    for name, parameter in model.named_parameters():
        if name in ("hidden.0.weight", "hidden.1.weight"):
            max_norm_(parameter, 0.5)
    held = experiment.rows(model, 0.5)
    assert held["longest_row"] == pytest.approx(0.5)
    assert held["rows_at_bound"] == pytest.approx(100 * 6 / 22)


def test_dead_units_are_counted_and_not_taken_for_sparse_ones() -> None:
    hidden = np.zeros((2000, 4))
    hidden[:, 0] = 2.0  # always on
    hidden[:500, 1] = 1.0  # on for a quarter
    hidden[0, 2] = 9.0  # for one image in 2,000: as good as dead
    found = features.describe(hidden)
    assert found["dead"] == 0.5
    assert found["zeros"] == pytest.approx(0.375)
    assert found["mean"] == pytest.approx((2.0 + 0.25) / 2)
    assert sum(found["activations"]) == 4000


def test_an_autoencoder_ends_where_it_is_good_enough() -> None:
    config = replace(VARIANTS["standard"]["tiny"], hidden=(12,), classes=64, learning_rate=0.01, epochs=2)
    batches = data.training_batches(config, generator(0))
    held_out = Tensor(data.dataset(config, "test").images.reshape(-1, 64))
    lab, images = Lab(PAPER, 1, True, Path("unused")), features.Images(batches, held_out, held_out)
    errors = [
        features.squared_error(features.trained(lab, images, config, 0, enough), held_out) for enough in (0.0, 4.0)
    ]
    assert errors[0] < 0.9 * errors[1]
    assert 3.0 < errors[1] <= 4.0


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_a_rate_that_was_not_tried_has_no_cell_and_the_best_is_bold() -> None:
    scores, held = {"0.01": 5.0, "0.1": 4.0}, {"0.01": 0.0, "0.1": 24.4}
    cells = [verdicts._rate_cell(scores, held, rate) for rate in ("0.01", "0.03", "0.1")]
    assert cells == ["5.00 % (0 % held)", "-", "**4.00 %** (24 % held)"]


def test_only_arms_with_a_bound_say_what_it_holds(quick: Lab) -> None:
    shown = verdicts.tables(quick)["rates"].splitlines()
    bounded = [line for line in shown if "held)" in line]
    assert [line.split(" |")[0] for line in bounded] == [
        "| max-norm, 10,000 images",
        "| max-norm, c = 3, 10,000 images",
    ]


def test_what_only_takes_long_is_not_out_of_reach(quick: Lab) -> None:
    level = next(
        claim for claim in verdicts.claims(quick) if "1.06 % on MNIST" in claim.statement and claim.ran == "not run"
    )
    assert level.verdict == "inconclusive"
    assert level.why.startswith("left out for the time that it takes")
