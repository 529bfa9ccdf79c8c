"""What can be stepped through: papers, their modules, expressions."""

import numpy as np
import pytest

from tests.lab.command import run
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import target
from tinygrad_lab.lab.stepping.target import trace_target
from tinygrad_lab.trace import Backward, Forward


@pytest.mark.parametrize("slug", list(registry.discover()))
def test_every_paper_is_a_target(slug: str) -> None:
    traced = trace_target(slug)
    assert traced.title == f"{slug} {registry.find(slug).default_variant}"
    assert traced.target == slug
    assert [step.index for step in traced.trace] == list(range(len(traced.trace)))
    assert traced.trace.result.array.size == 1
    assert traced.sources
    for step in traced.trace:
        if isinstance(step, Forward):
            name = next(name for name in traced.sources if step.file.endswith(name))
            assert traced.sources[name].splitlines()[step.line - 1].strip() == step.source
    again = trace_target(slug)
    for mine, other in zip(traced.trace.values, again.trace.values, strict=True):
        np.testing.assert_array_equal(mine.array, other.array)


def test_a_variant() -> None:
    assert trace_target("lenet", variant="modern").title == "lenet modern"
    with pytest.raises(UsageError, match="unknown variant '1999'"):
        trace_target("lenet", variant="1999")


def test_a_module_and_those_below_it() -> None:
    whole = trace_target("seq2seq_attention").trace
    part = trace_target("seq2seq_attention", module="encoder")
    assert part.title == "seq2seq_attention general: encoder"
    assert [step.index for step in part.trace] == list(range(len(part.trace)))
    modules = {step.module for step in part.trace if isinstance(step, Forward)}
    assert "encoder.lstm" in modules
    assert all(module.split(".")[0] == "encoder" for module in modules)
    expected = [s for s in whole if (s if isinstance(s, Forward) else s.forward).module.split(".")[0] == "encoder"]
    assert [(s.phase, s.operation.name) for s in part.trace] == [(s.phase, s.operation.name) for s in expected]
    for step in part.trace:
        if isinstance(step, Backward):
            assert part.trace[step.forward.index] is step.forward
    numbers = {value.number for value in part.trace.values}
    assert {v.number for s in part.trace if isinstance(s, Forward) for v in s.outputs} <= numbers
    assert part.trace.result in part.trace.values


def test_modules_by_the_end_of_their_path_or_by_their_class() -> None:
    def modules(slug: str, name: str) -> set[str]:
        return {step.module for step in trace_target(slug, module=name).trace if isinstance(step, Forward)}

    assert modules("lstm", "lstm") == {"layers.0", "layers.1"}
    assert modules("seq2seq_attention", "lstm") == {"encoder.lstm", "decoder.lstm"}
    assert modules("seq2seq_attention", "GlobalAttention") == modules("seq2seq_attention", "decoder.attention")
    assert modules("lenet", "c1") == {"c1"}


def test_an_unknown_module_is_told_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no module 'encodr' .* encoder, encoder.embedding"):
        trace_target("seq2seq_attention", module="encodr")
    with pytest.raises(UsageError, match="no module 'enc'"):
        trace_target("seq2seq_attention", module="enc")


def test_a_graph_that_is_too_large_offers_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "LARGEST", 40)
    with pytest.raises(UsageError, match=r"lenet 1998 has 99 steps, at most 40 .* --module: c1 \(2\), s2 \("):
        trace_target("lenet")
    assert len(trace_target("lenet", module="s2").trace) <= 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenett",), "'lenett' is no paper; the papers are: "),
        (("lenet", "x=1"), "lenet is a paper"),
        (("x*x", "x=1", "--module", "a"), "go with a paper"),
        (("x*x", "x=1", "--variant", "a"), "go with a paper"),
        (("x*x", "x"), "values are given as name=value"),
        (("x.__class__", "x=1"), "is not allowed"),
        (("dropout", "--variant", "none"), "unknown variant 'none'"),
        (("dropout", "--module", "none"), "no module 'none'"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(arguments: tuple[str, ...], message: str) -> None:
    result = run("step", *arguments)
    assert result.code == 2
    assert message in result.err
    assert result.err.startswith("tinygrad-lab: ")
    assert result.err.count("\n") == 1
    assert result.out == ""
