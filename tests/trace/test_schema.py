"""A trace as JSON: its numbers are exact, its size is bounded, and it says where the first NaN was born."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from tinygrad_lab import ops, tensor
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.trace import record, schema, trace
from tinygrad_lab.trace.schema import as_json, number
from tinygrad_lab.trace.tensors import FULL


def of(function, *values, **options):
    inputs = [Tensor(np.array(value, np.float64), requires_grad=True) for value in values]
    with record({f"x{n}": x for n, x in enumerate(inputs)}), np.errstate(all="ignore"):
        result = function(*inputs)
    with np.errstate(all="ignore"):
        return as_json(trace(result), **options)


def test_a_product_in_full():
    data = of(lambda x, y: x * y, 2.0, -3.0)
    file, line = data["steps"][0].pop("file"), data["steps"][0].pop("line")
    assert file == "tests/trace/test_schema.py"
    assert line > 1
    assert data == {
        "version": 2,
        "result": 2,
        "values": [
            {"number": 0, "name": "x0", "kind": "input", "uses": 1, "tensor": 0, "gradient": 1},
            {"number": 1, "name": "x1", "kind": "input", "uses": 1, "tensor": 1, "gradient": 0},
            {"number": 2, "name": "x * y", "kind": "result", "uses": 0, "tensor": 2, "gradient": 3},
        ],
        "operations": {
            "multiply": {
                "rule": r"\partial x = \partial z \cdot y \qquad \partial y = \partial z \cdot x",
                "symbols": {"x": "x", "y": "y"},
                "doc": "",
                "fused": False,
            }
        },
        "steps": [
            {
                "index": 0, "phase": "forward", "operation": "multiply", "module": "",
                "source": "data = of(lambda x, y: x * y, 2.0, -3.0)",
                "inputs": [{"parameter": "x", "value": 0}, {"parameter": "y", "value": 1}], "settings": {},
                "outputs": [2], "inside": None,
            },
            {
                "rule": r"\partial x_{0} = \partial (\text{x * y}) \cdot x_{1} \qquad "
                r"\partial x_{1} = \partial (\text{x * y}) \cdot x_{0}",
                "index": 1, "phase": "backward", "operation": "multiply", "forward": 0, "incoming": [3],
                "contributions": [
                    {"parameter": "x", "value": 0, "gradient": 1, "accumulated": 1, "first": True,
                     "formula": r"\partial x_{0} = 1 \cdot (-3) = -3"},
                    {"parameter": "y", "value": 1, "gradient": 0, "accumulated": 0, "first": True,
                     "formula": r"\partial x_{1} = 1 \cdot 2 = 2"},
                ],
            },
        ],
        "not_finite": None,
        "tensors": [{"shape": [], "dtype": "float64", "values": [value]} for value in (2, -3, -6, 1)],
        "axes": [],
    }  # fmt: skip


@given(
    hn.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]), hn.array_shapes(max_side=4, max_dims=3))
)
def test_numbers_come_back_exactly(array):
    data = json.loads(json.dumps(schema.tensor(array), allow_nan=False))
    if "values" in data:
        values = [float(value) if isinstance(value, str) else value for value in data["values"]]
        back = np.array(values, array.dtype).reshape(data["shape"])
        np.testing.assert_array_equal(back, array)
    else:
        assert array.size > FULL


def pictured(picture):
    """The numbers that a picture's halves stand for."""
    return np.ldexp(np.frombuffer(base64.b64decode(picture["halves"]), "<f2").astype(np.float64), picture["exponent"])


@given(hn.arrays(np.float64, hn.array_shapes(min_side=3, max_side=40, max_dims=3), elements=st.floats(-9, 9)))
def test_a_large_tensor_keeps_its_extent_and_three_digits_of_its_first_numbers(array):
    data = schema.tensor(array, most=500)
    if array.size <= FULL:
        return
    assert (data["min"], data["max"]) == (array.min(), array.max())
    assert data["norm"] == pytest.approx(np.linalg.norm(array))
    numbers = pictured(data["picture"])
    assert data["picture"]["kept"] == len(numbers) <= 500
    largest = np.abs(array).max()
    assert data["picture"]["largest"] == pytest.approx(largest, rel=1e-3)
    np.testing.assert_allclose(numbers, array.ravel()[: len(numbers)], rtol=5e-4, atol=1e-11 * largest)


