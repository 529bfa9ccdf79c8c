"""The study of the Transformer: its arms, what becomes of results, and maps of attention that are distributions."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from papers.seq2seq_attention.study.translating import translations
from papers.transformer.config import VARIANTS
from papers.transformer.study import experiment, figures, pages, verdicts
from papers.transformer.study.arms import ARMS, bench_of, configuration, tried
from papers.transformer.study.maps import attention_maps, translated
from tinygrad_lab.data import Batches, PairData
from tinygrad_lab.data.translation import data as pairs
from tinygrad_lab.data.translation.vocabulary import EOS
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.study import Claim, Verdict

PAPER = registry.find("transformer")
DATES = list(ARMS["dates"])


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Dates only, what is always there; one seed, and few dates to be evaluated on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "available", lambda name: False)
        patch.setattr(pairs, "evaluation_batches", lambda data, vocabularies, split: few(data, vocabularies))
        lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


@pytest.fixture
def whole(tmp_path: Path) -> Lab:
    """A bench of the whole study, on which nothing is run."""
    return Lab(PAPER, None, False, tmp_path)


def few(data: PairData, vocabularies: dict[str, str]) -> Batches:
    """The first pairs of a split in one batch."""
    arrays = {name: array[:32] for name, array in pairs.encoded(data, vocabularies).items()}
    return Batches(arrays, 32, shuffle=False, transform=lambda batch, _: pairs.trimmed(batch))


# ---- arms ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("group", ["dates", "words", "few-dates", "warm-up"])
def test_the_arms_of_a_comparison_get_the_same_pairs_passes_and_batches(whole: Lab, group: str) -> None:
    configs = [configuration(bench_of(whole, arm), arm, 1.0) for arm in ARMS[group].values()]
    assert len({(c.dataset, c.train_items, c.epochs, c.batch_size, c.max_length) for c in configs}) == 1


@pytest.mark.parametrize("group", ["dates", "words", "few-dates"])
def test_rates_are_chosen_with_half_of_the_passes(whole: Lab, group: str) -> None:
    for arm in ARMS[group].values():
        bench = bench_of(whole, arm)
        short, long = tried(bench, arm, 0.5), configuration(bench, arm, 0.5)
        assert replace(short, epochs=long.epochs) == long
        assert 2 * short.epochs == long.epochs


def test_narrow_keys_are_a_quarter_of_the_others(whole: Lab) -> None:
    narrow, usual = (configuration(whole, ARMS["dates"][name], 1.0) for name in ("narrow-keys", "sinusoidal"))
    assert (usual.key_size, 4 * narrow.key_size) == (0, usual.hidden_size // usual.heads)


def test_without_warm_up_all_is_the_same_but_the_rise(whole: Lab) -> None:
    start, held = (configuration(whole, ARMS["warm-up"][name], 0.1) for name in ("warm-up", "held"))
    assert replace(held, rising=True) == start != held


def test_a_rate_of_six_layers_is_chosen_by_the_mean_of_five_seeds(whole: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first alone another one would be."""
    scores = {"0.05": 3.0, "0.1": 2.0, "0.2": 1.0, "0.4": 4.0}
    monkeypatch.setattr(
        whole, "sweep",
        lambda configs, label, score, seed: {
            f"{rate:g}": scores[f"{rate:g}"] + (10.0 if (rate, seed) == (0.2, 104) else 0.0) for rate in configs
        },
    )  # fmt: skip
    found = experiment.rate_scores(whole, "warm-up", "warm-up")
    assert found == pytest.approx(scores | {"0.2": 3.0})


# ---- a quick run -----------------------------------------------------------------------------------------------------
def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = verdicts.claims(quick)
    assert len(found) == 10
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"positions", "dates", "layers", "variants", "warm-up"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| narrow-keys |" in filled
    assert "| Luong et al. 2015 |" in filled
    assert len(re.findall(r"^!\[.*\]\(study/results/.*\.png\)\n\n\w.*\.$", filled, re.MULTILINE)) == 5


def test_every_arm_takes_the_best_of_its_own_rates(quick: Lab) -> None:
    scores = quick.results("rates")["scores"]
    assert {group: set(of_group) for group, of_group in scores.items()} == {
        group: set(arms) for group, arms in ARMS.items() if group != "words"
    }
    for group, of_group in scores.items():
        for arm, found in of_group.items():
            taken = quick.runs(group, arm=arm)[0]["config"]["learning_rate"]
            assert found[f"{taken:g}"] == min(found.values())


