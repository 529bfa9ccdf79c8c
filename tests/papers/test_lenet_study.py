"""The study of LeNet-5: its networks, its splits, its arms, and how results become verdicts and sentences."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, get_args

import numpy as np
import pytest

from papers.lenet import data
from papers.lenet.config import PAPER_SIZE
from papers.lenet.study import experiment, neighbours, networks, pages, verdicts
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor
from tinygrad_lab.data import ImageData, load_images
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.study import ahead, claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Claim, Verdict

PAPER = registry.find("lenet")


# ---- the networks of figure 9 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "count"), [
    ("linear", 784 * 10 + 10), ("hidden", 784 * 300 + 300 + 300 * 10 + 10), ("lenet1", 2578),
])  # fmt: skip
def test_networks_have_the_papers_number_of_parameters(network: str, count: int) -> None:
    config = networks.NetworkConfig(network=network)
    model = networks.build(config, generator(0))
    assert count_parameters(model) == count
    assert model(Tensor(np.zeros((2, 1, 28, 28), np.float32))).shape == (2, 10)


def test_maps_of_the_second_convolution_read_one_map_or_a_pair() -> None:
    layer = seeded(networks.PairedConvolution)

    def read_by(number: int) -> str:
        image = Tensor(np.ones((1, 4, 5, 5), np.float32), requires_grad=True)
        layer(image)[0, number, 0, 0].backward()
        assert image.grad is not None
        return "".join(str(i) for i in range(4) if image.grad.numpy()[0, i].any())

    assert [read_by(number) for number in range(12)] == ["0", "1", "2", "3", *["01"] * 4, *["23"] * 4]


def test_initial_weights_are_within_the_bound_of_each_fan_in() -> None:
    layer = seeded(networks.PairedConvolution)
    largest = [np.abs(part.weight.numpy()).max() for part in (layer.single, layer.pair)]
    assert largest == pytest.approx([2.4 / 25, 2.4 / 50], rel=0.1)
    weight = seeded(lambda: networks.connected(784, 300)).weight.numpy()
    assert np.abs(weight).max() == pytest.approx(2.4 / 784, rel=0.01)


# ---- nearest neighbours ----------------------------------------------------------------------------------------------


def test_neighbours_are_the_nearest_in_order() -> None:
    known = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0]], np.float32)
    images = np.array([[0.9, 0.0], [0.0, 2.9]], np.float32)
    assert neighbours.nearest(images, known).tolist() == [[1, 0, 2], [2, 0, 1]]


def test_most_neighbours_elect_and_the_nearest_where_all_differ() -> None:
    labels = np.array([[1, 2, 2], [2, 1, 2], [3, 1, 2], [4, 4, 4]])
    assert neighbours.elected(labels).tolist() == [2, 2, 3, 4]


def test_errors_are_counted_over_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five clusters of three; of ten images two have the label of another cluster."""
    monkeypatch.setattr(neighbours, "CHUNK", 3)
    centres = 10 * np.arange(5, dtype=np.float32)[:, None]
    known = (centres + np.array([0.0, 0.1, 0.2], np.float32)).reshape(-1, 1)
    images, labels = np.repeat(centres, 2, axis=0), np.repeat(np.arange(5), 2)
    labels[[3, 8]] = 0
    assert neighbours.error(images, labels, known, np.repeat(np.arange(5), 3)) == pytest.approx(20.0)


# ---- splits and arms -------------------------------------------------------------------------------------------------


def test_a_validation_split_is_what_is_left_of_the_training_images() -> None:
    config = replace(PAPER_SIZE, dataset="digits", train_items=1000, seed=3)
    whole = load_images("digits", "train")
    kept, held = (data.dataset(config, split) for split in ("train", "validation"))
    assert (len(kept), len(held)) == (1000, 500)
    rows = np.concatenate([kept.images, held.images]).reshape(1500, -1)
    np.testing.assert_array_equal(np.sort(rows.sum(axis=1)), np.sort(whole.images.reshape(1500, -1).sum(axis=1)))
    np.testing.assert_array_equal(data.dataset(config, "test").images, load_images("digits", "test").images)
    assert (data.dataset(replace(config, seed=4), "train").labels != kept.labels).any()


def test_without_train_items_there_is_all_to_train_on_and_nothing_to_validate() -> None:
    config = replace(PAPER_SIZE, dataset="digits")
    np.testing.assert_array_equal(data.dataset(config, "train").images, load_images("digits", "train").images)
    for wrong in (config, replace(config, train_items=1500), replace(config, train_items=1501)):
        with pytest.raises(ValueError, match="train_items must be below the 1500 images"):
            data.dataset(wrong, "validation")


