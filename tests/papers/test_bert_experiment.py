"""The experiments run, save, judge and draw; probes measure what they are called; arms differ in what they should."""

from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import pytest

from papers.bert import data
from papers.bert.config import VARIANTS
from papers.bert.model import build
from papers.bert.study import experiment, probes
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import Verdict

PAPER = registry.find("bert")
TOPICS = replace(
    VARIANTS["no-nsp"]["small"], dataset="topics", vocab_size=300, hidden_size=8, intermediate_size=8, length=24,
    num_hidden_layers=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """All of it, one seed."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    experiment.measure(lab)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 7
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"pretraining", "fine-tuning"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| not pre-trained | - | - | - |" in filled


def test_the_witness_starts_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results("pretraining-bert")["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-4)  # no dropout, so the same all the way
    tuned = quick.results("fine-tuning")["runs"]["bert"]
    assert [run["side"] for run in tuned] == ["numpy", "torch"]


def test_fine_tuning_starts_from_the_encoder_alone(quick: Lab) -> None:
    config = replace(experiment.fine_tuning_config("bert", 1e-12, True), epochs=1, items=32, weight_decay=0.0)
    before = build(replace(config, task="pretraining"), generator(7))
    weights = {name: value.copy() for name, value in before.state_dict().items()}
    for side in ("numpy", "torch"):
        run = quick.train(config, 3, side, weights=experiment.encoder_of(weights), at_end=())
        after = quick.side(side).state(run.model)
        for name, value in after.items():
            known = name in weights and np.allclose(value, weights[name], atol=1e-6)
            assert known == name.startswith("bert."), name


def test_loss_curves_are_thinned_to_means() -> None:
    assert experiment.thinned([1.0, 3.0, 5.0]) == [1.0, 3.0, 5.0]
    assert experiment.thinned([float(i) for i in range(401)])[:2] == [1.0, 4.0]


def test_arms_differ_in_one_thing() -> None:
    configs = {arm: experiment.pretraining_config(arm, False) for arm in experiment.ARMS}
    base = asdict(configs["bert"])
    differing = {arm: {k for k, v in asdict(config).items() if v != base[k]} for arm, config in configs.items()}
    assert differing == {
        "bert": set(),
        "no-nsp": {"variant", "task"},
        "left-to-right": {"variant", "task", "context"},
        "always-mask": {"mask_token_share", "random_token_share"},
    }
    tuned = [experiment.fine_tuning_config(arm, 1e-3, False) for arm in ("none", "left-to-right")]
    assert [config.context for config in tuned] == ["both", "left"]
    assert len({count_parameters(build(config)) for config in tuned}) == 1


# ---- probes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("context", "hide", "seen"), [("both", True, 0), ("both", False, 100), ("left", True, 0)])
def test_words_are_hidden_or_shown_at_the_same_places(
    monkeypatch: pytest.MonkeyPatch, context: str, hide: bool, seen: int
) -> None:
    """A model that repeats what it reads is right where words are shown and wrong where they are hidden."""
    asked = []

    def repeat(model, batch, places):
        asked.append(places)
        return batch["input_ids"].ravel()[places]

    monkeypatch.setattr(probes, "best_words", repeat)
    task = "masked" if context == "both" else "left-to-right"
    found = probes.word_accuracy(build(TOPICS), replace(TOPICS, context=context, task=task), hide)
    assert found == pytest.approx(seen, abs=10)  # a word may repeat the one before it
    shift = 0 if context == "both" else 1
    width = next(iter(probes.sentences(TOPICS, "test")))["input_ids"].shape[1]
    assert ((asked[0] + shift) % width > 0).all()  # never [CLS]


def test_the_commonest_word_is_better_than_any_other() -> None:
    share = probes.most_frequent(TOPICS)
    assert 100 / TOPICS.vocab_size < share < 30


def test_ridge_separates_what_is_separable() -> None:
    rng = generator(0)
    labels = rng.integers(0, 3, 300)
    x = np.eye(3)[labels] @ rng.standard_normal((3, 5)) * 10 + rng.standard_normal((300, 5))
    classify = probes.ridge(x[:200], labels[:200], 3)
    assert (classify(x[200:]) == labels[200:]).mean() > 0.95


def test_naive_bayes_knows_topics_by_their_words() -> None:
    config = replace(VARIANTS["classification"]["small"], dataset="topics", vocab_size=300)
    test = data.encoded(config, "test").label
    largest = 100 * np.bincount(test).max() / len(test)
    assert probes.naive_bayes_accuracy(config, 400) > 2 * largest


def test_features_are_means_over_real_tokens() -> None:
    model = build(TOPICS, generator(0))
    found = probes.features(model, TOPICS, "test")
    tokens = data.encoded(TOPICS, "test").tokens
    assert found.shape == (len(tokens), 8)
    alone = data.inputs([(tokens[4], None)], TOPICS.length)
    y, _ = model.eval().bert(*probes.tensors(alone))
    np.testing.assert_allclose(found[4], y.numpy()[0].mean(axis=0), rtol=1e-4, atol=1e-6)