def test_the_witness_has_other_seeds_and_starts_and_ends_where_the_engine_would(quick: Lab) -> None:
    """Up to the first update: each side drops units of its own."""
    for arm in experiment.WITNESSED["dates"]:
        (theirs,) = quick.runs("dates", "torch", arm)
        bench = bench_of(quick, ARMS["dates"][arm])
        config = configuration(bench, ARMS["dates"][arm], theirs["config"]["learning_rate"])
        assert theirs["seed"] == experiment.FIRST_WITNESS
        np.testing.assert_allclose(bench.train(config, theirs["seed"]).losses, theirs["losses"], rtol=0.1)


def test_the_baseline_is_the_other_paper_s_own_model(quick: Lab) -> None:
    (run,) = quick.runs("dates", arm="luong")
    assert (run["config"]["attention"], run["config"]["score"]) == ("global", "general")
    ours = quick.runs("dates", arm="sinusoidal")[0]
    assert run["config"]["train_items"] == ours["config"]["train_items"] == 256


def test_a_witness_writes_what_its_weights_write_on_the_engine(quick: Lab) -> None:
    config = configuration(quick, ARMS["dates"]["sinusoidal"], 0.5)
    engine, torch = (quick.side(side) for side in ("numpy", "torch"))
    model, twin = engine.build(config, 3), torch.build(config, 4)
    torch.load(twin, engine.state(model))
    texts = ["13 de marzo de 2019", "1. Mai 1950"]
    assert translations(quick, "torch", config, twin, texts) == translations(quick, "numpy", config, model, texts)


# ---- verdicts --------------------------------------------------------------------------------------------------------
LEARNED = {"sinusoidal": [90.0, 91.0, 90.5], "one-head": [80.0, 81.5, 80.0], "narrow-keys": [90.0, 90.5, 91.0],
           "learned": [89.0, 90.5, 89.5], "no-smoothing": [95.0, 96.5, 95.0], "no-positions": [10.0, 11.0, 10.5],
           "luong": [99.0, 99.5, 99.0]}  # fmt: skip


