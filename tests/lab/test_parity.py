"""The main job: it passes on every paper, has the public schema, and fails loudly when something is wrong."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.lab.command import run
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.parity import ITEMS, Parity, with_few_items
from tinygrad_lab.lab.parity_report import CHECKS, jobs
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.optim import SGD
from tinygrad_lab.random import generator

SCHEMA = {
    "paper": str, "variant": str, "check": str, "dtype": str, "size": str, "name": str, "max_abs": float,
    "max_rel": float, "digits": float, "tolerance": float, "passed": bool, "seconds": float,
}  # fmt: skip
STEPS = {"float32": 8, "float64": 20}
VARIANTS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]


def expected_parts(slug: str, variant: str) -> tuple[Any, set[str], bool]:
    """A model, the inputs that a gradient can be asked for (numbers, not symbols), and whether it writes."""
    paper = registry.find(slug)
    config = paper.variants[variant]["tiny"]
    batch = registry.part(paper, "data").example_batch(config, generator(0))
    inputs = {f"input {name}" for name, v in batch.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    inference = registry.part(paper, "inference") if registry.generates(paper) else None
    writes = bool(inference and inference.example_tokens(config, generator(0)))
    return registry.part(paper, "model").build(config, generator(0)), inputs, writes


@pytest.mark.parametrize(("seed", "dtype"), [(1, "float32"), (2, "float64")])
@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_both_sides_agree(slug: str, variant: str, dtype: str, seed: int, request: pytest.FixtureRequest) -> None:
    """On other weights and batches than ``make parity``, which compares seed 0 in both dtypes.

    The shapes of float64 are those of float32, where they were looked at; long runs are compared to more digits in it.
    """
    if dtype == "float64":
        request.getfixturevalue("unchecked_shapes")
    rows = list(Parity(registry.find(slug), variant, "tiny", dtype, seed, STEPS[dtype]).run())
    assert [(row.check, row.name, row.max_rel, row.worst) for row in rows if not row.passed] == []
    names = {check: {row.name for row in rows if row.check == check} for check in CHECKS}
    model, inputs, tokens = expected_parts(slug, variant)
    assert {re.sub(r"\[\d+\]", "", name) for name in names["forward"]} >= {"output", "output in evaluation mode"}
    assert names["loss"] == {"loss"}
    assert names["gradient"] == {*(name for name, p in model.named_parameters() if p.requires_grad), *inputs}
    assert names["trajectory"] == {"losses", *(model.state_dict() if dtype == "float64" else ())}
    assert names["weights"] == set(model.state_dict())
    assert names["generation"] == ({"tokens"} if tokens else set())


@pytest.mark.parametrize(("size", "variant", "expected"), [
    ("tiny", None, ["1998", "modern"]), ("paper", None, ["1998"]), ("paper", "modern", ["modern"]),
])  # fmt: skip
def test_all_variants_are_compared_at_size_tiny_and_the_first_at_others(
    size: str, variant: str | None, expected: list[str]
) -> None:
    assert [name for _, name, _ in jobs(["lenet"], variant, "float64", size)] == expected


def test_training_by_sgd_agrees_and_a_step_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the translator, whose variants at size tiny all train with Adam."""
    parity = Parity(registry.find("seq2seq_attention"), "general", "tiny", "float64", 0, 20)
    parity.config = replace(parity.config, optimizer="sgd", learning_rate=1.0, epochs=12, constant_epochs=8)
    weights = parity.numpy.state(parity.numpy.build(parity.config, 0, "float64"))
    list(parity.one_pass(weights))
    assert all(row.passed for row in parity.trajectory(weights))
    update = SGD._update
    monkeypatch.setattr(SGD, "_update", lambda self, p, group: update(self, p, {**group, "lr": group["lr"] * 1.01}))
    failed = [row.name for row in parity.trajectory(weights) if not row.passed]
    assert "losses" in failed
    assert len(failed) > len(weights)


