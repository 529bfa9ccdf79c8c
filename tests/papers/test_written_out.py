"""Where a paper's model runs one operation for several steps, a comment says where the steps are and which test holds
both equal: the steps are there, the test is there, and the operation is among its cases."""

import ast
import re
from pathlib import Path

import pytest

from tests.ops.test_definitions import fused
from tinygrad_lab.ops.operation import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
MODELS = sorted((ROOT / "papers").glob("*/model.py"))
POINTER = re.compile(
    r"# One operation; its steps are in (?P<file>\S+\.py), held equal by\n"
    r"\s*# (?P<test>\S+::\w+)\.\n.*?F\.(?P<operation>\w+)\("
)
# What the papers contributed, or LLaMA took from the papers before it, that the PyTorch side writes out.
CONTRIBUTIONS = {
    "alexnet": {"local_response_norm"},
    "forgetting_transformer": {"forgetting_attention"},
    "llama": {"rms_norm", "rotary_embedding", "scaled_dot_product_attention", "swiglu"},
    "mamba": {"causal_conv1d", "selective_scan"},
    "transformer": {"scaled_dot_product_attention"},
}


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_contributions_in_one_operation_say_where_their_steps_are(path: Path) -> None:
    pointers = list(POINTER.finditer(path.read_text(encoding="utf-8")))
    assert {p["operation"] for p in pointers} == CONTRIBUTIONS.get(path.parent.name, set())
    for pointer in pointers:
        definition = OPERATIONS[pointer["operation"]].definition
        assert definition is not None
        assert definition.__module__.replace(".", "/") + ".py" == pointer["file"]
        assert pointer["test"] == "tests/ops/test_definitions.py::test_equals_its_definition"
        assert pointer["operation"] in {case.ours.info.name for case in fused}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_every_test_that_a_model_names_exists(path: Path) -> None:
    named = re.findall(r"(tests/\S+?\.py)::(\w+)", path.read_text(encoding="utf-8"))
    for file, test in named:
        assert test.startswith("test_")
        assert test in functions_of(ROOT / file)


def test_the_cells_name_the_test_of_their_loop() -> None:
    source = (ROOT / "papers/lstm/model.py").read_text(encoding="utf-8")
    assert "tests/papers/test_lstm_cells.py::test_operation_loop_and_other_side_agree" in source