def planted(quick: Lab, folder: Path, shares: dict[str, list[float]], before: float | dict[str, float] = 0.0) -> Lab:
    """The quick run's results with these shares of dates, one a seed, in both sides' runs, after rates in a bracket.

    Args:
        quick: whose results are changed.
        folder: where they go.
        shares: by arm.
        before: points by which all had less a look earlier, or some arms had.
    """
    for path in quick.folder.glob("*.json"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    dates, rates = quick.results("dates"), quick.results("rates")
    for arm, runs in dates["runs"].items():
        less = before.get(arm, 0.0) if isinstance(before, dict) else before
        dates["runs"][arm] = [with_share(run, share, less) for run in runs for share in shares[arm]]
    bracketed = {"0.1": 2.0, "0.2": 1.0, "0.4": 2.0}
    rates["scores"] = {group: dict.fromkeys(arms, bracketed) for group, arms in ARMS.items()}
    for name, results in (("dates", dates), ("rates", rates)):
        (folder / f"{name}.json").write_text(json.dumps(results), encoding="utf-8")
    return Lab(PAPER, None, True, folder)


def with_share(run: dict[str, Any], share: float, before: float) -> dict[str, Any]:
    """A run whose last two looks saw these shares."""
    smoothed = run["config"].get("label_smoothing", 0.0)
    metrics = {"perplexity": 1.0 + smoothed + share / 1000, "forced accuracy": share}
    return run | {"history": [{"exact": share - before}, {"exact": share}], "metrics": metrics}


def by_statement(lab: Lab) -> dict[str, Claim]:
    """The claims by the first words of their statements."""
    return {" ".join(claim.statement.split()[:3]): claim for claim in verdicts.claims(lab)}


def test_what_is_far_apart_is_decided_and_confirmed(quick: Lab, tmp_path: Path) -> None:
    found = by_statement(planted(quick, tmp_path, LEARNED))
    assert {name: found[name].verdict for name in (
        "attention alone translates", "one head is", "smaller keys hurt,", "without recurrence the",
        "learned positions give", "label smoothing of",
    )} == {
        "attention alone translates": "refuted", "one head is": "reproduced", "smaller keys hurt,": "inconclusive",
        "without recurrence the": "reproduced", "learned positions give": "reproduced", "label smoothing of": "refuted",
    }  # fmt: skip
    said = "PyTorch under other seeds (3): the same verdict"
    assert [name for name, claim in found.items() if said == claim.finding.witness] == [
        "attention alone translates", "smaller keys hurt,", "without recurrence the",
    ]  # fmt: skip


@pytest.mark.parametrize(("arm", "gained", "statement", "verdict"), [
    ("sinusoidal", 3.0, "attention alone translates", "refuted"),  # nine points behind, 1.5 a quarter closer
    ("sinusoidal", 5.0, "attention alone translates", "inconclusive"),
    ("one-head", 4.0, "one head is", "reproduced"), ("one-head", 6.0, "one head is", "inconclusive"),
    ("sinusoidal", 6.0, "one head is", "reproduced"),  # who won may go on
])  # fmt: skip
def test_who_was_catching_up_has_not_lost(
    quick: Lab, tmp_path: Path, arm: str, gained: float, statement: str, verdict: Verdict
) -> None:
    finding = by_statement(planted(quick, tmp_path, LEARNED, before={arm: gained}))[statement].finding
    assert finding.verdict == verdict
    assert (arm in finding.held_back) == (verdict == "inconclusive")


def test_both_sides_are_asked_whether_they_were_catching_up(quick: Lab, tmp_path: Path) -> None:
    """One head, behind by ten, gains as many in half a budget, and so does the default."""
    found = by_statement(planted(quick, tmp_path, LEARNED, before=10.0))
    assert found["one head is"].finding.held_back.startswith("one-head was catching up with where sinusoidal is")
    assert found["without recurrence the"].verdict == "reproduced"


def test_positions_further_apart_than_the_margin_are_not_alike(quick: Lab, tmp_path: Path) -> None:
    shares = LEARNED | {"learned": [share - verdicts.EQUAL - 3 for share in LEARNED["sinusoidal"]]}
    assert by_statement(planted(quick, tmp_path, shares))["learned positions give"].verdict == "refuted"


def test_without_positions_half_of_what_is_right_with_them_is_too_much(quick: Lab, tmp_path: Path) -> None:
    shares = LEARNED | {"no-positions": [55.0, 56.0, 55.5]}
    assert by_statement(planted(quick, tmp_path, shares))["without recurrence the"].verdict == "refuted"


def test_a_warm_up_is_judged_against_the_same_rates_without_the_rise(quick: Lab, tmp_path: Path) -> None:
    """Not against rates that are lower later, with which far more is left."""
    left = {"warm-up": 1.0, "held": 1.03, "none": 1.5}
    lab, results = planted(quick, tmp_path, LEARNED), quick.results("warm-up")
    for arm, nats in left.items():
        results["runs"][arm] = [with_nats(run, nats + seed / 1000) for run in results["runs"][arm] for seed in range(5)]
        results["runs"][arm][0]["metrics"]["perplexity"] *= 1.001 if arm == "held" else 1.0
    (tmp_path / "warm-up.json").write_text(json.dumps(results), encoding="utf-8")
    claim = by_statement(lab)["the rate has"]
    assert claim.verdict == "reproduced"
    assert claim.finding.estimate == pytest.approx(0.0302, abs=1e-6)
    assert "1.032 ± 0.002 -> 1.002 ± 0.002" in claim.numpy
    assert "1.50" in claim.why


def with_nats(run: dict[str, Any], nats: float) -> dict[str, Any]:
    """A run that came to this loss, as it had been all along."""
    return run | {"history": [{"nats": nats}] * 4, "metrics": run["metrics"] | {"perplexity": math.exp(nats)}}


@pytest.mark.parametrize(("theirs", "verdict"), [(15.0, "refuted"), (60.0, "inconclusive")])
def test_words_are_judged_by_both_sides(quick: Lab, tmp_path: Path, theirs: float, verdict: Verdict) -> None:
    """Luong's model is ahead on the engine, and with PyTorch too, or there behind."""
    lab, results = planted(quick, tmp_path, LEARNED), quick.results("dates")
    wrong = {("numpy", "luong"): 15.0, ("torch", "luong"): theirs, "transformer": 30.0}
    runs = {
        name: [
            run | {"history": [{"PER": rate + seed % 2, "WER": 50.0}] * 4}
            for run in results["runs"][arm] for seed in range(5)
            for rate in [wrong.get((run["side"], name), wrong["transformer"])]
        ]
        for name, arm in (("transformer", "sinusoidal"), ("luong", "luong"))
    }  # fmt: skip
    runs["transformer"][0]["history"][-1]["PER"] += 0.1
    rates = lab.results("rates")
    rates["scores"]["words"] = {arm: {"0.1": 2.0, "0.2": 1.0, "0.4": 2.0} for arm in runs}
    (tmp_path / "rates.json").write_text(json.dumps(rates), encoding="utf-8")
    (tmp_path / "words.json").write_text(json.dumps({"runs": runs}), encoding="utf-8")
    claim = verdicts.words_claim(Lab(PAPER, None, True, tmp_path))
    assert claim.verdict == verdict
    assert ("the same verdict" in claim.finding.witness) == (verdict == "refuted")


def test_dropout_is_not_judged_where_nothing_is_learned_by_heart(quick: Lab) -> None:
    claim = by_statement(quick)["dropout is very"]
    assert "training is less than 5 points ahead" in claim.why


# ---- what is said of the pictures ------------------------------------------------------------------------------------
def test_the_sentences_numbers_are_in_the_results(quick: Lab, tmp_path: Path) -> None:
    lab = planted(quick, tmp_path, LEARNED, before=2.0)
    said = pages.of_variants(lab)
    assert "most" in said.lower()
    assert "luong (99.2 %), fewest with no-positions (10.5 %)" in said
    assert said.endswith("the default goes from 88.5 to 90.5 %.")
    assert f"{min(lab.results('rates')['scores']['warm-up']['none'].values()):.2f}" in pages.of_warm_up(lab)


def test_sharpness_is_the_mean_of_the_greatest_weights() -> None:
    maps = {
        "first": [[[1.0, 0.0]]],
        "last": [[[0.6, 0.4], [0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.3, 0.7], [1.0, 0.0]]],
    }
    example = {"target": ["7", "-", "</s>"], "maps": maps}
    assert pages.greatest_weight(example, hyphen=False) == pytest.approx(0.7)
    assert pages.greatest_weight(example, hyphen=True) == pytest.approx(0.6)


def test_steps_to_the_right_are_counted() -> None:
    places = [0, 1, 1, 0]
    weights = np.eye(2)[places][None].tolist()
    assert pages.rightward([{"maps": {"last": weights}}]) == pytest.approx(2 / 3)


def test_attentions_are_named_in_words() -> None:
    assert figures.in_words("encoder.layers.0.self_attn") == "encoder 1\nsource reads\nsource"
    assert figures.in_words("decoder.layers.1.self_attn") == "decoder 2\ntarget reads\ntarget"
    assert figures.in_words("decoder.layers.1.multihead_attn") == "decoder 2\ntarget reads\nsource"


# ---- maps ------------------------------------------------------------------------------------------------------------
def test_maps_are_distributions_over_what_may_be_seen() -> None:
    config = VARIANTS["narrow-keys"]["tiny"]
    model = one_side(PAPER, "numpy").build(config)
    maps = attention_maps(model, [5, 6, 7, EOS], [8, 9, EOS])
    shapes = {"encoder.layers.0.self_attn": (4, 4), "decoder.layers.1.self_attn": (3, 3)}
    assert len(maps) == 6
    for path, shape in shapes.items():
        assert maps[path].shape == (config.heads, *shape)
    assert maps["decoder.layers.0.multihead_attn"].shape == (config.heads, 3, 4)
    for path, weights in maps.items():
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
        causal = path.startswith("decoder") and "self" in path
        assert (weights[:, 0, 1:] == 0).all() == causal


def test_what_is_shown_of_a_date_are_its_tokens_and_every_attention() -> None:
    config = replace(VARIANTS["sinusoidal"]["small"], hidden_size=8, heads=2, layers=1)
    model = one_side(PAPER, "numpy").build(config)
    found = translated(model, config, "13 de marzo de 2019", SearchOptions(beam=1, max_length=5))
    assert "".join(found["source"][:-1]) == "13 de marzo de 2019"
    assert found["target"][-1] == "</s>"
    assert [np.array(weights).shape[1:] for weights in found["maps"].values()] == [
        (len(found["source"]), len(found["source"])),
        (len(found["target"]), len(found["target"])),
        (len(found["target"]), len(found["source"])),
    ]
