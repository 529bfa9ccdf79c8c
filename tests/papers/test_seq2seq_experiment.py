"""The experiments run, save, judge and draw; the groups by length are what they are called; training learns."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.seq2seq_attention.config import VARIANTS
from papers.seq2seq_attention.inference import SearchOptions
from papers.seq2seq_attention.study import experiment, verdicts
from papers.seq2seq_attention.study.alignment import aligned
from papers.seq2seq_attention.train import configure_optimizer
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.lab.training import Training
from tinygrad_lab.random import generator
from tinygrad_lab.study import Verdict

PAPER = registry.find("seq2seq_attention")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Dates only, what is always there; one seed."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    for variant in VARIANTS:
        experiment.measure_dates(lab, variant)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 5
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"dates", "lengths", "variants"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| input-feeding |" in filled


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results("dates-general")["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-4)
    assert ours["exact"] == theirs["exact"]


def test_alignments_are_saved_with_their_tokens(quick: Lab) -> None:
    for variant in ("general", "local-m"):
        for alignment in quick.results(f"dates-{variant}")["alignments"]:
            weights = np.array(alignment["weights"])
            assert weights.shape == (len(alignment["target"]), len(alignment["source"]))
            assert alignment["source"][-1] == alignment["target"][-1] == "</s>"
            assert (weights >= 0).all()
            assert (weights.sum(axis=1) <= 1.02).all()
    assert "alignments" not in quick.results("dates-none")


def test_groups_by_length() -> None:
    texts = ["a" * n for n in (3, 8, 11, 12, 40)]
    assert experiment.grouped(texts, (3, 8, 12)) == {"3-7": [0], "8-11": [1, 2], "12+": [3, 4]}
    assert experiment.grouped(texts, (1, 2, 8)) == {"2-7": [0], "8+": [1, 2, 3, 4]}
    assert experiment.counted(texts, [True, True, False, False, True], (3, 8, 12)) == {
        "3-7": 100,
        "8-11": 50,
        "12+": 50,
    }


def test_what_is_lost_from_short_to_long() -> None:
    groups = [{"a": 90.0, "b": 70.0, "c": 50.0}, {"a": 80.0}, {"a": 9.0, "b": 8.0}]
    assert verdicts._lost([{"by_length": group} for group in groups]) == [40, 0, 1]


def test_the_paper_s_schedule_halves_the_rate_every_epoch_after_the_eighth() -> None:
    config = replace(VARIANTS["general"]["tiny"], optimizer="sgd", learning_rate=1.0, epochs=12, constant_epochs=8)
    side = one_side(PAPER, "numpy")
    optimizer, scheduler = configure_optimizer(side.build(config), config, 120)
    rates = []
    for _ in range(120):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert rates[::10] == [1.0] * 8 + [0.5, 0.25, 0.125, 0.0625]
    assert rates[79:81] == [1.0, 0.5]


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_small_network_learns_dates_and_is_resumed(side: str, tmp_path: Path) -> None:
    config = replace(
        VARIANTS["general"]["small"], hidden_size=24, train_items=256, batch_size=32, epochs=2, learning_rate=1e-2
    )
    training = Training(PAPER, side, config, tmp_path)
    training.run()
    assert training.history[-1]["perplexity"] < 12  # from 16 at the start, where all tokens are alike
    again = Training(PAPER, side, config, tmp_path)
    again.resume()
    assert again.step == 16
    assert again.vocabularies == training.vocabularies


def test_long_gradients_are_shortened() -> None:
    config = replace(VARIANTS["general"]["tiny"], clip=1e-3, optimizer="sgd", learning_rate=1.0, dropout=0.0)
    side = one_side(PAPER, "numpy")
    model = side.build(config, dtype="float64")
    before = side.state(model)
    optimizer, scheduler = side.optimizer(model, config, 10)
    batch = registry.part(PAPER, "data").example_batch(config, generator(0))
    list(side.train(model, optimizer, scheduler, [batch], "float64"))
    moved = sum(((side.state(model)[name] - value) ** 2).sum() for name, value in before.items()) ** 0.5
    assert moved == pytest.approx(1e-3, rel=1e-2)


def test_alignment_of_an_untrained_network_has_every_position() -> None:
    config = replace(VARIANTS["general"]["small"], hidden_size=8)
    model = one_side(PAPER, "numpy").build(config)
    found = aligned(model, config, "13 de marzo de 2019", SearchOptions(beam=1, max_length=5))
    assert "".join(found["source"][:-1]) == "13 de marzo de 2019"
