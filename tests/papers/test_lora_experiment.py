"""The experiments of LoRA run, save, judge and draw; what is compared is comparable, what is measured is as it says."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from papers.lora.config import VARIANTS
from papers.lora.model import build, trainable
from papers.lora.study import experiment, findings, verdicts
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import Verdict

PAPER = registry.find("lora")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Everything at a token size, one seed; the pretrained decoder is kept in a folder of its own."""
    lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        experiment.measure(lab)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 10
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"methods", "arms", "spectra"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| full fine-tuning |" in filled


def test_every_run_starts_from_the_base_and_gets_better(quick: Lab) -> None:
    for method in experiment.METHODS:
        first = quick.runs(method)[0]
        assert first["config"]["base"] == experiment.BASE
        assert first["losses"][0] == pytest.approx(quick.runs("full")[0]["losses"][0], rel=1e-5)
        assert first["after"]["target"] < findings.base_loss(quick)


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results("lora")["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-4)


def test_costs_are_those_of_what_is_trained(quick: Lab) -> None:
    for method in experiment.METHODS:
        results = quick.results(method)
        numbers = results["runs"][0]["trained"]
        assert results["cost"]["optimizer"] == 8 * numbers
        assert 4 * numbers < results["cost"]["file"] < 4 * numbers + 8000  # names and checksums


def test_arms_of_a_comparison_train_about_as_many_numbers() -> None:
    def trained(targets: str, rank: int) -> int:
        config = replace(VARIANTS["lora"]["small"], targets=targets, rank=rank)
        return sum(p.numel() for p in trainable(build(config, generator(0))).values())

    counts = {arm: trained(*arguments) for arm, arguments in experiment.TARGETS.items()}
    assert (counts.pop("MLP"), counts.pop("all")) == (10_240, 9216)
    assert set(counts.values()) == {8192}


def test_lora_has_less_than_a_hundredth_of_the_parameters() -> None:
    model = build(VARIANTS["lora"]["small"], generator(0))
    numbers = sum(p.numel() for p in trainable(model).values())
    assert numbers / (sum(p.numel() for p in model.parameters()) - numbers) < 0.01


def test_spectrum_of_a_change_of_low_rank() -> None:
    assert findings.spectrum_share({"q": [[3.0, 4.0, 0.0], [1.0, 0.0, 0.0]]}, "q", 1) == pytest.approx((9 / 25 + 1) / 2)
    assert findings.spectrum_share({"q": [[3.0, 4.0, 0.0]]}, "q", 2) == 1
    assert 0.1 < findings.random_share(128) < 0.3


class Losses(Lab):
    """Made-up results: losses of LoRA and of full fine-tuning."""

    def __init__(self, full: list[float], lora: list[float], trained: int = 50) -> None:
        super().__init__(registry.find("lora"), None, False, Path("unused"))
        config = {"learning_rate": 0.1}
        base = {"side": "numpy", "parameters": 10_000, "steps": 9}
        self.found = {
            name: {"runs": [{"side": s, "metrics": {"loss": v}, "trained": trained, "config": config, "steps": 9,
                             "seconds": 9.0} for s in ("numpy", "torch") for v in values]}
            for name, values in (("full", full), ("lora", lora))
        } | {"base": {"losses": {"target": 2.0}, "runs": [base]}}  # fmt: skip
        bracketed = {"0.01": 2.0, "0.1": 1.0, "1": 3.0}
        self.found["rates"] = {"losses": {"full": bracketed, "lora": bracketed}}

    def results(self, name: str) -> dict:
        return self.found[name]


@pytest.mark.parametrize(
    ("lora", "trained", "verdict"),
    [
        ([1.01, 1.02, 1.00], 50, "reproduced"),  # 1 % of the gain is missing
        ([1.10, 1.11, 1.09], 50, "refuted"),  # 10 %
        ([1.00, 1.30, 0.71], 50, "inconclusive"),  # who knows
        ([0.90, 0.91, 0.89], 200, "refuted"),  # 2 % of the parameters
    ],
)
def test_on_par_is_within_a_share_of_the_gain(lora: list[float], trained: int, verdict: Verdict) -> None:
    assert verdicts._on_par(Losses([1.0, 1.01, 0.99], lora, trained)).verdict == verdict
