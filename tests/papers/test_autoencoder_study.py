"""The study of the autoencoders: its splits, its arms, and how results become verdicts and sentences."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.autoencoder import data
from papers.autoencoder.config import VARIANTS
from papers.autoencoder.study import arms, experiment, pages, verdicts
from papers.autoencoder.study.arms import ARMS
from tinygrad_lab.data import load_images
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import ahead, claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.study import SWEEP_SEED, Claim, Verdict

PAPER = registry.find("autoencoder")
CONFIG = replace(VARIANTS["deep"]["paper"], dataset="digits")
PRETRAINED = ("deep-30", "very-deep")

# ---- splits and arms -------------------------------------------------------------------------------------------------


def test_a_validation_split_is_what_is_left_of_the_training_images() -> None:
    config = replace(CONFIG, train_items=1000, seed=3)
    whole = load_images("digits", "train")
    kept, held = (data.dataset(config, split) for split in ("train", "validation"))
    assert (len(kept), len(held)) == (1000, 500)
    rows = np.concatenate([kept.images, held.images]).reshape(1500, -1)
    np.testing.assert_array_equal(np.sort(rows.sum(axis=1)), np.sort(whole.images.reshape(1500, -1).sum(axis=1)))
    np.testing.assert_array_equal(data.dataset(config, "test").images, load_images("digits", "test").images)
    assert (data.dataset(replace(config, seed=4), "train").labels != kept.labels).any()


def test_without_train_items_there_is_all_to_train_on_and_nothing_to_validate() -> None:
    np.testing.assert_array_equal(data.dataset(CONFIG, "train").images, load_images("digits", "train").images)
    for wrong in (CONFIG, replace(CONFIG, train_items=1500), replace(CONFIG, train_items=1501)):
        with pytest.raises(ValueError, match="train_items must be below the 1500 images"):
            data.dataset(wrong, "validation")
    with pytest.raises(ValueError, match="train_items must be at least 0"):
        replace(CONFIG, train_items=-1)


def test_no_more_than_held_out_images_validate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "HELD_OUT", 7)
    assert len(data.dataset(replace(CONFIG, train_items=100), "validation")) == 7


def test_few_images_are_the_first_of_the_many_and_none_of_those_held_out() -> None:
    many, few = (data.dataset(replace(CONFIG, train_items=items), "train").images for items in (1000, 300))
    np.testing.assert_array_equal(few, many[:300])


def test_what_is_compared_differs_in_one_thing() -> None:
    def changed(one: str, other: str) -> set[str]:
        ours, theirs = (asdict(ARMS[arm]) for arm in (one, other))
        found = {name for name in ours["config"] if ours["config"][name] != theirs["config"][name]}
        return found | {name for name in ("rate_passes", "pretraining") if ours[name] != theirs[name]}

    for arm in PRETRAINED:
        assert changed(arm, f"{arm}-untrained") == changed(arm, f"{arm}-scaled") == {"pretraining"}
    assert changed("denoising", "plain") == {"corruption"}
    assert changed("vae-20", "vae-100") == {"code_size"}


def test_networks_have_the_papers_layers() -> None:
    assert ARMS["deep-30"].sizes == (784, 1000, 500, 250, 30)
    assert ARMS["very-deep"].sizes == (784, 400, 200, 100, 50, 25, 6)
    assert all(len(arm.pretraining) in (0, len(arm.sizes) - 1) for arm in ARMS.values())


def test_every_pretrained_arm_is_in_one_stack_and_no_other_is() -> None:
    stacked = [arm for stack in experiment.STACKS for arm in stack]
    assert sorted(stacked) == sorted(name for name, arm in ARMS.items() if arm.pretraining)


# ---- results, verdicts, sentences ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All of it with two seeds, one after the other, on a few digits and with narrow networks."""
    narrow = {"deep-30": (24, 16, 12), "very-deep": (24, 20, 16, 12, 8)}
    with pytest.MonkeyPatch.context() as patch:
        for name, arm in ARMS.items():
            hidden = next((sizes for start, sizes in narrow.items() if name.startswith(start)), (24, 16, 12))
            hidden = (16,) if arm.config.variant == "vae" else hidden
            patch.setitem(ARMS, name, replace(arm, config=replace(arm.config, hidden=hidden)))
        patch.setattr(arms, "QUICK_IMAGES", 200)
        patch.setattr(ahead, "cores", lambda: 1)
        patch.setattr(experiment.probes, "tsne", lambda images: images.reshape(len(images), -1)[:, 300:302])
        lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


