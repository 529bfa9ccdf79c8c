"""The experiments run, save, judge and draw; the probes see what the model does; comparisons are fair."""

from typing import get_args

import numpy as np
import pytest

from papers.forgetting_transformer import data
from papers.forgetting_transformer.config import VARIANTS
from papers.forgetting_transformer.model import build
from papers.forgetting_transformer.study import costs, experiment, verdicts
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


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One seed, on the text that is always there."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "available", lambda name: False)
        experiment.measure(lab)
    return lab


# ---- a whole experiment ----------------------------------------------------------------------------------------------


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"costs", "decay", "gates", "losses", "positions"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| in blocks |" in filled
    assert "Python's help texts" in filled


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results(verdicts.FILES[experiment.WITNESS])["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-4)
    np.testing.assert_allclose(ours["metrics"]["loss"], theirs["metrics"]["loss"], rtol=1e-4)


def test_every_arm_has_a_file() -> None:
    assert list(experiment.ARMS) == list(verdicts.FILES)
    assert len(set(verdicts.FILES.values())) == len(verdicts.FILES)


def test_windows_are_sixteen_times_as_long_as_in_training(quick: Lab) -> None:
    assert verdicts.positions_of(quick, "fixed gates").shape == (1, 16 * verdicts.training_length(quick))


def test_a_rise_is_what_is_lost_beyond_training(quick: Lab) -> None:
    class Rising(Lab):
        def results(self, name: str) -> dict:
            run = {"side": "numpy", "config": {"length": 4}}
            return {"contexts": [{"1": 9.0, "2": 2.0, "64": 5.5}, {"1": 9.0, "2": 3.0, "64": 7.0}], "runs": [run]}

    lab = Rising(quick.paper, 2, True, quick.folder)
    assert verdicts.rise(lab, "fixed gates").mean == 3.75


def test_contexts_stand_before_the_same_text() -> None:
    config = experiment.arm_config("FoX (LLaMA)", 1e-3, quick=True)
    stretch = config.length // 2
    short, long = (data.context_batches(config, "test", context, 64) for context in (4, 64))
    ends = [np.concatenate([batch["target"][:, -stretch:] for batch in batches]) for batches in (short, long)]
    np.testing.assert_array_equal(*ends)
    assert ends[0].shape == (data.STRETCHES, stretch)
    assert {batch["tokens"].shape[1] for batch in short} == {4 + stretch}
    with pytest.raises(ValueError, match="longest must be less than"):
        data.context_batches(config, "test", 4, 10**9)


def test_octaves_end_with_the_longest() -> None:
    assert verdicts.octaves(16) == [(1, 2), (2, 4), (4, 8), (8, 16)]


def test_arms_have_about_as_many_parameters_and_the_same_recipe() -> None:
    configs = {arm: experiment.arm_config(arm, 1e-3, quick=False) for arm in experiment.ARMS}
    sizes = {arm: sum(p.numel() for p in build(config).parameters()) for arm, config in configs.items()}
    assert max(sizes.values()) / min(sizes.values()) < 1.03
    recipes = {(c.windows, c.epochs, c.batch_size, c.length, c.learning_rate, c.dataset) for c in configs.values()}
    assert len(recipes) == 1
    layers, heads, width = 3, 4, 64
    assert sizes["FoX (LLaMA)"] - sizes["Transformer (LLaMA)"] == layers * heads * (width + 1)


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
    assert [experiment.kind_of(character) for character in "a7 \n;"] == [
        "letter or digit", "letter or digit", "space", "line end", "punctuation",
    ]  # fmt: skip
    assert {experiment.kind_of(character) for character in CHARACTERS} == {
        "letter or digit", "space", "line end", "punctuation",
    }  # fmt: skip
