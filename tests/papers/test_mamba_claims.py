"""The experiments run, save, judge and draw; comparisons are fair; the probes measure what they say."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from papers.mamba.config import VARIANTS
from papers.mamba.model import Mamba, build, loss
from papers.mamba.study import experiment, probes, verdicts
from papers.mamba.study.neighbours import NEIGHBOURS, nats_a_character, neighbour_config
from papers.mamba.study.verdicts import ARMS, soonest_rate
from papers.mamba.tasks import synthetic
from tests.numerics import relative_error
from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import Verdict

PAPER = registry.find("mamba")
CONFIG = VARIANTS["induction"]["tiny"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    experiment.measure(lab)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 7
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"cost", "step_sizes", "tasks", "text"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| selective, 0 |" in filled
    assert "ROMEO:" in filled


def test_the_witness_ends_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results("copying")["runs"]["selective"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    assert ours["history"][-1]["bits"] == pytest.approx(theirs["history"][-1]["bits"], rel=1e-4)


def test_arms_have_about_as_many_parameters() -> None:
    for task in ("copying", "induction"):
        counts = []
        for arm in ARMS:
            config = experiment.task_config(task, arm, 1e-3, quick=False)
            counts.append(sum(parameter.numel() for parameter in build(config).parameters()))
        assert max(counts) / min(counts) < 1.04


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_have_the_same_windows_and_about_as_many_parameters(quick: Lab, name: str) -> None:
    ours = experiment.text_config("selective", quick=False)
    theirs, bench = neighbour_config(quick, name, ours, quick=False), quick.beside(NEIGHBOURS[name][0])
    counts = [
        sum(parameter.numel() for parameter in side.build(config, 0).parameters())
        for side, config in ((quick.side("numpy"), ours), (bench.side("numpy"), theirs))
    ]
    assert max(counts) / min(counts) < 1.02
    batches = [lab.data.training_batches(c, generator(3)) for lab, c in ((quick, ours), (bench, theirs))]
    assert len(batches[0]) * ours.epochs == len(batches[1]) * theirs.epochs == 2000
    for first, second in zip(*map(iter, batches), strict=True):
        np.testing.assert_array_equal(first["tokens"], second["tokens"])
        np.testing.assert_array_equal(first["target"], second["target"])


def test_nats_are_those_of_the_loss(model: Mamba) -> None:
    batch = {
        name: value if name == "count" else Tensor(value)
        for name, value in synthetic.draw(CONFIG, 5, generator(0)).items()
    }
    batch["target"] = batch["tokens"]
    batch["count"] = float(batch["target"].numel())
    assert nats_a_character(model, [batch, batch]) == pytest.approx(loss(model, batch).item(), rel=1e-6)


def test_the_soonest_rate_is_soonest_then_best() -> None:
    def run(updates: int, accuracy: float) -> dict:
        return {"updates": updates, "history": [{"accuracy": accuracy}]}

    assert soonest_rate({"slow": run(800, 98.0), "fast": run(600, 97.0)}) == "fast"
    assert soonest_rate({"bad": run(800, 20.0), "better": run(800, 30.0)}) == "better"


# ---- probes ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Mamba:
    made = build(CONFIG, generator(0))
    state = made.state_dict()
    state["backbone.embeddings.weight"] = 50 * state["backbone.embeddings.weight"]
    made.load_state_dict(state)
    return made


def test_long_sequences_are_judged_as_if_read_at_once(model: Mamba, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, length=50)
    batch = synthetic.draw(config, 40, generator(synthetic.TEST_SEED + 50))
    answers = model(Tensor(batch["tokens"])).numpy()[:, -1].argmax(-1)
    expected = 100 * (answers == batch["target"][:, -1]).mean()
    assert 0 < expected < 100
    monkeypatch.setattr(probes, "READ_AT_ONCE", 40 * 7)
    assert probes.accuracy_at(model, CONFIG, 50, 40) == pytest.approx(expected)


def test_step_sizes_are_those_of_the_blocks(model: Mamba) -> None:
    tokens = np.arange(9)
    found = np.array(probes.step_sizes(model, tokens))
    assert found.shape == (CONFIG.layers, 9)
    block = model.backbone.layers[0]
    u, _ = block.mixer.in_proj(block.norm(model.backbone.embeddings(Tensor(tokens[None])))).chunk(2, -1)
    delta, _, _ = block.mixer.select(block.mixer.conv1d(u))
    assert relative_error(found[0], delta.numpy()[0].mean(axis=-1)) < 1e-6


def test_what_is_kept_is_the_same_everywhere_and_counted_in_full(model: Mamba) -> None:
    cost = probes.writing(model, CONFIG, [10, 60])
    numbers = CONFIG.layers * CONFIG.channels * (CONFIG.conv_kernel - 1 + CONFIG.state_size)
    assert cost["kilobytes"] == [4 * numbers / 1e3] * 2
    assert all(time > 0 for time in cost["milliseconds"])


def test_the_fused_scan_needs_less_memory_than_its_definition() -> None:
    found = probes.scanning(40, channels=32, states=8)
    assert found["fused"]["megabytes"] < found["step by step"]["megabytes"]
    assert all(cost["milliseconds"] > 0 for cost in found.values())


def test_lengths_begin_with_that_of_training() -> None:
    assert verdicts.LENGTHS[0] == VARIANTS["induction"]["small"].length
