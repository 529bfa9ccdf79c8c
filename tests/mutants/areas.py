"""The areas of the run: sources, and the tests that should notice a change of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Area:
    """Sources and tests, both as patterns of paths; ``only`` is an expression of pytest's -k."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    only: str = ""

    def source_files(self, root: Path) -> list[str]:
        return sorted(_files(root, self.sources, "[!_]"))

    def test_files(self, root: Path) -> list[str]:
        return list(_files(root, self.tests, "test_"))


def _files(root: Path, patterns: tuple[str, ...], prefix: str) -> Iterator[str]:
    """The files of Python that a pattern names, or that lie in a folder it names and begin with ``prefix``."""
    for pattern in patterns:
        inside = f"{pattern}/**/{prefix}*.py" if (root / pattern).is_dir() else pattern
        yield from sorted(str(path.relative_to(root)) for path in root.glob(inside))


ALL_PAPERS = (
    "tests/papers/test_beside_the_loss.py", "tests/papers/test_evaluate.py", "tests/papers/test_initial_values.py",
    "tests/papers/test_other_numbers.py", "tests/papers/test_recipes.py", "tests/lab/test_parity.py",
    "tests/papers/test_mains*.py",
)  # fmt: skip


def _paper(slug: str, tests: str, only: str = "") -> Area:
    """A paper's model and training on both sides; of the tests of all papers those whose name has its name."""
    sources = tuple(f"{side}/{slug}/{file}.py" for side in ("papers", "reference") for file in ("model", "train"))
    return Area(slug, sources, (f"tests/papers/test_{tests}*.py", *ALL_PAPERS), only or tests)


LAB = ("tests/lab/test_judge.py", "tests/lab/test_agreement.py", "tests/lab/test_parity.py")
ONE_PAPER = "not both_sides_agree or larger or lenet"  # parity is the same code for all papers
OPS = ("tests/ops", "tests/engine/test_gradients.py", "tests/engine/test_tensor.py", "tests/nn")
TENSOR = (
    "tests/engine/test_t*.py", "tests/ops/test_methods.py", "tests/ops/test_inplace.py", "tests/ops/test_creation.py",
    "tests/ops/test_rotary.py", "tests/ops/test_promotion.py",
)  # fmt: skip
FILES = (
    "tests/engine/test_checkpoint*.py", "tests/engine/test_stored.py", "tests/lab/test_checkpoint_torch.py",
    "tests/faults/test_files.py", "tests/faults/test_metadata.py", "tests/faults/test_damaged.py",
)  # fmt: skip
STEPPING = (
    "tests/lab/test_step_expression.py",
    "tests/lab/test_step_target.py",
    "tests/lab/test_step_against_torch.py",
)
BESIDE_NN = (
    "tests/ops/test_recurrent.py", "tests/ops/test_gate.py", "tests/ops/test_images.py",
    "tests/engine/test_worker_parts.py",
)  # fmt: skip
WORKERS = ("tests/engine/test_worker*.py", "tests/nn/test_parts.py", "tests/papers/test_parts.py")
AREAS = (
    Area(
        "lab",
        ("tinygrad_lab/lab/parity.py", "tinygrad_lab/lab/agreement.py"),
        LAB,
        "not both_sides_agree or larger or lenet",
    ),
    Area("tensor", ("tinygrad_lab/tensor.py",), TENSOR),
    Area("ops", ("tinygrad_lab/ops",), OPS),
    Area("nn", ("tinygrad_lab/nn",), ("tests/nn", *BESIDE_NN)),
    Area("optim", ("tinygrad_lab/optim",), ("tests/optim", "tests/engine/test_checkpoint*.py")),
    Area("checkpoint", ("tinygrad_lab/checkpoint.py",), FILES),
    Area("trace", ("tinygrad_lab/trace",), ("tests/trace", *STEPPING)),
    Area("workers", ("tinygrad_lab/workers",), WORKERS),
    _paper("lenet", "lenet"),
    _paper("alexnet", "alexnet"),
    _paper("dropout", "dropout"),
    _paper("autoencoder", "autoencoder"),
    _paper("lstm", "lstm"),
    _paper("seq2seq_attention", "seq2seq"),
    _paper("transformer", "transformer", "transformer and not forgetting"),
    _paper("llama", "llama"),
    _paper("bert", "bert"),
    _paper("lora", "lora"),
    _paper("mamba", "mamba"),
    _paper("forgetting_transformer", "forgetting_transformer"),
)
