"""BERT's study runs, saves, judges and draws; arms differ in what they should; sentences say what the results do."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.bert import data
from papers.bert.config import BertConfig
from papers.bert.model import build
from papers.bert.study import arms, experiment, pages, verdicts
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.study import ahead, claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Claim, Record, Verdict

PAPER = registry.find("bert")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All of it with two seeds, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "cores", lambda: 1)
        lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.judged(PAPER, quick)
    assert len(found) == 9
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"pretraining", "fine-tuning"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| not pre-trained | - | - | - |" in filled


def test_the_witness_starts_where_the_engine_does(quick: Lab) -> None:
    config = arms.pretraining_config("bert", quick=True)
    ours, theirs = (quick.train(config, 4, side, at_end=()) for side in ("numpy", "torch"))
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-4)  # no dropout, so the same all the way


def test_pytorch_has_seeds_that_no_other_run_has(quick: Lab) -> None:
    seeds = {
        side: {run["seed"] for name in ("pretraining", "fine-tuning") for arm in quick.results(name)["runs"]
               for run in quick.runs(name, side, arm)}
        for side in ("numpy", "torch")
    }  # fmt: skip
    assert seeds == {"numpy": {0, 1}, "torch": {1000, 1001}}
    assert SWEEP_SEED not in seeds["numpy"]
    assert {arm for arm, runs in quick.results("pretraining")["runs"].items() if len(runs) == 4} == set(arms.WITNESSED)


def test_every_pretraining_run_is_fine_tuned_once_on_sentences_of_its_own(quick: Lab) -> None:
    tuned = quick.results("fine-tuning")["runs"]
    assert set(tuned) == set(arms.TASKS)
    for task, arm in arms.TASKS.items():
        if arm in arms.ARMS and task not in arms.FEW:
            before = quick.results("pretraining")["runs"][arm]
            assert [(run["side"], run["seed"]) for run in before] == [(run["side"], run["seed"]) for run in tuned[task]]
        assert all(run["config"]["seed"] == run["seed"] for run in tuned[task])
    everything = np.arange(1000)
    drawn = [set(data.chosen_rows(everything, 100, seed).tolist()) for seed in (0, 1)]
    assert [len(rows) for rows in drawn] == [100, 100]
    assert drawn[0] != drawn[1]


def test_fine_tuning_starts_from_the_encoder_alone(quick: Lab) -> None:
    config = replace(arms.fine_tuning_config("bert", 1e-12, quick=True), epochs=1, items=32, weight_decay=0.0)
    before = build(replace(config, task="pretraining"), generator(7))
    weights = {name: value.copy() for name, value in before.state_dict().items()}
    for side in ("numpy", "torch"):
        run = quick.train(config, 3, side, weights=experiment.encoder_of(weights), at_end=())
        after = quick.side(side).state(run.model)
        for name, value in after.items():
            known = name in weights and np.allclose(value, weights[name], atol=1e-6)
            assert known == name.startswith("bert."), name


def test_rates_of_fine_tuning_are_tried_on_the_pretrained_encoder(quick: Lab) -> None:
    config = arms.fine_tuning_config("bert", 1e-12, quick=True)
    before = build(replace(config, task="pretraining"), generator(7)).state_dict()
    weights = experiment.encoder_of({name: value.copy() for name, value in before.items()})
    name = "bert.embeddings.word_embeddings.weight"
    moved = quick.bracket(
        lambda rate: replace(config, learning_rate=rate), (1e-12, 2e-12), "x",
        lambda run: float(np.abs(quick.side("numpy").state(run.model)[name] - weights[name]).max()), weights=weights,
    )  # fmt: skip
    assert max(moved.values()) < 1e-6


def test_loss_curves_are_thinned_to_means() -> None:
    assert experiment.thinned([1.0, 3.0, 5.0]) == [1.0, 3.0, 5.0]
    assert experiment.thinned([float(i) for i in range(401)])[:2] == [1.0, 4.0]


# ---- arms ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """The full study's sizes, on what is always there."""
    monkeypatch.setitem(arms.SIZES, "dataset", "topics")
    monkeypatch.setitem(arms.SIZES, "vocab_size", 300)