@pytest.mark.parametrize(
    ("shape", "kept"),
    [((4, 3, 5, 5), 300), ((9, 3, 5, 5), 450), ((2, 30, 5, 5), 500), ((2, 3, 30, 40), 480), ((2, 3000), 500),
     ((3000,), 500), ((1, 1, 600), 500)],
)  # fmt: skip
def test_what_is_kept_are_whole_items(shape, kept):
    data = schema.tensor(np.zeros(shape), most=500)
    assert (data["picture"]["kept"], len(pictured(data["picture"]))) == (kept, kept)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 65535.0, 1e300])
def test_pictures_of_any_size_keep_three_digits_and_what_is_not_finite(size):
    array = size * np.linspace(-1, 1, 100)
    array[:3] = np.nan, np.inf, -np.inf
    numbers = pictured(schema.tensor(array)["picture"])
    np.testing.assert_allclose(numbers / size, array / size, rtol=5e-4)


def test_a_large_mask_has_whole_numbers_for_its_extent():
    shown = schema.tensor(np.arange(100) < 50)
    assert (shown["min"], shown["max"]) == (0, 1)


def test_inside_an_operation_fewer_numbers_are_kept():
    data = of(lambda x: ops.softmax(x, 0).sum(), np.ones((40, 40)))
    kept = [tensor["picture"]["kept"] for tensor in data["tensors"] if "picture" in tensor]
    assert max(kept) == 1600
    assert min(kept) <= schema.INSIDE_PICTURED


@pytest.mark.parametrize(
    ("value", "written"),
    [(np.nan, "NaN"), (np.inf, "Infinity"), (-np.inf, "-Infinity"), (np.float32(0.1), 0.1), (np.float64(3), 3),
     (np.float64(1e300), 1e300), (np.float32(-0.0), -0.0), (2.5, 2.5)],
)  # fmt: skip
def test_numbers(value, written):
    assert number(value) == written


def test_where_the_first_nan_is_born():
    data = of(lambda x: ((x - 1).log() * 0).exp(), 0.0)
    assert data["not_finite"] == {"step": 1, "what": "NaN"}
    assert of(lambda x: 1 / (x - 1), 1.0)["not_finite"] == {"step": 1, "what": "Infinity"}
    backward = of(lambda x: x.sqrt(), 0.0)
    assert backward["not_finite"] == {"step": 1, "what": "Infinity"}
    assert backward["steps"][1]["phase"] == "backward"
    assert of(lambda x: x.exp(), 0.0)["not_finite"] is None


def test_fused_operations_are_opened_breadth_first():
    logits = [[1.0, 2.0], [0.0, 1.0]]
    data = of(lambda x: ops.cross_entropy(x, tensor([0, 1])), logits)
    inner = data["steps"][0]["inside"]
    assert "tensors" not in inner
    names = [step["operation"] for step in inner["steps"] if step["phase"] == "forward"]
    assert names[0] == "log_softmax"
    assert inner["steps"][0]["inside"]["steps"]  # one level further
    assert inner["steps"][0]["file"] == "tinygrad_lab/ops/losses.py"
    assert of(lambda x: ops.cross_entropy(x, tensor([0, 1])), logits, open_fused=False)["steps"][0]["inside"] is None


def test_what_finds_no_room_says_how_much_it_would_be(monkeypatch):
    whole = of(lambda x: ops.softmax(x, 0)[0], [1.0, 2.0])
    monkeypatch.setattr(schema, "INSIDE_BYTES", 10)
    data = of(lambda x: ops.softmax(x, 0)[0], [1.0, 2.0])
    assert data["steps"][0]["inside"] == {"left_out": len(whole["steps"][0]["inside"]["steps"])}
    places = {step["contributions"][0]["gradient"] for step in data["steps"] if step["phase"] == "backward"}
    assert max(places) < len(data["tensors"]) < len(whole["tensors"])  # no tensors of what was left out
    monkeypatch.undo()
    monkeypatch.setattr(schema, "INSIDE_STEPS", 3)
    assert "left_out" in of(lambda x: ops.softmax(x, 0)[0], [1.0, 2.0])["steps"][0]["inside"]
