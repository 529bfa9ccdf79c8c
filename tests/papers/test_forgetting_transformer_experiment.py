"""The experiments run, save, judge and draw; needles are what they are said to be; comparisons are fair."""

import copy
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest

from papers.forgetting_transformer import data
from papers.forgetting_transformer.config import VARIANTS
from papers.forgetting_transformer.model import build
from papers.forgetting_transformer.study import arms, costs, experiment, far, needles, pages, verdicts
from papers.forgetting_transformer.study.probes import blocks_left, log_gates, loss_by_position, pruned_loss
from papers.forgetting_transformer.train import evaluate
from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import Verdict

PAPER = registry.find("forgetting_transformer")
CONFIG = VARIANTS["llama"]["tiny"]
PICTURES = {"costs", "decay", "gates", "losses", "needles", "positions"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One seed, on the text that is always there."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arms, "available", lambda name: False)
        experiment.measure(lab)
    return lab


# ---- a whole experiment ----------------------------------------------------------------------------------------------


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == PICTURES
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| in blocks |" in filled
    assert "Python's help texts" in filled


def test_every_picture_has_a_sentence_with_numbers_of_the_results(quick: Lab) -> None:
    told = pages.tables(quick)["pictures"]
    assert {name for name in PICTURES if f"(study/results/{name}.png)" in told} == PICTURES
    lowest = min(quick.values("text", "metrics", "loss", arm=arm)[0] for arm in arms.TEXT)
    assert f"ends lowest, at {lowest:.3f} nats" in told


def test_pytorch_has_seeds_of_its_own(quick: Lab) -> None:
    for study, witnessed in experiment.WITNESSED.items():
        for arm in witnessed:
            assert [run["seed"] for run in quick.runs(study, "torch", arm)] == [experiment.FIRST_WITNESS]
            assert [run["seed"] for run in quick.runs(study, "numpy", arm)] == [0]


def test_every_arm_has_rates_of_its_own_that_were_tried_alike(quick: Lab) -> None:
    scores = quick.results("rates")["losses"]
    studied = {experiment.named(study, arm) for study, of_it in experiment.ARMS.items() for arm in of_it}
    assert set(scores) == studied
    assert {tuple(tried) for tried in scores.values()} == {tuple(f"{rate:g}" for rate in arms.RATES)}
    for study, of_it in experiment.ARMS.items():
        configs = [arms.tried(study, arm, 1e-2, quick=False) for arm in of_it]
        assert all(config.validate for config in configs)
        assert len({(c.windows, c.epochs, c.batch_size, c.length) for c in configs}) == 1


def test_what_chooses_rates_is_neither_trained_on_nor_judged() -> None:
    config = arms.tried("text", "FoX (LLaMA)", 1e-2, quick=True)
    splits = [data.dataset(config, split) for split in ("train", "validation", "test")]
    judged = data.dataset(arms.shortened(arms.configuration("text", "FoX (LLaMA)"), quick=True), "train")
    assert judged.text == splits[0].text + splits[1].text
    assert sum(map(len, splits)) == len(data.load_text(splits[0].name))


def test_contexts_stand_before_the_same_text() -> None:
    config = arms.shortened(arms.configuration("long", arms.OPEN), quick=True)
    short, long = (data.context_batches(config, "test", context, 64) for context in (4, 64))
    ends = [np.concatenate([batch["target"][:, -data.STRETCH :] for batch in batches]) for batches in (short, long)]
    np.testing.assert_array_equal(*ends)
    assert ends[0].shape == (data.STRETCHES, data.STRETCH)
    assert {batch["tokens"].shape[1] for batch in short} == {4 + data.STRETCH}
    with pytest.raises(ValueError, match="longest must be less than"):
        data.context_batches(config, "test", 4, 10**9)


def test_the_longest_context_but_one_is_what_a_training_window_has() -> None:
    assert far.contexts(1024) == [16, 64, 256, 1024 - data.STRETCH, 2048]
    assert far.contexts(32) == [32, 64]


def test_octaves_are_means_from_a_position_to_twice_it() -> None:
    assert far.by_position([float(n) for n in range(64)]) == {"at 16": 23.5, "at 32": 47.5}


@pytest.mark.parametrize("study", experiment.ARMS)
def test_arms_have_about_as_many_parameters_and_the_same_recipe(study: str) -> None:
    configs = [arms.configuration(study, arm) for arm in experiment.ARMS[study]]
    sizes = [sum(p.numel() for p in build(config).parameters()) for config in configs]
    assert max(sizes) / min(sizes) < 1.05
    assert len({(c.windows, c.epochs, c.batch_size, c.length, c.learning_rate, c.dataset) for c in configs}) == 1


def test_a_step_has_as_much_text_in_short_windows_as_in_long_ones() -> None:
    short, long = (arms.configuration(study, arms_of[0]) for study, arms_of in list(experiment.ARMS.items())[:2])
    assert short.batch_size * short.length == long.batch_size * long.length == arms.TOKENS
    assert short.windows * short.epochs // short.batch_size == long.windows * long.epochs // long.batch_size


# ---- verdicts --------------------------------------------------------------------------------------------------------
def with_losses(quick: Lab, study: str, losses: dict[str, list[float]]) -> Lab:
    """The same results but for losses that no longer fall, alike on both sides, and rates that were bracketed."""
    found = {name: copy.deepcopy(quick.results(name)) for name in ("text", "long", "stale", "far", "rates", "costs")}
    for arm, nats in losses.items():
        first = {run["side"]: run for run in found[study]["runs"][arm]}
        found[study]["runs"][arm] = [
            run | {"metrics": {"loss": n}, "losses": [n] * 8} for run in first.values() for n in nats
        ]
        for run in found[study]["runs"][arm]:
            if study == "text":
                run["history"] = [run["metrics"]] * arms.LOOKS
            if study == "stale":  # at the length of training they are all solved
                run["history"] = [{"loss": 0.1}]
    found["rates"]["losses"] = {arm: {"0.001": 2.0, "0.002": 1.0, "0.004": 2.0} for arm in found["rates"]["losses"]}

    class Changed(Lab):
        def results(self, name: str) -> dict[str, Any]:
            return found[name]

    return Changed(PAPER, 1, True, quick.folder)


def test_ten_trials_against_none_are_a_verdict_on_both_sides(quick: Lab) -> None:
    lab = with_losses(quick, "stale", {arms.OPEN: [0.1] * 10, arms.ROTARY: [1.0] * 10})
    claim = verdicts.last_value_counts(lab)
    assert claim.verdict == "reproduced"
    assert claim.finding.witness == "PyTorch under other seeds (10): the same verdict"
    few = with_losses(quick, "stale", {arms.OPEN: [0.1] * 10, arms.ROTARY: [0.1] * 7 + [1.0] * 3})
    assert verdicts.last_value_counts(few).verdict == "inconclusive"


@pytest.mark.parametrize(("unsolved", "verdict"), [(0, "reproduced"), (5, "inconclusive"), (10, "inconclusive")])
def test_a_needle_is_found_where_most_trials_find_it(quick: Lab, unsolved: int, verdict: str) -> None:
    nats = [2.0] * unsolved + [0.1] * (10 - unsolved)
    lab = with_losses(quick, "far", {arms.OPEN: nats, arms.ROTARY: [0.1] * 10, arms.CLOSED: nats})
    assert [judged(lab).verdict for judged in (verdicts.needle_found, verdicts.official_start)] == [verdict] * 2


def test_unsolved_trials_refute_nothing_and_the_row_says_all_that_excuses_them(quick: Lab) -> None:
    lab = with_losses(quick, "far", {arms.CLOSED: [2.08] * 8 + [1.98, 1.48]})
    finding = verdicts.official_start(lab).finding
    assert (finding.verdict, finding.high < 0.5) == ("inconclusive", True)
    assert "refute nothing, and 2 of 10 trials had begun to do better than guessing" in finding.held_back
    assert "none of its rates" not in finding.held_back
    guessing = {"0.001": 2.0796, "0.002": 2.0795, "0.004": 2.0796}
    lab.results("rates")["losses"][experiment.named("far", arms.CLOSED)] = guessing
    assert "refute nothing" in verdicts.official_start(lab).finding.held_back
    assert "with none of its rates" in verdicts.official_start(lab).finding.held_back


def test_a_transformer_that_did_not_learn_a_task_loses_it_in_longer_sequences_for_nothing(quick: Lab) -> None:
    lab = with_losses(quick, "stale", {arms.OPEN: [0.1] * 10, arms.ROTARY: [1.0] * 10})
    assert verdicts.last_value_counts(lab).verdict == "reproduced"
    for run in lab.results("stale")["runs"][arms.ROTARY][::10]:  # the first trial of either side
        run["history"] = [{"loss": 0.6}]
    assert "not every trial of Transformer learned" in verdicts.last_value_counts(lab).finding.held_back


@pytest.mark.parametrize(("fox", "verdict"), [(1.30, "reproduced"), (1.31, "reproduced"), (1.35, "refuted")])
def test_gates_replace_positions_where_they_are_as_good_within_the_margin(
    quick: Lab, fox: float, verdict: Verdict
) -> None:
    def five(middle: float) -> list[float]:
        return [middle + n / 1000 for n in (-1, 0, 0, 1, 0)]

    losses = {"FoX (LLaMA)": five(fox), "Transformer (LLaMA)": five(1.3), "no gates, no positions": five(1.5)[::-1]}
    assert verdicts.without_positions(with_losses(quick, "text", losses)).verdict == verdict


@pytest.mark.parametrize(("before", "verdict"), [(1.34, "reproduced"), (1.36, "inconclusive"), (1.5, "inconclusive")])
def test_a_model_that_was_catching_up_in_short_windows_has_not_lost(quick: Lab, before: float, verdict: str) -> None:
    """0.1 nats apart; 0.025 closer in the last quarter are as much in four."""
    pair = {"Transformer (LLaMA)": nearly(1.3), "FoX (LLaMA)": nearly(1.2)[::-1]}
    lab = with_losses(quick, "text", pair)
    for arm, (earlier, last) in {"Transformer (LLaMA)": (before - 0.01, 1.3), "FoX (LLaMA)": (1.215, 1.2)}.items():
        for run in lab.results("text")["runs"][arm]:
            run["history"] = [{"loss": loss} for loss in (2.0, 1.8, earlier, last)]
    claim = verdicts.better(lab, "Transformer (LLaMA)", "FoX (LLaMA)", "here")
    assert claim.verdict == verdict
    assert ("the gap was" in claim.finding.held_back) == (verdict == "inconclusive")


@pytest.mark.parametrize(("before", "verdict"), [(2.1, "reproduced"), (2.5, "inconclusive")])
def test_in_long_windows_the_pace_is_that_of_training(quick: Lab, before: float, verdict: str) -> None:
    lab = with_losses(quick, "long", {arms.ROTARY: nearly(2.0), arms.OPEN: nearly(1.7)[::-1]})
    for arm, shift in ((arms.ROTARY, 0.0), (arms.OPEN, -0.3)):
        for run in lab.results("long")["runs"][arm]:
            sixth = before if arm == arms.ROTARY else 2.1 + shift
            run["losses"] = [
                x for x in (4.0, 3.5, 3.0, 2.8, 2.6 + shift, sixth, 2.0 + shift, 2.0 + shift) for _ in "ab"
            ]
    assert verdicts.better_in_long_windows(lab).verdict == verdict


def found_by(quick: Lab, values: dict[str, dict[str, list[float]]]) -> Lab:
    """Five models of long windows, of which these things were found."""
    lab = with_losses(quick, "long", {arm: [1.0] * 5 for arm in arms.LONG})
    for arm, of_it in values.items():
        for n, run in enumerate(lab.results("long")["runs"][arm]):
            run["config"] = run["config"] | {"length": 1024}
            run["history"] = [run["history"][-1] | {name: nats[n] for name, nats in of_it.items()}]
    return lab


def nearly(middle: float) -> list[float]:
    return [middle + n / 10_000 for n in (-2, -1, 0, 1, 2)]


def long_results(quick: Lab, memory: float, left: float = 0.3, gain: float = 0.1) -> Lab:
    """FoX holds beyond the training length; by so much more than the least context its models make use of."""
    least, *_, inside, beyond = pages.places(quick, "after")
    fox = {f"after {inside}": nearly(1.3), f"after {beyond}": nearly(1.3)[::-1], "memory": [memory] * 5}
    fox |= {f"after {least}": nearly(1.3 + gain), "left": nearly(left), "whole": nearly(1.0), "pruned": nearly(1.0)}
    rotary = {f"after {n}": nearly(1.3) for n in (least, inside)} | {f"after {beyond}": nearly(2.3)[::-1]}
    return found_by(quick, {arms.OPEN: fox, arms.ROTARY: rotary})


def test_losses_beyond_training_are_judged_where_a_head_remembers(quick: Lab) -> None:
    assert verdicts.extrapolation(long_results(quick, memory=900.0)).verdict == "reproduced"
    forgetful = verdicts.extrapolation(long_results(quick, memory=2.0))
    assert forgetful.verdict == "inconclusive"
    assert "no head remembers more than 2.0" in forgetful.finding.held_back


@pytest.mark.parametrize(("gain", "verdict"), [(0.03, "reproduced"), (0.01, "inconclusive"), (-0.1, "inconclusive")])
def test_what_makes_nothing_of_long_contexts_cannot_hold_beyond_training(quick: Lab, gain: float, verdict: str) -> None:
    lab = long_results(quick, memory=900.0, gain=gain)
    for judged in (verdicts.extrapolation, verdicts.pruning):
        claim = judged(lab)
        assert ("worth less than 0.02 nats" in claim.finding.held_back) == (verdict == "inconclusive")
        assert f"FoX gains {gain:.4f} ± 0.0000 nats, the Transformer 0.0000" in claim.why
    assert verdicts.extrapolation(lab).verdict == verdict
    assert f"FoX gains {gain:.4f}" in verdicts.better_in_long_windows(lab).why


@pytest.mark.parametrize(("left", "verdict"), [(0.3, "reproduced"), (0.5, "inconclusive"), (0.7, "inconclusive")])
def test_more_than_half_of_the_work_has_to_go(quick: Lab, left: float, verdict: str) -> None:
    found = verdicts.pruning(long_results(quick, memory=900.0, left=left)).finding
    assert found.verdict == verdict
    assert found.held_back == (verdicts.OWN_START if left == 0.7 else "")


# ---- needles ---------------------------------------------------------------------------------------------------------
def answered(tokens: np.ndarray) -> np.ndarray:
    """What questions have to be answered with, read off one token at a time."""
    known: dict[int, int] = {}
    answers = []
    for token in tokens.tolist():
        if token < needles.PAIRS:
            known[token // needles.VALUES] = token % needles.VALUES
        asked = token - needles.PAIRS
        answers.append(known[asked] if 0 <= asked < needles.KEYS else needles.NOTHING)
    return np.array(answers)


@pytest.mark.parametrize("task", arms.NEEDLES)
def test_the_last_value_of_a_key_is_the_answer(task: str) -> None:
    config = arms.configuration(task, arms.OPEN)
    tokens, target = needles.drawn(config, 20, generator(5))
    np.testing.assert_array_equal(target, [answered(row) for row in tokens])
    assert tokens.max() < needles.VOCABULARY


def test_far_needles_lie_a_window_back_and_nothing_else_is_told() -> None:
    tokens, target = needles.drawn(arms.configuration("far", arms.OPEN), 20, generator(5))
    assert (np.sort(tokens[:, : needles.KEYS] // needles.VALUES) == np.arange(needles.KEYS)).all()
    assert (tokens[:, needles.KEYS : -needles.QUESTIONS] >= needles.PAIRS + needles.KEYS).all()
    assert (target[:, : -needles.QUESTIONS] == needles.NOTHING).all()


def test_stale_values_are_many() -> None:
    tokens, _ = needles.drawn(arms.configuration("stale", arms.OPEN), 200, generator(5))
    told = (tokens < needles.PAIRS).sum(axis=1)
    assert told.min() >= needles.KEYS
    assert told.mean() > 5 * needles.KEYS


def test_needles_of_a_split_are_always_the_same_and_of_another_split_others() -> None:
    config = arms.shortened(arms.configuration("stale", arms.OPEN), quick=True)
    splits = [needles.evaluation_batches(config, split)[0]["tokens"] for split in ("test", "test", "validation")]
    same, other = (np.array_equal(a, b) for a, b in pairwise(splits))
    assert (same, other) == (True, False)
    assert splits[0].shape[1] == 4 * splits[2].shape[1] == 4 * config.length
    assert needles.dataset(config, "train").checksum == needles.dataset(config, "test").checksum


# ---- probes ----------------------------------------------------------------------------------------------------------


def windows(length: int, count: int = 2) -> dict:
    tokens = generator(3).integers(0, CONFIG.vocab_size, (count, length + 1))
    return {"tokens": Tensor(tokens[:, :-1]), "target": Tensor(tokens[:, 1:]), "count": float(count * length)}


def test_losses_by_position_are_those_of_the_loss() -> None:
    model, batch = build(CONFIG, generator(0)), windows(9)
    by_position = loss_by_position(model, [batch, windows(9)])
    assert len(by_position) == 9
    assert np.mean(by_position) == pytest.approx(evaluate(model, [batch])["loss"], abs=1e-5)


def test_gates_are_those_of_every_layer_and_head() -> None:
    model = build(CONFIG, generator(0))
    found = log_gates(model, windows(9)["tokens"])
    assert found.shape == (CONFIG.layers, 2, CONFIG.heads, 9)
    assert np.exp(found).mean() == pytest.approx(0.5, abs=0.05)  # where they start


def test_pruning_leaves_the_diagonal_of_forgetful_heads_and_the_model_as_it_was() -> None:
    model, batch = build(CONFIG, generator(0)), windows(1100, count=1)
    before = float(np.mean(loss_by_position(model, [batch])))
    left = blocks_left(model, batch["tokens"], np.exp(-10))
    np.testing.assert_array_equal(left, np.full((CONFIG.layers, CONFIG.heads), 9 / 15))  # 1 + 2 + 2 + 2 + 2 blocks
    assert pruned_loss(model, [batch], np.exp(-10)) == pytest.approx(before, abs=1e-4)
    assert not any("attend" in vars(layer.attn) for layer in model.model.layers)


# ---- costs -----------------------------------------------------------------------------------------------------------


def test_blocks_need_less_memory_than_all_scores_at_once() -> None:
    found = costs.attention([512, 1024], 0.0)
    at_once, blocks = ([entry["megabytes"] for entry in found[name]] for name in ("all at once", "in blocks"))
    assert blocks[1] < 2.2 * blocks[0]
    assert at_once[1] > 3 * at_once[0]


def test_a_state_stays_as_large_as_it_is_and_a_cache_grows() -> None:
    found = costs.writing(CONFIG, [10, 40])
    assert [entry["kilobytes"] for entry in found["linear"]] == [CONFIG.layers * 8 * (4 + 1) * 4 / 1e3] * 2
    kept = CONFIG.layers * (2 * 8 + 2) * 4 / 1e3  # a token's keys, values and gates
    assert [entry["kilobytes"] for entry in found["softmax"]] == pytest.approx([30 * kept, 60 * kept])


def test_kinds_of_characters() -> None:
    assert [far.kind_of(character) for character in "a7 \n;"] == [
        "letter or digit", "letter or digit", "space", "line end", "punctuation",
    ]  # fmt: skip
    assert {far.kind_of(character) for character in CHARACTERS} == {
        "letter or digit", "space", "line end", "punctuation",
    }  # fmt: skip
