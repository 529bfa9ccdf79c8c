"""The experiments of LoRA run, save, judge and draw; what is compared is comparable, what is measured is as it says."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from papers.lora.config import VARIANTS
from papers.lora.model import build, trainable
from papers.lora.study import arms, changes, costs, experiment, findings, pages, times, verdicts
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import ahead, claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Claim, Verdict

PAPER = registry.find("lora")
DEFAULT = arms.DEFAULT


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Everything at a token size, two seeds; the pretrained decoder is kept in a folder of its own."""
    lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        patch.setattr(ahead, "cores", lambda: 1)
        experiment.measure(lab)
        yield lab


# ---- what is run -----------------------------------------------------------------------------------------------------
def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 20
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {
        "methods",
        "arms",
        "spectra",
        "subspaces",
        "published",
    }
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| full fine-tuning |" in filled
    assert "(study/results/subspaces.png)" in filled


def test_every_run_starts_from_the_base_and_gets_better(quick: Lab) -> None:
    first = quick.runs("arms", arm="full")[0]["losses"][0]
    for arm in arms.ARMS:
        run = quick.runs("arms", arm=arm)[0]
        assert run["config"]["base"] == experiment.base_path(True)
        assert run["losses"][0] == pytest.approx(first, rel=1e-5)
        assert findings.loss(quick, arm).mean < findings.base_loss(quick)
        assert arm not in arms.FORGETTING or run["metrics"]["loss"] < findings.base_loss(quick)


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    config = experiment.configuration(DEFAULT, 0.01, True)
    ours, theirs = (quick.train(config, 0, side, "both", at_end=("test",)) for side in ("numpy", "torch"))
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-4)
    assert ours.metrics["loss"] == pytest.approx(theirs.metrics["loss"], rel=1e-4)


def test_every_arm_has_its_own_rates_on_validation_data(quick: Lab) -> None:
    tried = quick.results("rates")["losses"]
    assert set(tried) == set(arms.ARMS)
    for arm, losses in tried.items():
        assert [float(rate) for rate in losses] == list(experiment.RATES[arms.method(arm)])
        assert losses[f"{findings.rate(quick, arm):g}"] == min(losses.values())


def test_pytorch_has_seeds_that_no_other_run_has(quick: Lab) -> None:
    seeds = {
        side: {run["seed"] for arm in arms.ARMS for run in quick.runs("arms", side, arm)} for side in ("numpy", "torch")
    }
    assert seeds == {"numpy": {0, 1}, "torch": {1000, 1001}}
    assert SWEEP_SEED not in seeds["numpy"] | seeds["torch"]
    assert {arm for arm in arms.ARMS if quick.runs("arms", "torch", arm)} == set(arms.WITNESSED)


def test_arms_differ_in_what_is_trained_alone() -> None:
    plain = asdict(experiment.configuration(DEFAULT, 0.01, False))
    for arm in arms.ARMS:
        other = asdict(experiment.configuration(arm, 0.01, False))
        changed = {name for name, value in other.items() if plain[name] != value}
        assert changed <= {"variant", "method", "targets", "rank"}
        tried = asdict(experiment.tried(arm, 0.01, False))
        assert {name for name, value in tried.items() if other[name] != value} == {"windows"}


def test_costs_are_those_of_what_is_trained(quick: Lab) -> None:
    for arm, cost in quick.results("arms")["cost"].items():
        numbers = findings.trained(quick, arm)
        assert cost["optimizer"] == 8 * numbers
        assert 4 * numbers < cost["file"] < 4 * numbers + 8000  # names and checksums


def test_arms_of_a_comparison_train_about_as_many_numbers() -> None:
    def trained(changed: dict[str, Any]) -> int:
        config = replace(VARIANTS["lora"]["small"], **changed)
        return sum(p.numel() for p in trainable(build(config, generator(0))).values())

    counts = {arm: trained(arms.ARMS[arm]) for arm in pages.SETS}
    assert counts.pop("MLP") == 10_240
    assert set(counts.values()) == {8192}


def test_lora_has_less_than_a_hundredth_of_the_parameters() -> None:
    model = build(VARIANTS["lora"]["small"], generator(0))
    numbers = sum(p.numel() for p in trainable(model).values())
    assert numbers / (sum(p.numel() for p in model.parameters()) - numbers) < 0.01


# ---- what adaptation changes -----------------------------------------------------------------------------------------
def test_spectrum_of_a_change_of_low_rank() -> None:
    assert findings.spectrum_share({"q": [[3.0, 4.0, 0.0], [1.0, 0.0, 0.0]]}, "q", 1) == pytest.approx((9 / 25 + 1) / 2)
    assert findings.spectrum_share({"q": [[3.0, 4.0, 0.0]]}, "q", 2) == 1
    assert 0.1 < findings.random_share(128) < 0.3