def test_few_items_come_with_a_smaller_learning_rate() -> None:
    """AlexNet's rate is for 128 images; on a few it diverges."""
    config = with_few_items(registry.configuration(registry.find("alexnet"), "2012", "paper"))
    assert (config.batch_size, config.learning_rate) == (ITEMS, 0.01 * ITEMS / 128)


def test_every_parameter_is_checked() -> None:
    paper = registry.find("lenet")
    rows = list(Parity(paper, "1998", "tiny", "float64", 0, 2).run())
    gradients = {row.name for row in rows if row.check == "gradient"}
    assert {"c1.weight", "s2.bias", "c3.weight", "f6.bias", "input image"} <= gradients


@pytest.mark.parametrize("variant", ["1998", "modern"])
def test_both_sides_agree_at_larger_sizes(variant: str) -> None:
    """Where float32 gradients are compared at the engine's activations."""
    rows = list(Parity(registry.find("lenet"), variant, "small", "float32", 0, 2).run())
    assert [(row.check, row.name, row.max_rel, row.worst) for row in rows if not row.passed] == []


def test_imposed_activations_do_not_hide_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    pooling = OPERATIONS["max_pool2d"]
    body = pooling.body

    def wrong(*arguments: Any, **options: Any) -> tuple:
        output, backward = body(*arguments, **options)
        return output, lambda needs, dy: (1.01 * backward(needs, dy)[0],)

    monkeypatch.setattr(pooling, "body", wrong)
    rows = list(Parity(registry.find("lenet"), "modern", "small", "float32", 0, 1).run())
    failed = {row.name for row in rows if row.check == "gradient" and not row.passed}
    assert {"conv1.weight", "conv2.weight", "input image"} <= failed


def test_json_has_the_public_schema() -> None:
    result = run("parity", "lenet", "--variant", "modern", "--dtype", "float64", "--steps", "2", "--json", "-")
    assert result.code == 0
    rows = json.loads(result.out)
    assert rows
    for row in rows:
        assert {key: type(value) for key, value in row.items()} == SCHEMA
        assert row["passed"] is True


def test_a_planted_bug_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a bias's gradient: exit code 1; the message names paper, parameter, index and both values."""
    linear = OPERATIONS["linear"]
    body = linear.body

    def wrong(*arguments: Any) -> tuple:
        output, backward = body(*arguments)
        return output, lambda needs, dy: tuple(g / 2 if g.ndim == 1 else g for g in backward(needs, dy))

    monkeypatch.setattr(linear, "body", wrong)
    result = run("parity", "lenet", "--variant", "modern", "--dtype", "float64", "--steps", "2")
    assert result.code == 1
    assert "FAILED" in result.out
    line = next(line for line in result.err.splitlines() if "gradient of linear1.bias" in line)
    assert "FAILED lenet modern float64" in line
    assert re.search(r"worst element \[\d+\]: numpy -?[\d.e-]+, torch -?[\d.e-]+", line)


def test_a_crash_is_a_failed_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> tuple:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(OPERATIONS["linear"], "body", broken)
    result = run("parity", "lenet", "--variant", "modern", "--dtype", "float32")
    assert result.code == 1
    assert "ZeroDivisionError" in result.err
    assert "planted" in result.err


def test_numbers_in_json_are_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS["linear"], "body", lambda *arguments: 1 / 0)
    result = run("parity", "lenet", "--variant", "modern", "--dtype", "float32", "--json", "-")
    assert result.code == 1
    json.loads(result.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("parity", "lenett"), "unknown paper 'lenett'; the papers are: "),
        (("parity", "lenet", "--variant", "1999"), "lenet: unknown variant '1999'; the variants are: 1998, modern"),
        (("parity", "--dtype", "float16"), "'float16' is not one of"),
        (("parity", "--steps", "0"), "0 is not in the range"),
        (("parity", "lenet", "--json", "/no/such/folder/x.json"), "cannot write /no/such/folder/x.json"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1