@pytest.mark.usefixtures("on_topics")
def test_arms_differ_in_one_thing_and_one_in_how_much_it_reads() -> None:
    configs = {arm: arms.pretraining_config(arm) for arm in arms.ARMS}
    base = asdict(configs["bert"])
    differing = {arm: {k for k, v in asdict(config).items() if v != base[k]} for arm, config in configs.items()}
    leftwards = {"variant", "task", "context"}
    assert differing.pop(arms.LEFT) - {"epochs", "items"} == leftwards
    assert differing == {
        "bert": set(),
        "no-nsp": {"variant", "task"},
        "always-mask": {"mask_token_share", "random_token_share"},
        arms.LONGER: leftwards,
    }
    tuned = [arms.fine_tuning_config(task, 1e-3) for task in (arms.SCRATCH, arms.LEFT, arms.LONGER)]
    assert [config.context for config in tuned] == ["both", "left", "left"]
    assert len({count_parameters(build(config)) for config in tuned}) == 1


@pytest.mark.usefixtures("on_topics")
def test_arms_are_asked_about_as_many_tokens_and_a_longer_one_reads_as_much_text() -> None:
    asked = {arm: counted(arms.pretraining_config(arm)) for arm in arms.ARMS}
    longer = asked.pop(arms.LONGER)
    assert max(asked.values()) / min(asked.values()) < 1.02
    assert longer > 5 * asked["no-nsp"]
    assert len({arms.updates(arms.pretraining_config(arm)) for arm in ("bert", "no-nsp", arms.LONGER)}) == 1


def counted(config: BertConfig) -> float:
    """Tokens to predict, over all batches of one pass; what the study says they are is held to that."""
    asked = config.epochs * sum(batch["count"] for batch in data.training_batches(config, generator(0)))
    assert arms.predicted(config) == pytest.approx(asked, rel=0.02)
    return float(asked)


@pytest.mark.usefixtures("on_topics")
def test_every_rate_is_tried_with_the_same_part_of_an_arms_updates_and_every_task_has_as_many() -> None:
    for arm in arms.ARMS:
        whole, part = arms.updates(arms.pretraining_config(arm)), arms.updates(arms.tried(arm, 1e-3, False))
        assert whole / part == pytest.approx(arms.RATE_PART, rel=0.05)
    made = [arms.updates(arms.fine_tuning_config(task, 1e-3)) for task in arms.TASKS]
    assert max(made) / min(made) < 1.05


def test_batches_hold_what_a_longer_run_asks_for() -> None:
    config = arms.pretraining_config("no-nsp", quick=True)
    batches = data.training_batches(config, generator(0))
    assert len(list(islice(batches, 100))) * config.epochs == arms.updates(config)


# ---- verdicts and sentences ------------------------------------------------------------------------------------------


def with_numbers(lab: Lab, folder: Path, right: dict[str, list[float]], hidden: dict[str, list[float]]) -> Lab:
    """The quick results, but with these accuracies, these hidden words found, and rates that are bracketed."""
    tuned, before = lab.results("fine-tuning"), lab.results("pretraining")
    for side in ("numpy", "torch"):
        for task, values in right.items():
            for run, value in zip([r for r in tuned["runs"][task] if r["side"] == side], values, strict=False):
                run["metrics"]["accuracy"] = value
        for arm, values in hidden.items():
            for run, value in zip([r for r in before["runs"][arm] if r["side"] == side], values, strict=False):
                run["history"][-1]["hidden"] = value
        for found in tuned["naive Bayes"].values():
            found[side] = [50.0, 50.1]
    files = {
        "fine-tuning": tuned, "pretraining": before,
        "rates": {"losses": {arm: {"0.001": 2.0, "0.002": 1.0, "0.004": 2.0} for arm in arms.ARMS}},
        "tuning-rates": {"accuracy": {task: {"0.001": 2.0, "0.002": 3.0, "0.004": 2.0} for task in arms.TASKS}},
    }  # fmt: skip
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return Lab(PAPER, None, True, folder)


def by_statement(lab: Lab) -> dict[str, Claim]:
    return {claim.statement.split(" (")[0]: claim for claim in verdicts.claims(lab)}