def test_similarity_is_one_inside_a_subspace_and_zero_at_right_angles() -> None:
    axes = np.eye(6, dtype=np.float32)
    first, second = axes[:2] * [[3], [2]], axes[[1, 0, 4]] * [[3], [2], [1]]
    np.testing.assert_allclose(changes.similarity(first, second), [[0, 1, 1], [1, 1, 1]], atol=1e-12)
    np.testing.assert_allclose(changes.similarity(first, axes[3:]), np.zeros((2, 3)), atol=1e-12)


def test_similarity_is_as_defined() -> None:
    """Written out once more: the norm of a product of singular vectors, for some i and j."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((3, 12)), rng.standard_normal((5, 12))
    v, w = (np.linalg.svd(matrix)[2] for matrix in (first, second))
    for i, j in ((1, 1), (3, 2), (2, 5)):
        expected = np.linalg.norm(v[:i] @ w[:j].T) ** 2 / min(i, j)
        assert changes.similarity(first, second)[i - 1, j - 1] == pytest.approx(expected)


def test_random_directions_share_what_chance_has_it() -> None:
    """All of i directions and j of k: a share of j / k."""
    rng = np.random.default_rng(1)
    drawn = [changes.similarity(rng.standard_normal((8, 64)), rng.standard_normal((32, 64)))[7, 31] for _ in range(40)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.02)


def test_overlaps_have_a_seed_each_and_are_those_of_the_models(quick: Lab) -> None:
    found = quick.results("changes")["overlaps"]
    assert {np.shape(grids) for kind in found.values() for grids in kind.values()} == {(2, 8, 8)}
    config = experiment.configuration("r = 8", 0.01, True)
    one, other = (build(config, generator(seed)).state_dict() for seed in (3, 4))
    own = changes.overlaps([one, other], [other, one])["trained"]["q_proj"]
    np.testing.assert_allclose([np.diagonal(grid) for grid in own], np.ones((2, 8)), atol=1e-4)


def test_untrained_adapters_share_no_more_than_random_matrices() -> None:
    """Though under one seed the first layer's A of the smaller rank is a part of the larger one's."""
    small, large = (
        [build(replace(VARIANTS["lora"]["small"], rank=rank), generator(seed)) for seed in range(4)] for rank in (8, 64)
    )
    found = changes.overlaps(*([model.state_dict() for model in models] for models in (small, large)))
    for name in changes.LAYERS:
        shared, chance = (np.mean([grid[7][7] for grid in found[kind][name]]) for kind in ("trained", "random"))
        assert shared == pytest.approx(chance, abs=0.02)
    first = [model.blocks[0].attention.q_proj.lora_A.weight.numpy() for model in (small[0], large[0])]
    np.testing.assert_array_equal(first[0], first[1][:8])


# ---- times -----------------------------------------------------------------------------------------------------------
def test_calls_are_made_in_turns_and_the_first_round_is_not_counted() -> None:
    made: list[str] = []
    found = times.in_turns({name: partial(made.append, name) for name in "ab"}, 3)
    assert made == ["a", "b"] * 4
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 3, "b": 3}


def with_times(lab: Lab, folder: Path, **changed: Any) -> dict[str, Claim]:
    """The claims on costs with other times or counts."""
    (folder / "times.json").write_text(json.dumps(lab.results("times") | changed), encoding="utf-8")
    (folder / "arms.json").write_text(json.dumps(lab.results("arms")), encoding="utf-8")
    found = costs.claims(Lab(PAPER, None, True, folder))
    return {claim.statement.split(" (")[0]: claim for claim in found}


@pytest.mark.parametrize(("lora", "expected"), [(0.7, "reproduced"), (0.9, "inconclusive"), (1.3, "refuted")])
def test_a_step_keeps_clear_of_its_bound(quick: Lab, tmp_path: Path, lora: float, expected: Verdict) -> None:
    training = {"full": [1.0, 2.0, 4.0], "lora": [lora, 2 * lora, 4 * lora]}
    assert with_times(quick, tmp_path, training=training)["a training step takes less time"].verdict == expected


@pytest.mark.parametrize(("merged", "apart", "expected"), [
    ({"linear (2, 3)": 4}, {"linear (2, 3)": 6}, "reproduced"),
    ({"linear (2, 3)": 5}, {"linear (2, 3)": 6}, "refuted"),  # one more of the same
    ({"linear (2, 4)": 4}, {"linear (2, 3)": 6}, "refuted"),  # as many, but larger ones
    ({"linear (2, 3)": 4}, {"linear (2, 3)": 4}, "inconclusive"),  # an adapter apart would pass as well
])  # fmt: skip
def test_merged_runs_what_the_base_runs(
    quick: Lab, tmp_path: Path, merged: dict[str, int], apart: dict[str, int], expected: Verdict
) -> None:
    counted = {"base": {"linear (2, 3)": 4}, "merged": merged, "apart": apart}
    found = with_times(quick, tmp_path, operations=counted)
    assert found["merged into the weights, an adapter adds no time in use"].verdict == expected


def test_an_adapter_apart_is_counted_and_a_merged_one_is_not(quick: Lab) -> None:
    """Two products, a scale and a sum for each adapted matrix."""
    found = quick.results("times")["operations"]
    assert found["merged"] == found["base"]
    adapted, more = 2 * experiment.configuration(DEFAULT, 1e-3, True).layers, Counter[str]()
    for name, count in (Counter(found["apart"]) - Counter(found["base"])).items():
        more[name.split()[0]] += count
    assert more == {"linear": 2 * adapted, "multiply": adapted, "add": adapted}


# ---- verdicts --------------------------------------------------------------------------------------------------------
def with_losses(lab: Lab, folder: Path, found: dict[str, list[float]], lowest: str = "") -> dict[str, Claim]:
    """The claims of the quick results with these losses on both sides; all rates bracketed, but for one arm's."""
    results, tried = lab.results("arms"), lab.results("rates")
    for arm, losses in found.items():
        for side in ("numpy", "torch"):
            runs = [run for run in results["runs"][arm] if run["side"] == side]
            for run, loss in zip(runs, losses, strict=False):
                run["metrics"]["loss"] = loss
    for arm in results["runs"]:
        results["runs"][arm][0]["trained"] = 50
    tried["losses"] = {arm: {"0.001": 2.0, "0.002": 1.0, "0.004": 2.0} for arm in arms.ARMS}
    tried["losses"] |= {lowest: {"0.001": 1.0, "0.002": 2.0}} if lowest else {}
    files = {name: lab.results(name) for name in ("base", "changes", "times")} | {"arms": results, "rates": tried}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return {claim.statement.split(" (")[0]: claim for claim in verdicts.claims(Lab(PAPER, None, True, folder))}


