"""papers, bench, data and claims on the command line."""

import json
from pathlib import Path

import pytest

from tests.lab.command import run
from tests.lab.measuring.test_machine import memory
from tinygrad_lab.lab import bench, registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.statistics import interval, paired_difference
from tinygrad_lab.paper import FAMILIES, SIZES
from tinygrad_lab.study import Claim, Finding, Summary


def test_papers_json_has_the_public_schema() -> None:
    result = run("papers", "--json", "-")
    assert result.code == 0
    entries = {entry["slug"]: entry for entry in json.loads(result.out)}
    assert {"autoencoder", "lenet", "dropout"} <= set(entries)
    lenet = entries["lenet"]
    assert set(lenet) == {"slug", "family", "title", "year", "variants"}
    assert lenet["family"] in FAMILIES
    assert lenet["variants"]["1998"]["paper"] == {"parameters": 60_000}
    assert all(set(sizes) == set(SIZES) for entry in entries.values() for sizes in entry["variants"].values())


def test_papers_table_names_every_variant() -> None:
    out = run("papers").out
    for slug, paper in registry.discover().items():
        assert slug in out
        assert all(variant in out for variant in paper.variants)


def test_bench_json_has_the_public_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.01)
    result = run("bench", "lenet", "--size", "tiny", "--repeats", "2", "--json", "-")
    assert result.code == 0
    row, mean = json.loads(result.out)
    assert set(row) == {
        "paper", "variant", "size", "numpy_ms", "torch_ms", "ratio", "numpy_peak_mb", "torch_peak_mb", "threads",
        "repeats", "numpy_whole_mb", "torch_whole_mb", "numpy_ms_quartiles", "torch_ms_quartiles",
    }  # fmt: skip
    assert row["ratio"] == pytest.approx(row["numpy_ms"] / row["torch_ms"])
    assert mean == {"geomean_ratio": pytest.approx(row["ratio"]), "machine": machine.machine()}
    assert row["numpy_whole_mb"] > row["numpy_peak_mb"] >= 0
    assert row["torch_whole_mb"] > row["torch_peak_mb"] >= 0
    assert row["numpy_ms_quartiles"][0] <= row["numpy_ms"] <= row["numpy_ms_quartiles"][1]


def test_peak_memory_grows_with_the_size() -> None:
    small = bench.peak_memory("lenet", "1998", "small", "numpy")["numpy_peak_mb"]
    large = bench.peak_memory("lenet", "1998", "small", "numpy", ("--batch-size", "512"))["numpy_peak_mb"]
    assert 2 < small < 200  # megabytes: a batch of 64, its activations and columns
    assert large > 2 * small


def test_bench_takes_fields_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "alternate", lambda steps, repeats, watch: [1.0] * len(steps))
    monkeypatch.setattr(bench, "peak_memory", lambda _slug, _variant, _size, side, _fields: memory(side))
    batches = []
    step = lambda side, paper, config, builtin=False: batches.append(config.batch_size)  # noqa: E731
    monkeypatch.setattr(bench, "training_step", step)
    assert run("bench", "lenet", "dropout", "--size", "tiny", "--batch-size", "3").code == 0
    assert set(batches) == {3}
    result = run("bench", "lenet", "--bach-size", "3")
    assert result.code == 2
    assert "--batch-size" in result.err


def test_blocks_alternate_and_report_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "block", lambda step: step())
    calls: list[str] = []
    times = iter([0.0, 0.0, 1.0, 10.0, 2.0, 30.0, 9.0, 20.0])

    def step(name: str) -> float:
        calls.append(name)
        return next(times)

    found = bench.alternate([lambda: step("a"), lambda: step("b")], repeats=3)
    assert "".join(calls) == "abababab"  # one warm-up each, then three blocks each, taking turns
    assert found == [2.0, 20.0]


def test_data_list_shows_state_and_licence() -> None:
    entries = json.loads(run("data", "list", "--json", "-").out)
    digits = next(entry for entry in entries if entry["name"] == "digits")
    assert digits["checksum"] == "embedded"
    assert digits["licence"]
    assert run("data", "list").code == 0


def test_data_fetch_of_an_unknown_name() -> None:
    result = run("data", "fetch", "emnist")
    assert result.code == 2
    assert "emnist" in result.err