def changed(lab: Lab, folder: Path, found: dict[str, list[float]], *path: str) -> Lab:
    """The quick results, but with these numbers on both sides, and with rates that are bracketed."""
    path = path or ("metrics", "squared_error")
    for file in lab.folder.glob("*.json"):
        results = json.loads(file.read_text(encoding="utf-8"))
        for side in ("numpy", "torch") if file.stem in found else ():
            runs = [run for run in results["runs"] if run["side"] == side]
            for run, value in zip(runs, found[file.stem], strict=False):
                place = run
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = value
        if file.stem == "rates":
            results["errors"] = {arm: {"0.001": 2.0, "0.002": 1.0, "0.004": 2.0} for arm in results["errors"]}
        (folder / file.name).write_text(json.dumps(results), encoding="utf-8")
    return Lab(PAPER, None, True, folder)


def by_statement(lab: Lab, start: str) -> Claim:
    return next(claim for claim in verdicts.claims(lab) if claim.statement.startswith(start))


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = verdicts.claims(quick)
    assert len(found) == 13
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {
        "pretraining", "reconstructions", "maps", "denoising", "bounds", "samples", "losses"
    }  # fmt: skip
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| 784-400-200-100-50-25-6 | pretrained |" in filled
    assert filled.count("study/results/") >= 7


def test_every_arm_has_its_own_rates_on_validation_data(quick: Lab) -> None:
    errors = quick.results("rates")["errors"]
    assert set(errors) == set(ARMS)
    assert all(len(scores) == len(arms.RATES) for scores in errors.values())
    for arm, scores in errors.items():
        taken = quick.runs(arm)[0]["config"]["learning_rate"]
        assert scores[f"{taken:g}"] == min(scores.values())
    findings = [claim.finding for claim in verdicts.claims(quick)]
    assert {f.rates for f in findings if f.kind not in ("not run", "counted")} == {"validation"}


def test_pytorch_has_seeds_that_no_other_run_has(quick: Lab) -> None:
    for arm in ARMS:
        ours, theirs = ({run["seed"] for run in quick.runs(arm, side)} for side in ("numpy", "torch"))
        assert ours == {0, 1}
        assert theirs == ({0} if arm in arms.BESIDE else {1000, 1001} if arm in arms.WITNESSED else set())
        assert not {1000, 1001, SWEEP_SEED} & ours


def test_both_sides_start_from_the_same_pretrained_weights(quick: Lab) -> None:
    ours, theirs = (pages.beside(quick, "deep-30", side)["losses"] for side in ("numpy", "torch"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)


def test_pretraining_is_decided_and_confirmed(quick: Lab, tmp_path: Path) -> None:
    lab = changed(quick, tmp_path, {"very-deep": [30.0, 30.01], "very-deep-scaled": [50.0, 50.03]})
    claim = by_statement(lab, "pretraining leaves the very deep")
    assert claim.verdict == "reproduced"
    assert "pretrained 20.01 less" in claim.why
    assert claim.finding.witness == "PyTorch under other seeds (2): the same verdict"
    assert claim.numpy.startswith("50.0")
    assert claim.numpy == claim.torch
    opposite = changed(quick, tmp_path, {"very-deep": [50.0, 50.01], "very-deep-scaled": [30.0, 30.02]})
    assert by_statement(opposite, "pretraining leaves the very deep").verdict == "refuted"


@pytest.mark.parametrize("better", ["scaled", "untrained"])
def test_pretraining_is_judged_against_the_better_start_without_it(quick: Lab, tmp_path: Path, better: str) -> None:
    """The better one on validation images, whatever both have on test images."""
    worse = {"scaled": "untrained", "untrained": "scaled"}[better]
    found = {"deep-30": [30.0, 30.01], f"deep-30-{better}": [20.0, 20.02], f"deep-30-{worse}": [50.0, 50.03]}
    lab = changed(quick, tmp_path, found)
    scores = lab.results("rates")
    scores["errors"][f"deep-30-{worse}"] = {"0.001": 4.0, "0.002": 3.0, "0.004": 4.0}
    (tmp_path / "rates.json").write_text(json.dumps(scores), encoding="utf-8")
    claim = by_statement(lab, "pretraining leaves the deep")
    assert (claim.verdict, claim.ran.startswith(f"deep-30 and deep-30-{better}: ")) == ("refuted", True)


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "inconclusive"), (0.8, "refuted")])
def test_what_more_updates_could_do_is_no_verdict(quick: Lab, tmp_path: Path, share: float, verdict: str) -> None:
    error = share * quick.results("baselines")["mean image"]
    lab = changed(quick, tmp_path, {"very-deep-untrained": [error, error + 1e-6]})
    finding = by_statement(lab, "without pretraining").finding
    assert finding.verdict == verdict
    assert ("longer" in finding.held_back) == (share == 1.0)