ON_PAR = "LoRA performs on par with full fine-tuning, with a fraction of the parameters trained"


@pytest.mark.parametrize(
    ("lora", "verdict"),
    [
        ([1.003, 1.004], "reproduced"),  # 3 thousandths are missing
        ([1.05, 1.051], "refuted"),
        ([0.9, 1.1], "inconclusive"),  # who knows
    ],
)
def test_on_par_is_within_the_margin(quick: Lab, tmp_path: Path, lora: list[float], verdict: Verdict) -> None:
    claim = with_losses(quick, tmp_path, {"full": [1.0, 1.001], DEFAULT: lora})[ON_PAR]
    assert claim.verdict == verdict
    assert claim.finding.witness == "PyTorch under other seeds (2): the same verdict"


def test_many_parameters_are_no_fraction(quick: Lab, tmp_path: Path) -> None:
    small = quick.runs("base")[0]["parameters"]
    results = quick.results("arms")
    assert results["runs"][DEFAULT][0]["trained"] > verdicts.SMALL_SHARE * small  # at the token size it is not
    assert verdicts.claims(quick)[0].finding.parts[1].verdict == "refuted"
    assert with_losses(quick, tmp_path, {})[ON_PAR].finding.parts[1].verdict == "reproduced"


def test_what_is_far_apart_is_decided(quick: Lab, tmp_path: Path) -> None:
    levels = {"full": 1.0, "r = 64": 1.1, "head": 1.05, DEFAULT: 1.3, "v": 1.25, "q": 1.5, "bias": 1.6, "r = 1": 1.7}
    apart = {arm: [level, level + 1e-3] for arm, level in levels.items()} | {"q, k, v, o": [1.305, 1.306]}
    found = with_losses(quick, tmp_path, apart)
    better = "with the same number of parameters it is better to adapt queries and values than"
    expected = {
        ON_PAR: "refuted",
        "LoRA adapts better than training the output layer alone": "refuted",
        "LoRA adapts better than training the biases alone": "reproduced",
        f"{better} queries alone": "reproduced",
        f"{better} values alone": "refuted",
        "all four attention matrices at half the rank are as good as queries and values, or better": "reproduced",
        "a very small rank suffices: more rank brings nothing": "refuted",
        "even r = 1 suffices for queries and values": "refuted",
    }
    assert {name: found[name].verdict for name in expected} == expected
    assert sum(bool(claim.finding.witness) for claim in found.values()) == 2


