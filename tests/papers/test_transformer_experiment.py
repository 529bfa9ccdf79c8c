"""The experiments run, save, judge and draw; maps of attention are distributions over what may be seen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from papers.transformer.config import VARIANTS
from papers.transformer.study import experiment
from papers.transformer.study.maps import attention_maps, translated
from tinygrad_lab.data import Batches, PairData
from tinygrad_lab.data.translation import data as pairs
from tinygrad_lab.data.translation.vocabulary import EOS
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.study import Verdict

PAPER = registry.find("transformer")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Dates only, what is always there; one seed, one rate, and few dates to be evaluated on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "FACTORS", (0.3,))
        patch.setattr(experiment, "available", lambda name: False)
        patch.setattr(pairs, "evaluation_batches", lambda data, vocabularies, split: few(data, vocabularies))
        lab = Lab(PAPER, 1, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


def few(data: PairData, vocabularies: dict[str, str]) -> Batches:
    """The first pairs of a split in one batch."""
    arrays = {name: array[:32] for name, array in pairs.encoded(data, vocabularies).items()}
    return Batches(arrays, 32, shuffle=False, transform=lambda batch, _: pairs.trimmed(batch))


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 10
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"positions", "dates", "layers", "variants", "warm-up"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| narrow-keys |" in filled
    assert "| Luong et al. 2015 |" in filled


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    """Up to the first update: each side drops units of its own."""
    ours, theirs = quick.results("dates-sinusoidal")["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=0.1)


def test_the_baseline_is_the_other_paper_s_own_model(quick: Lab) -> None:
    (run,) = quick.results("dates-luong")["runs"]
    assert (run["config"]["attention"], run["config"]["score"]) == ("global", "general")
    ours = quick.results("dates-sinusoidal")["runs"][0]
    assert run["config"]["train_items"] == ours["config"]["train_items"] == 256


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