# ---- claims ---------------------------------------------------------------------------------------------------------


def test_blocks_are_put_between_their_markers() -> None:
    text = "a\n<!-- claims -->\nold\n<!-- /claims -->\nb\n"
    filled = claims.fill(text, {"claims": "new"})
    assert filled == "a\n<!-- claims -->\nnew\n<!-- /claims -->\nb\n"
    assert claims.fill(filled, {"claims": "new"}) == filled
    with pytest.raises(UsageError, match="no markers <!-- summary -->"):
        claims.fill(text, {"summary": "new"})


def test_claims_table_escapes_bars_and_shows_the_verdict() -> None:
    finding = Finding("against a number", "refuted", 1.0, 0.9, 1.1, p=0.01, adjusted_p=0.0213, reservations=("few",))
    claim = Claim("|said|", "table 1", "ran", "1.0 ± 0.1 %", finding, "1.0 against 0.5", "1.1 %")
    row = claims.claims_table([claim]).splitlines()[-1]
    assert row == (
        "| \\|said\\| | table 1 | ran | 1.0 ± 0.1 % | 1.1 % | **refuted**: 1.0 against 0.5; against a number, p 0.01, "
        "0.021 after Holm; reservations: few |"
    )


def test_nothing_is_redrawn_from_no_results(tmp_path: Path) -> None:
    result = run("claims", "lenet", "--redraw", "--out", str(tmp_path))
    assert result.code == 2
    assert f"holds no results: run tinygrad-lab claims lenet --out {tmp_path} first" in " ".join(result.err.split())


@pytest.mark.parametrize(("quick", "out", "command"), [
    (False, None, "lenet"), (True, None, "lenet --quick"), (False, "o", "lenet --out o"),
    (True, "my runs", "lenet --quick --out 'my runs'"),
])  # fmt: skip
def test_the_hint_names_the_command_that_fills_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool, out: str | None, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lab = claims.workbench(registry.find("lenet"), None, quick, Path(out) if out else None)
    with pytest.raises(UsageError, match=f"no results .*: run tinygrad-lab claims {command} first"):
        lab.results("none of that name")


def test_summary_table_has_one_row_a_field() -> None:
    summary = Summary(*[f"v{i}" for i in range(11)])
    assert len(claims.summary_table(summary).splitlines()) == 2 + 11


@pytest.mark.parametrize("slug", list(registry.discover()))
def test_readme_tables_are_what_the_results_say(slug: str) -> None:
    """The committed README is what the command writes from the committed results: no number was typed in."""
    paper = registry.find(slug)
    readme = (claims.paper_folder(paper) / "README.md").read_text(encoding="utf-8")
    lab = claims.workbench(paper, None, False, None)
    assert claims.fill(readme, claims.blocks(paper, lab)) == readme


@pytest.mark.parametrize("slug", list(registry.discover()))
def test_pictures_in_the_readme_exist(slug: str) -> None:
    folder = claims.paper_folder(registry.find(slug))
    text = (folder / "README.md").read_text(encoding="utf-8")
    pictures = [part.split(")")[0] for part in text.split("](")[1:] if part.split(")")[0].endswith(".png")]
    assert pictures
    assert [name for name in pictures if not (folder / name).exists()] == []


def test_interval_is_students_t() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.half_width == pytest.approx(4.302652729911275 / 3**0.5)
    assert f"{found:.1f}" == "2.0 ± 2.5"
    assert f"{found:.1f %}" == "2.0 ± 2.5 %"
    assert f"{interval([1.5]):.1f s}" == "1.5 s (one run)"
    assert paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]).half_width == 0.0
    with pytest.raises(ValueError, match="at least one value"):
        interval([])


def test_runs_are_compared_seed_by_seed() -> None:
    """Differences of 3 and -1, though in order of size the values are 1 apart."""
    found = paired_difference([4.0, 2.0], [1.0, 3.0])
    assert found.mean == 1.0
    assert found.half_width == pytest.approx(12.706204736432095 * 2)  # t of one degree of freedom, deviation √8


def test_claims_of_an_unknown_paper(tmp_path: Path) -> None:
    result = run("claims", "resnet", "--out", str(tmp_path))
    assert result.code == 2
    assert "unknown paper 'resnet'" in result.err