def test_lora_is_refuted_only_where_it_is_at_its_best(quick: Lab, tmp_path: Path) -> None:
    row = "LoRA adapts better than training the output layer alone"
    behind = {"head": [1.2, 1.201], DEFAULT: [1.3, 1.301], "MLP": [1.25, 1.251]}
    assert with_losses(quick, tmp_path, behind)[row].verdict == "refuted"
    claim = with_losses(quick, tmp_path, behind | {"MLP": [1.1, 1.101]})[row]
    assert claim.verdict == "inconclusive"
    assert claim.finding.held_back == "LoRA, r = 2 on the MLP, with 50 numbers, is not refuted"
    assert "the best is r = 2 on the MLP, head less MLP: 0.100" in claim.why
    on_par = with_losses(quick, tmp_path, {"full": [1.0, 1.001], DEFAULT: [1.05, 1.051], "v": [1.003, 1.004]})[ON_PAR]
    assert (on_par.verdict, on_par.finding.held_back.startswith("LoRA, r = 8 on v")) == ("inconclusive", True)


def test_who_trains_more_numbers_is_not_lora_at_its_best(quick: Lab, tmp_path: Path) -> None:
    behind = {"head": [1.2, 1.201], DEFAULT: [1.3, 1.301], "r = 64": [1.1, 1.101]}
    with_losses(quick, tmp_path, behind)
    results = json.loads((tmp_path / "arms.json").read_text(encoding="utf-8"))
    results["runs"]["r = 64"][0]["trained"] = 51  # all others train 50
    (tmp_path / "arms.json").write_text(json.dumps(results), encoding="utf-8")
    assert verdicts.claims(Lab(PAPER, None, True, tmp_path))[1].verdict == "refuted"


def test_what_gpt_3_would_take_is_as_estimated() -> None:
    """Written out once more: four operations a weight and token, ten to the eleventh of them a second."""
    years = 4 * 175e9 * 2 * 56_355 * 384 / 1e11 / 3600 / 24 / 365
    said = verdicts._SCALE.why
    assert [float(number) for number in re.findall(r"(\d+) (?:years|GB|million)", said)] == [22, round(years), 350]
    assert "3 × 10^19 operations" in said


def test_a_rate_at_the_end_of_its_grid_is_no_verdict_for_the_side_that_lost(quick: Lab, tmp_path: Path) -> None:
    far = {DEFAULT: [1.0, 1.001], "bias": [1.5, 1.501]}
    row = "LoRA adapts better than training the biases alone"
    claim = with_losses(quick, tmp_path, far, lowest="bias")[row]
    assert (claim.verdict, claim.finding.rates) == ("inconclusive", "validation")
    assert "bias took the lowest of its rates" in claim.finding.held_back
    assert with_losses(quick, tmp_path, far, lowest=DEFAULT)[row].verdict == "reproduced"


def test_the_sentences_numbers_are_in_the_results(quick: Lab) -> None:
    """Recomputed from the files by hand."""
    runs, base = quick.results("arms")["runs"], quick.results("base")["losses"]

    def mean(arm: str, *path: str) -> str:
        values = [run for run in runs[arm] if run["side"] == "numpy"]
        for key in path:
            values = [value[key] for value in values]
        return f"{np.mean(values):.3f}"

    loss, numbers = ("metrics", "loss"), r"\d\.\d{3}"
    said = [f"{base['target']:.3f}", *(mean(arm, *loss) for arm in arms.FORGETTING)]
    said += [f"{base['source']:.3f}", *(mean(arm, "source") for arm in arms.FORGETTING)]
    assert re.findall(numbers, pages.of_methods(quick)) == said
    sets = sorted(mean(arm, *loss) for arm in pages.SETS)
    ranks = [mean(f"r = {rank}", *loss) for rank in arms.RANKS]
    assert re.findall(numbers, pages.of_arms(quick)) == [sets[0], sets[-1], *ranks, mean("full", *loss)]
    grids = quick.results("changes")["overlaps"]
    chosen = [grids["trained"]["q_proj"], grids["trained"]["v_proj"], grids["random"]["q_proj"]]
    shared = [f"{np.mean([grid[i][i] for grid in kind]):.2f}" for kind in chosen for i in (0, 7)]
    assert re.findall(r"\d\.\d\d", pages.of_subspaces(quick)) == shared
