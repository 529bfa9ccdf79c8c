"""A setting of a window is one number or two, each as large as it must be."""

import pytest

from tinygrad_lab.ops.windows import pair


@pytest.mark.parametrize(("value", "expected"), [
    (0, (0, 0)), (2, (2, 2)), ((3,), (3, 3)), ((0, 1), (0, 1)),
])  # fmt: skip
def test_one_number_stands_for_both_directions(value: object, expected: tuple[int, int]) -> None:
    assert pair("f", "padding", value, 0) == expected


@pytest.mark.parametrize("value", [-1, (1, -1), (-1, 1), (1, 2, 3), ()])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="f: padding must be an integer >= 0 or a pair of them, got "):
        pair("f", "padding", value, 0)
