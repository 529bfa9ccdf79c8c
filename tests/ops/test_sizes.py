"""A size decides which form an operation takes, or into how many chunks it cuts its work, and never its numbers.

Each such size is made so small that the arrays of the cases, five elements long at most, lie on either side of it.
"""

import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.ops.test_against_torch import assert_equals_torch

RECURRENT = ("lstm", "lstm_1997", "rnn", "gru")
SIZES = {  # a module below ``ops`` and its constant, the values it gets, and the cases that run through it
    ("erf", "CHUNK"): ((1, 3), ("gelu", "erf")),
    ("forgetting_attention", "LARGEST_DIRECT"): ((0, 6), ("forgetting_attention",)),
    ("kernels.inputs", "SMALL"): ((0, 20), RECURRENT),
    ("kernels.inputs", "COLUMNS"): ((1, 4), RECURRENT),
    ("kernels.recurrent", "MANY"): ((1, 3), RECURRENT),
    ("kernels.recurrent", "STRIP"): ((1, 3), RECURRENT),
    ("kernels.sliding", "GEMM_ROWS"): ((1, 2, 3, 5), ("conv1d", "conv2d", "conv_transpose2d", "causal_conv1d")),
    ("reductions", "LONG"): ((1, 3), ("sum", "mean", "norm", "std", "var", "prod", "logsumexp")),
    ("pooling", "CHUNK"): ((1, 9, 30), ("max_pool2d", "avg_pool2d", "max_pool2d of tied pixels")),
    ("linear", "FEW_ROWS"): ((0, 2), ("linear",)),
    ("local_response_norm", "CHUNK"): ((1, 6), ("local_response_norm",)),
    ("softmax", "SAFE_SCORE"): ((0.0, 0.5), ("scaled_dot_product_attention", "forgetting_attention")),
    ("attention", "SAFE_SCORE"): ((0.0, 0.5), ("scaled_dot_product_attention",)),
    ("embedding", "ONE_HOT_ROWS"): ((0, 3), ("embedding", "embedding, padded")),
    ("losses", "BLOCK"): ((1, 3), ("mse_loss",)),
    ("selective_scan", "CHUNK"): ((1, 20, 200), ("selective_scan",)),
}
BY_NAME = {case.name: case for case in CASES}
ROWS = [
    pytest.param(module, constant, value, BY_NAME[name], id=f"{constant}={value}, {name}")
    for (module, constant), (values, names) in SIZES.items()
    for value in values
    for name in names
]


@pytest.mark.parametrize(("module", "constant", "value", "case"), ROWS)
def test_numbers_are_the_same_on_both_sides_of_a_size(
    module: str, constant: str, value: float, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module(f"tinygrad_lab.ops.{module}"), constant, value)

    @settings(max_examples=6, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        args, options = data.draw(case.arguments)
        for dtype in ("float32", "float64"):
            assert_equals_torch(case, dtype, args, options)

    run()