RIGHT = {
    "none": [30.0, 30.1], "no-nsp": [40.0, 40.1], "bert": [40.5, 40.6], "always-mask": [40.0, 40.1],
    arms.LEFT: [35.0, 35.1], arms.LONGER: [45.0, 45.1],
}  # fmt: skip
HIDDEN = {"no-nsp": [10.0, 10.1], arms.LEFT: [12.0, 12.1]}


def test_verdicts_follow_the_numbers(quick: Lab, tmp_path: Path) -> None:
    found = by_statement(with_numbers(quick, tmp_path, RIGHT, HIDDEN))
    assert {statement: claim.verdict for statement, claim in found.items()} == {
        "a pre-trained encoder with one new layer is far better at a task than one that starts from nothing":
            "reproduced",
        "a fine-tuned encoder is better at the task than naive Bayes, which counts the words of its examples":
            "inconclusive",
        "a left-to-right model is worse at the task than a masked one": "reproduced",
        "on as much text, in as many updates, a left-to-right model is worse at the task than a masked one":
            "inconclusive",
        "who sees both sides of a word knows more about it than who sees the left one": "inconclusive",
        "next-sentence prediction helps": "reproduced",
        "fine-tuning hardly minds what stands for hidden words": "reproduced",
        "always [MASK] is worse where the encoder stays frozen": "inconclusive",
        "GLUE average 79.6": "out of reach here",
    }  # fmt: skip
    assert sum(c.finding.witness == "PyTorch under other seeds (2): the same verdict" for c in found.values()) == 4
    held_back = [claim.finding.held_back for claim in found.values() if claim.finding.held_back]
    assert held_back == [verdicts.LITTLE] * 3


def test_a_rate_at_the_end_of_its_grid_holds_a_verdict_back(quick: Lab, tmp_path: Path) -> None:
    lab = with_numbers(quick, tmp_path, RIGHT, HIDDEN)
    for name, what, arm in (("rates", "losses", arms.LEFT), ("tuning-rates", "accuracy", arms.SCRATCH)):
        results = lab.results(name)
        results[what][arm] = {"0.001": 1.0, "0.002": 1.0} if what == "losses" else {"0.001": 3.0, "0.002": 1.0}
        (tmp_path / f"{name}.json").write_text(json.dumps(results), encoding="utf-8")
    held = {statement: claim.finding.held_back for statement, claim in by_statement(lab).items()}
    nothing = "a pre-trained encoder with one new layer is far better at a task than one that starts from nothing"
    assert held[nothing] == "none took the lowest of its rates (0.001, 0.002)"
    assert "took the lowest" in held["a left-to-right model is worse at the task than a masked one"]


def test_the_sentences_numbers_are_in_the_results(quick: Lab) -> None:
    """Recomputed from the files by hand."""
    before, tuned = quick.results("pretraining"), quick.results("fine-tuning")

    def ours(runs: list[Record]) -> list[Record]:
        return [run for run in runs if run["side"] == "numpy"]

    def words(arm: str) -> str:
        return f"{np.mean([run['history'][0]['hidden'] for run in ours(before['runs'][arm])]):.1f} %"

    said = [words("no-nsp"), words(arms.LEFT), words(arms.LONGER), f"{before['most frequent']:.1f} %"]
    assert re.findall(r"[\d.]+ %", pages.of_pretraining(quick)) == said
    losses = [np.mean([run["losses"][-1] for run in ours(before["runs"]["no-nsp"])])]  # of eight, the last one
    assert f"at {losses[0]:.2f} nats ({losses[0] / np.log(2):.2f} bits)" in pages.of_pretraining(quick)

    def right(task: str) -> float:
        return float(np.mean([run["metrics"]["accuracy"] for run in ours(tuned["runs"][task])]))

    def bayes(task: str) -> float:
        return float(np.mean(tuned["naive Bayes"][task]["numpy"]))

    few = [right("no-nsp, few labels"), right("none, few labels"), bayes("none, few labels")]
    many = [right("no-nsp"), right("none"), bayes("none")]
    best = max(right(arm) for arm in (*arms.ARMS, "none"))
    numbers = [f"{value:.1f} %" for value in (best, many[2], *few, *many)]
    assert re.findall(r"[\d.]+ %", pages.of_tuning(quick)) == numbers
