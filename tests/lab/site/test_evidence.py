"""What is said of a block: the worst agreement of the modules in it."""

from tests.lab.site.rows import row
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.site import evidence

PAPERS = registry.discover()


def test_a_block_is_judged_by_the_worst_of_its_modules() -> None:
    found = evidence.gather(
        PAPERS["lenet"],
        [
            row("forward", "s2", 15.0), row("forward", "s4", 14.0), row("forward", "c1", 9.0),
            row("forward", "output", 13.0), row("forward", "output in evaluation mode", 12.0),
            row("gradient", "s2.weight", 11.0), row("gradient", "s4.bias", 8.0), row("gradient", "f6.weight", 7.0),
            row("loss", "loss", 6.0), row("trajectory", "losses", 5.0), row("forward", "s2", 4.0, dtype="float32"),
            row("forward", "output", 3.0, variant="modern"),
        ],
    )  # fmt: skip
    assert found.of_block("model", "Subsampling") == {
        "forward": {"float64": "14.0", "float32": "4.0"}, "gradient": {"float64": "8.0"}
    }  # fmt: skip
    assert found.of_block("model", "Convolution") == {"forward": {"float64": "9.0"}}
    assert found.of_block("model", "LeNet5") == {"forward": {"float64": "12.0"}, "gradient": {"float64": "7.0"}}
    assert found.of_block("model", "LeNet5Modern") == {"forward": {"float64": "3.0"}}
    assert found.of_block("model", "LeNet5.loss") == {"loss": {"float64": "6.0"}}
    assert found.of_block("train", "train") == {"trajectory": {"float64": "5.0"}}
    assert found.of_block("model", "squash") == {}
    assert found.of_block("train", "evaluate") == {}
    assert found.of_variant("modern") == {"forward": {"float64": "3.0"}}


def test_exact_and_failed_are_said() -> None:
    exact = Row("lenet", "1998", "weights", "float64", "tiny", "c1.weight", 0.0, 0.0, 17.0, 0.0, True, 0.0)
    found = evidence.gather(PAPERS["lenet"], [exact, row("loss", "loss", 2.0, passed=False)])
    assert found.of_block("model", "build") == {"weights": {"float64": "exact"}}
    assert found.of_block("model", "loss") == {"loss": {"float64": "FAILED"}}


def test_a_base_class_is_judged_by_the_modules_that_run_its_forward() -> None:
    rows = [Row("autoencoder", "deep", "forward", "float64", "tiny", "output", 0.0, 1e-9, 9.0, 1.0, True, 0.0)]
    found = evidence.gather(PAPERS["autoencoder"], rows)
    assert found.of_block("model", "Autoencoder") == found.of_block("model", "DeepAutoencoder") != {}
    assert found.of_block("model", "LinearAutoencoder") == {}