def test_no_more_than_held_out_images_validate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "HELD_OUT", 7)
    assert len(data.dataset(replace(PAPER_SIZE, dataset="digits", train_items=100), "validation")) == 7


def test_arms_differ_in_the_network_or_in_distortions_alone() -> None:
    plain = asdict(experiment.configuration("lenet5"))
    changed = {
        arm: {name for name, value in asdict(experiment.configuration(arm)).items() if plain.get(name) != value}
        for arm in experiment.ARMS
    }
    network = {"network", "image_size"}
    assert changed == {
        "linear": network, "hidden": network, "lenet1": network, "lenet5": set(), "distorted": {"distort"}
    }  # fmt: skip


def updates(items: int, epochs: int) -> int:
    return epochs * -(-items // PAPER_SIZE.batch_size)


def test_every_size_and_every_rate_has_about_as_many_updates() -> None:
    sizes = [experiment.sized(items, 3) for items in experiment.SIZES]
    assert [config.train_items for config in sizes] == [15_000, 30_000, 0]
    made = [updates(items, c.epochs) for items, c in zip(experiment.SIZES, sizes, strict=True)]
    assert max(made) / min(made) < 1.01
    tried = [experiment.tried(arm, 0.1) for arm in (*experiment.ARMS, "15000", "30000")]
    made = [updates(config.train_items, config.epochs) for config in tried]
    assert max(made) / min(made) < 1.2
    assert all(0 < config.train_items <= experiment.RATE_IMAGES for config in tried)


def test_pytorch_has_seeds_that_no_other_run_has(quick: Lab) -> None:
    theirs = {run["seed"] for arm in experiment.WITNESSED for run in quick.runs("methods", "torch", arm)}
    ours = {run["seed"] for arm in experiment.ARMS for run in quick.runs("methods", arm=arm)}
    assert theirs == {1000, 1001}
    assert not theirs & (ours | {SWEEP_SEED})


# ---- results, verdicts, sentences ------------------------------------------------------------------------------------


def little(name: str, split: str = "train") -> ImageData:
    """The embedded digits, at the size of MNIST's images."""
    found = load_images("digits", split)
    return replace(found, images=fit(found.images, 28))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All of it with two seeds, one after the other, on the digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load_images", little)
        patch.setattr(experiment, "load_images", little)
        patch.setattr(experiment, "available", lambda name: True)
        patch.setattr(experiment, "QUICK_IMAGES", 128)
        patch.setattr(ahead, "cores", lambda: 1)
        lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
        experiment.measure(lab)
        yield lab


def with_errors(lab: Lab, folder: Any, found: dict[str, list[float]], nearest: float = 3.0) -> Lab:
    """The quick results, but with these errors and with rates that are bracketed."""
    results = lab.results("methods")
    for arm, errors in found.items():
        for side in ("numpy", "torch"):
            runs = [run for run in results["runs"][arm] if run["side"] == side]
            for run, error in zip(runs, errors, strict=False):
                run["metrics"]["error"] = error
    bracketed = {arm: {"0.001": 2.0, "0.002": 1.0, "0.004": 2.0} for arm in lab.results("rates")["errors"]}
    files = {
        "methods": results, "sizes": lab.results("sizes"), "digits": lab.results("digits"),
        "rates": {"errors": bracketed}, "neighbours": {"k": 3, "error": nearest, "seconds": 1.0},
    }  # fmt: skip
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return Lab(PAPER, None, True, folder)


def by_statement(lab: Lab) -> dict[str, Claim]:
    return {claim.statement.split(" (")[0]: claim for claim in verdicts.claims(lab)}


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = verdicts.claims(quick)
    assert len(found) == 9
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"methods", "errors", "sizes"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| LeNet-1 | 2,578 | 1.7 % |" in filled


def test_every_arm_has_its_own_rates_on_validation_data(quick: Lab) -> None:
    errors = quick.results("rates")["errors"]
    assert set(errors) == {*experiment.ARMS, "15000", "30000"}
    assert all(len(scores) == len(experiment.RATES) for scores in errors.values())
    for arm in experiment.ARMS:
        taken = quick.runs("methods", arm=arm)[0]["config"]["learning_rate"]
        assert errors[arm][f"{taken:g}"] == min(errors[arm].values())


def test_what_is_far_apart_is_decided_and_confirmed(quick: Lab, tmp_path: Any) -> None:
    apart = {"linear": [8.0, 8.01], "hidden": [2.0, 2.01], "lenet1": [3.0, 3.01], "lenet5": [1.0, 1.01]}
    found = by_statement(with_errors(quick, tmp_path, apart | {"distorted": [0.4, 0.41]}))
    assert {name: claim.verdict for name, claim in found.items()} == {
        "0.95 % test error on MNIST": "inconclusive",
        "0.8 % with distorted training images": "reproduced",
        "distorted training images lower LeNet-5's error": "reproduced",
        "LeNet-5 has a lower error than the smaller LeNet-1": "reproduced",
        "LeNet-1, a hundredth of the parameters, has a lower error than 300 hidden units": "refuted",
        "300 hidden units lower a linear classifier's error": "reproduced",
        "LeNet-5 has a lower error than nearest neighbours": "reproduced",
        "more training images still lower LeNet-5's error, up to all 60,000": "inconclusive",
        "three LeNet-4, boosted, have the lowest error of all": "inconclusive",
    }
    again = [c.finding.witness == "PyTorch under other seeds (2): the same verdict" for c in found.values()]
    assert sum(again) == 5


def test_half_of_the_papers_passes_refute_no_number(quick: Lab, tmp_path: Any) -> None:
    worse = with_errors(quick, tmp_path, {"lenet5": [2.5, 2.51]})
    finding = by_statement(worse)["0.95 % test error on MNIST"].finding
    assert (finding.verdict, finding.low and finding.low > 0.95) == ("inconclusive", True)
    assert "20 passes" in finding.held_back


def test_the_sentences_numbers_are_in_the_results(quick: Lab, tmp_path: Any) -> None:
    """Recomputed from the files by hand."""
    runs = quick.results("methods")["runs"]

    def mean(arm: str, look: int) -> str:
        values = [run["history"][look]["error"] for run in runs[arm] if run["side"] == "numpy"]
        return f"{sum(values) / len(values):.2f} %"

    said = [mean("lenet5", 0), mean("lenet5", -1), mean("distorted", 0), mean("distorted", -1)]
    assert re.findall(r"[\d.]+ %", pages.of_passes(quick)) == said
    sizes = quick.results("sizes")["runs"]
    test = [np.mean([run["metrics"]["error"] for run in sizes[str(items)]]) for items in experiment.SIZES]
    training = [np.mean([run["train_metrics"]["error"] for run in sizes[end]]) for end in ("15000", "60000")]
    assert re.findall(r"[\d.]+ %", pages.of_sizes(quick)) == [f"{value:.2f} %" for value in (*test, *training)]
    below = with_errors(quick, tmp_path, {"linear": [7.0, 7.1], "lenet5": [0.9, 0.99], "distorted": [0.1, 0.11]})
    assert "number for: linear classifier, LeNet-5, distorted images." in pages.of_methods(below)


def test_all_runs_of_the_table_are_in_the_time_it_took(quick: Lab, tmp_path: Any) -> None:
    results = quick.results("methods")
    for number, run in enumerate(run for runs in results["runs"].values() for run in runs):
        run["seconds"] = 60.0 * 2**number
    (tmp_path / "methods.json").write_text(json.dumps(results), encoding="utf-8")
    told = [int(minutes) for minutes in re.findall(r"\d+", pages.taken(Lab(PAPER, None, True, tmp_path)))]
    sides = [run["side"] for runs in results["runs"].values() for run in runs]
    assert told == [sum(2**n for n, side in enumerate(sides) if side == one) for one in ("numpy", "torch")]


def test_a_studys_own_networks_are_kept_apart_from_the_papers(quick: Lab) -> None:
    config = experiment.configuration("lenet5")
    ours, theirs = quick, quick.beside("lenet", models="study.networks")
    assert type(theirs.side("numpy").build(networks.NetworkConfig(network="lenet1"))) is networks.Compared
    assert type(ours.side("numpy").build(config)).__name__ == "LeNet5"


def test_without_mnist_there_is_a_summary_and_no_claim(quick: Lab, tmp_path: Any) -> None:
    (tmp_path / "digits.json").write_text(json.dumps(quick.results("digits")), encoding="utf-8")
    lab = Lab(PAPER, None, True, tmp_path)
    assert verdicts.claims(lab) == []
    assert claims.blocks(PAPER, lab)["pictures"] == ""
    claims.part(PAPER, "figures").figures(lab)
    assert [path.name for path in tmp_path.glob("*.png")] == ["errors.png"]