def test_so_little_training_refutes_no_number(quick: Lab, tmp_path: Path) -> None:
    worse = by_statement(changed(quick, tmp_path, {"deep-30": [6.0, 6.01]}), "the deep autoencoder with a code of 30")
    assert (worse.verdict, worse.finding.held_back) == ("inconclusive", verdicts.SHORT)
    better = changed(quick, tmp_path, {"deep-30": [2.0, 2.0001]})
    assert by_statement(better, "the deep autoencoder with a code of 30").verdict == "reproduced"


@pytest.mark.parametrize(("size", "verdict"), [(2, "reproduced"), (30, "reproduced")])
def test_pca_is_beaten_where_the_error_is_below_it(quick: Lab, tmp_path: Path, size: int, verdict: str) -> None:
    error = quick.results("baselines")[f"pca-{size}"]["test"]
    lab = changed(quick, tmp_path, {f"deep-{size}": [error - 0.1, error - 0.1001]})
    assert by_statement(lab, f"the deep autoencoder keeps more than PCA in a code of {size}").verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.001, "reproduced"), (1.5, "refuted"), (0.9, "refuted")])
def test_a_linear_network_lies_between_pca_and_a_little_more(
    quick: Lab, tmp_path: Path, factor: float, verdict: str
) -> None:
    best = quick.results("baselines")["pca-30"]["train"]
    lab = changed(quick, tmp_path, {"linear-30": [factor * best] * 2}, "train_metrics", "squared_error")
    assert by_statement(lab, "a linear autoencoder with a code of 30").verdict == verdict


def test_noise_in_training_is_judged_on_damaged_images(quick: Lab, tmp_path: Path) -> None:
    lab = changed(quick, tmp_path, {"denoising": [9.0, 9.01], "plain": [14.0, 14.02]}, "damaged")
    claim = by_statement(lab, "trained on images with 25%")
    assert claim.verdict == "reproduced"
    assert claim.finding.witness.endswith("the same verdict")


@pytest.mark.parametrize(("train", "few", "many", "verdict"), [
    (100.0, 110.0, 110.5, "reproduced"),  # overfits, and five times the code changes nothing
    (100.0, 110.0, 120.0, "refuted"),  # five times the code has a worse bound
    (115.0, 110.0, 110.5, "inconclusive"),  # nothing overfits
])  # fmt: skip
def test_superfluous_latents(quick: Lab, tmp_path: Path, train: float, few: float, many: float, verdict: str) -> None:
    known = {arm: [train, train + 0.01] for arm in pages.VARIATIONAL}
    lab = changed(quick, tmp_path, known, "train bound", "loss")
    lab = changed(lab, tmp_path, {"vae-20": [few, few + 0.02], "vae-100": [many, many + 0.03]}, "test bound", "loss")
    assert by_statement(lab, "superfluous latent").verdict == verdict


def test_the_sentences_numbers_are_in_the_results(quick: Lab) -> None:
    """Recomputed from the files by hand."""

    def looks(arm: str, look: int) -> float:
        values = [run["history"][look]["held out"] for run in quick.results(arm)["runs"] if run["side"] == "numpy"]
        return sum(values) / len(values)

    said = re.findall(r"(very-deep-untrained) ([\d.]+) and ([\d.]+)", pages.of_pretraining(quick))
    arm = "very-deep-untrained"
    assert said == [(arm, f"{looks(arm, 0):.1f}", f"{looks(arm, -1):.1f}")]
    assert f"vae-20 {looks('vae-20', 0):.1f} nats after update 2" in pages.of_bounds(quick)
    damaged = [np.mean([run["damaged"] for run in quick.runs(arm)]) for arm in ("denoising", "plain")]
    assert re.findall(r"[\d.]+\d", pages.of_denoising(quick)) == [f"{value:.1f}" for value in damaged]
    right = np.mean([run["neighbours"] for run in quick.runs("deep-2")])
    assert f"{right:.1f} % have the right class" in pages.of_maps(quick)
    assert f"PCA, 30: {quick.results('baselines')['pca-30']['test']:.1f}" in pages.of_reconstructions(quick)
    untuned = re.findall(r"(\w+, \d+): [\d.]+ \(one run at an untuned rate\)", pages.of_reconstructions(quick))
    assert untuned == ["conv, 30"]


def test_the_rate_that_was_taken_is_bold() -> None:
    assert pages.scored({"0.001": 3.0, "0.002": 1.5, "0.004": 2.0}) == "0.001: 3.00, **0.002: 1.50**, 0.004: 2.00"
