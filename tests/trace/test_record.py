"""What a trace says: which steps, in which order, with which numbers, names and places."""

from pathlib import Path

import numpy as np
import pytest

from papers.lenet import data, model
from papers.lenet.config import VARIANTS
from tinygrad_lab import Tensor, nn, no_grad, tensor
from tinygrad_lab.modes import state
from tinygrad_lab.random import generator
from tinygrad_lab.trace import Backward, Forward, record, trace
from tinygrad_lab.trace.record import TooLargeError


def neuron():
    w, x, b = tensor(2.0, requires_grad=True), tensor(-3.0), tensor(7.0, requires_grad=True)
    with record():
        y = (w * x + b).relu()
    return trace(y), (w, x, b)


def test_a_neuron_step_by_step():
    steps, _ = neuron()
    assert [(step.phase, step.operation.name) for step in steps] == [
        ("forward", "multiply"), ("forward", "add"), ("forward", "relu"),
        ("backward", "relu"), ("backward", "add"), ("backward", "multiply"),
    ]  # fmt: skip
    assert [step.outputs[0].array.item() for step in steps if isinstance(step, Forward)] == [-6.0, 1.0, 1.0]
    last = steps[5]
    assert isinstance(last, Backward)
    assert [(c.parameter, c.value.name, c.gradient.item(), c.first) for c in last.contributions] == [
        ("x", "w", -3.0, True)
    ]
    assert [step.index for step in steps] == list(range(6))
    assert (steps.result.array.item(), len(steps)) == (1.0, 6)


def test_names_kinds_and_the_calling_line():
    steps, _ = neuron()
    first = steps[0]
    assert [(item.parameter, item.value.name, item.value.kind) for item in first.inputs] == [
        ("x", "w", "input"), ("y", "x", "constant"),
    ]  # fmt: skip
    assert first.source == "y = (w * x + b).relu()"
    assert first.file == __file__
    assert first.line == 1 + Path(__file__).read_text().splitlines().index("        y = (w * x + b).relu()")


def test_a_reused_value_accumulates_in_order():
    a = tensor([1.0, 2.0], requires_grad=True)
    with record():
        b = a + a
        c = b + b
        loss = (c * c).sum()
    backward = [step for step in trace(loss) if isinstance(step, Backward)]
    assert [step.operation.name for step in backward] == ["sum", "multiply", "add", "add"]
    into_a = backward[-1].contributions
    assert [(c.gradient.tolist(), c.accumulated.tolist(), c.first) for c in into_a] == [
        ([16.0, 32.0], [16.0, 32.0], True), ([16.0, 32.0], [32.0, 64.0], False),
    ]  # fmt: skip
    assert into_a[0].value.uses == 2
    assert a.grad is None  # tracing is not training


def test_a_trace_keeps_its_numbers():
    steps, (w, _, _) = neuron()
    with no_grad():
        w.mul_(100.0)
    assert steps[0].inputs[0].value.array.item() == 2.0


def test_a_paper_is_traced_with_modules_and_source_lines():
    config = VARIANTS["modern"]["tiny"]
    network = model.build(config, generator(0))
    batch = data.example_batch(config, generator(0))
    image, label = Tensor(batch["image"].astype(np.float32)), Tensor(batch["label"])
    with record({"image": image}):
        loss = network.loss(network(image), label)
    steps = trace(loss)
    assert steps[0].module == "conv1"
    assert steps[0].file.endswith("papers/lenet/model.py")
    assert "self.conv1(image)" in steps[0].source
    assert [item.value.name for item in steps[0].inputs] == ["image", "conv1.weight", "conv1.bias"]
    loss.backward()
    gradients = {value.name: value.gradient for value in steps.values if value.kind == "parameter"}
    assert set(gradients) == {name for name, _ in network.named_parameters()}
    for name, parameter in network.named_parameters():
        np.testing.assert_array_equal(gradients[name], parameter.grad.numpy(), err_msg=name)


def test_operations_with_several_outputs_and_any_number_of_inputs():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with record():
        first, second = x.split(1)
        y = nn.functional.relu(first) + second
        total = (y * y).sum()
    steps = trace(total)
    split = steps[0]
    assert [value.array.tolist() for value in split.outputs] == [[[1.0, 2.0]], [[3.0, 4.0]]]
    last = steps[len(steps) - 1]
    assert [gradient.tolist() for gradient in last.incoming] == [[[8.0, 12.0]], [[8.0, 12.0]]]


def test_another_result_of_the_same_recording_can_be_traced():
    x = tensor(3.0, requires_grad=True)
    with record():
        square = x * x
        cube = square * x
    assert trace(cube).values[0].gradient.item() == 27.0
    assert trace(square).values[0].gradient.item() == 6.0


def test_misuse_is_a_clear_error():
    x = tensor(1.0, requires_grad=True)
    y = x * 2
    with record():
        z = y * 3
        constant = tensor(1.0) * 2
    with pytest.raises(ValueError, match="outside of record"):
        trace(z)
    with pytest.raises(ValueError, match="inside `with record"):
        trace(y * 1)
    with pytest.raises(ValueError, match="does not depend on anything that requires a gradient"):
        trace(constant)
    with record(limit=2), pytest.raises(TooLargeError, match="more than 2 operations"):
        x * 2 * 2 * 2


def test_nothing_is_told_when_nobody_listens():
    assert state.recorder is None
    neuron()
    assert state.recorder is None
