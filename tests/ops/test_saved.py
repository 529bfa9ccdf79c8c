"""What an operation needs for its backward may be changed in place: then backward() refuses, or was not fooled."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.trace.checked_rules import on_tape
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import record_draws

FEW = settings(max_examples=3, suppress_health_check=list(HealthCheck), derandomize=True, database=None, deadline=None)


def tensors(value: Any) -> list[Tensor]:
    """All tensors among arguments."""
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for item in items for tensor in tensors(item)]


def gradients(case: Case, args: tuple, options: dict[str, Any], changed: int | None) -> list[Any] | None:
    """Those of all floats among the arguments, one of which is changed before backward(); None if that is refused."""
    args, options = on_tape(args), {name: on_tape(value) for name, value in options.items()}
    given = tensors([args, options])
    made = [y for y in tensors([case.ours(*args, **options)]) if y.requires_grad]
    with no_grad():
        if changed is not None:
            given[changed].mul_(3).add_(1)
    try:
        for y in made:
            y.backward(Tensor(np.random.default_rng(0).standard_normal(y.shape).astype(y.dtype)), retain_graph=True)
    except RuntimeError as error:
        if "was changed in place" not in str(error):
            raise
        return None
    return [x.grad if x.grad is None else x.grad.numpy() for x in given]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@FEW
@given(data=st.data())
def test_no_gradient_is_of_numbers_that_came_later(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    with record_draws() as draws:
        right = gradients(case, args, options, None)
    if draws:
        return
    for number, tensor in enumerate(tensors([on_tape(args), *map(on_tape, options.values())])):
        if tensor.dtype.kind == "f" and (found := gradients(case, args, options, number)) is not None:
            for mine, other in zip(found, right, strict=True):
                np.testing.assert_array_equal(mine, other)
