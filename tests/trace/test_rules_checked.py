"""Every displayed rule of every operation, in numbers: it says what the operation's backward gives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.operations import ENGINE_OPERATIONS
from tests.trace.checked_rules import RELATIVE, differentiated, errors, is_empty
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace.notation import parsed

# A rule is evaluated place by place, by millions of calls: to look at what each is given takes longer than they do.
pytestmark = pytest.mark.usefixtures("unchecked_shapes")

FEW = settings(max_examples=8, suppress_health_check=list(HealthCheck), derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@FEW
@given(data=st.data())
def test_a_rule_says_what_the_backward_gives(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    for step in differentiated(case, args, options):
        if not is_empty(step):
            for parameter, error in errors(step).items():
                assert error < RELATIVE, (step.operation.name, parameter, step.forward.settings)


def test_every_operation_and_every_variant_by_a_flag_is_among_them() -> None:
    seen: set[tuple[str, str]] = set()

    @settings(FEW, max_examples=8)
    @given(data=st.data())
    def run(case: Case, data: st.DataObject) -> None:
        for step in differentiated(case, *data.draw(case.arguments)):
            known = (step.operation.name, step.rule) in seen  # to evaluate one of each is enough here
            if not known and not is_empty(step) and errors(step):
                seen.add((step.operation.name, step.rule))

    for case in CASES:
        run(case=case)
    for name in ENGINE_OPERATIONS:
        info = OPERATIONS[name]
        for rule in (info.rule, *info.rule_without.values()):
            assert (name, rule) in seen, f"no case shows this rule of {name}: {rule}"


def test_every_rule_is_in_the_notation() -> None:
    for name in ENGINE_OPERATIONS:
        for rule in (OPERATIONS[name].rule, *OPERATIONS[name].rule_without.values()):
            assert parsed(rule), name


SEEN = 1000 * RELATIVE
SLIPS = [
    ("sigmoid", "(1 - y)", "(1 + y)"),
    ("tanh", "y**2", "y"),
    ("multiply", "dx = dz * y", "dx = dz * x"),
    ("divide", "-dz * x", "dz * x"),
    ("relu", "input > 0", "input < 0"),
    ("maximum", "(x == y) / 2", "(x == y)"),
    ("softmax", "sum(dy * y, dim)", "sum(dy, dim)"),
    ("log_softmax", "exp(y) * sum(dy, dim)", "sum(dy, dim)"),
    ("matmul", "dinput = dy @ other.T; dother = input.T @ dy", "dinput = dy @ other; dother = input.T @ dy"),
    ("linear", "dinput = dy @ weight", "dinput = dy @ weight.T"),
    ("conv2d", "dweight[f, c, i, j] +=", "dweight[f, c, j, i] +="),
    ("conv2d", "s * h + d * i - p", "s * h + d * i + p"),
    ("layer_norm", "u - mean(u, last) - n", "u - n"),
    ("rms_norm", "r**2 *", "r *"),
    ("batch_norm", "- channel_mean(u)", ""),
    ("cross_entropy", "(p - onehot(target, input, k)) * e / n", "(p - onehot(target, input, k)) * e"),
    ("cross_entropy", "(p * sum(q, k) - q) * e / n", "(p - q) * e / n"),
    ("lstm", "da[t + 1] @ weight_hh", "da[t + 1] @ weight_ih"),
    ("lstm", "dc[t + 1] * f[t + 1]", "dc[t + 1] * f[t]"),
    ("gru", "* (1 - z[t]) * (1 - n", "* z[t] * (1 - n"),
    ("scaled_dot_product_attention", "dS = P * (dP - sum(dP * P, -1))", "dS = P * dP"),
    ("forgetting_attention", "-summed(dS, -2)", "-summed(dS, -1)"),
    ("selective_scan", "a[t + 1] * dh[t + 1]", "a[t] * dh[t + 1]"),
    ("embedding", "+=", "="),
    ("gather", "+=", "="),
    ("max_pool2d", "stride, padding", "stride, 0"),
    ("local_response_norm", "2 * alpha", "alpha"),
    ("rotary_embedding", "v * cos - u * sin", "v * cos + u * sin"),
    ("dropout", "m * dy / (1 - p)", "m * dy"),
    ("mean", "/ n", ""),
    ("std", "(n - c)", "n"),
    ("swiglu", "dup = s * gate", "dup = gate"),
]


class SeenError(AssertionError):
    """One example is enough."""


@pytest.mark.parametrize(("name", "right", "wrong"), SLIPS)
def test_a_slip_in_a_rule_is_seen(name: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info = OPERATIONS[name]
    assert right in info.rule
    monkeypatch.setattr(info, "rule", info.rule.replace(right, wrong))

    @settings(FEW, max_examples=200, phases=[Phase.generate])
    @given(data=st.data())
    def run(case: Case, data: st.DataObject) -> None:
        args, options = data.draw(case.arguments)
        steps = [step for step in differentiated(case, args, options) if step.operation.name == name]
        if any(_worst(step) > SEEN for step in steps if not is_empty(step)):
            raise SeenError

    def run_all() -> None:
        for case in CASES:
            if case.name.startswith(name):
                run(case=case)

    with pytest.raises(SeenError):
        run_all()


def _worst(step) -> float:
    """The largest error; infinite where the slip does not even fit the shapes."""
    try:
        return max(errors(step).values(), default=0.0)
    except (ValueError, IndexError, AssertionError, np.exceptions.AxisError):
        return np.inf
