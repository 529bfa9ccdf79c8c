"""Every number in the traces of the papers against PyTorch.

Each recorded operation is run again by its twin in torch, from the inputs in the trace and with the incoming gradients
in it; what comes out must be the outputs and contributions in the trace.  The sum of it all, the gradient of every
parameter, must be that of the paper's PyTorch model.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from tests.cases import CASES
from tinygrad_lab.lab import agreement, registry
from tinygrad_lab.lab.noise import ReplayDraws
from tinygrad_lab.lab.sides import TorchSide
from tinygrad_lab.lab.stepping.subject import Subject
from tinygrad_lab.lab.stepping.target import trace_paper
from tinygrad_lab.random import record_draws
from tinygrad_lab.trace import Backward, Forward, Trace

JOBS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]
Draws = Iterator[np.ndarray]
BY_NAME = {  # how the twins take these
    "reduction", "ignore_index", "lengths", "reverse", "nonlinearity", "approximate", "dropout_p", "is_causal",
}  # fmt: skip

TAKES_ARRAYS = {"getitem", "pack", "unpack", "embedding", "rotary_embedding", "scaled_dot_product_attention"}


class Traced(NamedTuple):
    """A paper's step as the stepper shows it, and the noise that the engine drew for it."""

    slug: str
    variant: str
    trace: Trace
    draws: list[np.ndarray]


@pytest.fixture(scope="module", params=JOBS, ids="-".join)
def traced(request: pytest.FixtureRequest) -> Traced:
    """Made once for all the tests of a variant, which pytest runs one after the other."""
    slug, variant = request.param
    with record_draws() as draws:
        found = trace_paper(registry.find(slug), None, variant).trace
    return Traced(slug, variant, found, draws)


def twin(step: Forward, draws: Draws) -> Any:
    """The torch function of a step, that the operation's own tests compare with; dropout's has the same noise."""
    if step.operation.name == "dropout":
        p = step.settings["p"]
        kept = torch.from_numpy(next(draws)) if p else 1
        return lambda x: x * kept / (1 - p)
    if step.operation.name == "scaled_dot_product_attention":
        return partial(attention, draws)
    if step.operation.name == "cast":
        return lambda input, dtype: input.to(torch.from_numpy(step.outputs[0].array).dtype)
    if step.operation.name == "concatenate":
        return lambda *tensors: torch.cat(tensors, step.settings["dim"])
    if step.operation.name == "split_at":
        return lambda input, sizes, dim: input.split(list(sizes), dim)
    found = next(case for case in CASES if getattr(case.ours, "info", None) is step.operation)
    return found.torch_function()


def attention(draws: Draws, *args: Any, dropout_p: float = 0.0, generator: Any = None, **options: Any) -> torch.Tensor:
    """PyTorch's, with the noise that the engine has drawn."""
    noise = [next(draws)] if dropout_p else []
    with ReplayDraws(noise):
        return torch.nn.functional.scaled_dot_product_attention(*args, dropout_p=dropout_p, **options)


def in_torch(value: Any, like: torch.dtype) -> Any:
    """An argument for torch; a Python number next to tensors becomes one of them."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, tuple):
        return tuple(in_torch(item, like) if isinstance(item, np.ndarray) else item for item in value)
    return torch.tensor(value, dtype=like) if isinstance(value, float) else value


def run_again(step: Forward, wanted: set[str], draws: Draws) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """The step's outputs in torch, and its inputs by parameter."""
    given = {i.parameter: torch.from_numpy(i.value.array.copy()) for i in step.inputs}
    for name in wanted:
        given[name].requires_grad_()
    if step.operation.variadic or step.operation.name == "dropout":
        made = twin(step, draws)(*given.values())
        return [made], given
    like = next(iter(given.values())).dtype
    settings = step.settings
    if step.operation.elementwise:
        settings = {name: in_torch(value, like) for name, value in settings.items()}
    elif step.operation.name in TAKES_ARRAYS:
        settings = {
            name: in_torch(value, like) if name != "padding_value" else value for name, value in settings.items()
        }
    named = {**given, **settings}
    ordered = []
    for name in step.operation.parameters:  # by position up to the first that is left out, then by name
        if name not in named or name in BY_NAME:
            break
        ordered.append(named.pop(name))
    made = twin(step, draws)(*ordered, **named)
    return list(made) if isinstance(made, tuple | list) else [made], given


def check(mine: np.ndarray, theirs: torch.Tensor, floor: float, bound: float, what: str) -> None:
    """A position without neighbours has nothing in it, a masked score is -inf: the same on both sides is meant."""
    other = theirs.detach().numpy()
    if not mine.size and mine.shape == other.shape:
        return
    meant = np.isinf(mine) & (mine == other)
    _, relative, where = agreement.compare(np.where(meant, 0, mine), np.where(meant, 0, other), floor)
    assert relative <= bound, f"{what}: {where}"


def check_steps(found: Trace, draws: Draws) -> int:
    """Compare every step of a trace; returns how many numbers were compared."""
    values = {value.name: value.array for value in found.values}
    floor = agreement.floor({str(n): v.array for n, v in enumerate(found.values) if v.array.dtype.kind == "f"})
    gradients = {str(n): v.gradient for n, v in enumerate(found.values) if v.gradient is not None}
    reduction = agreement.longest_reduction(values, values)
    bound = agreement.tolerance("gradient", "float32", reduction)
    backward = {id(step.forward): step for step in found if isinstance(step, Backward)}
    compared = 0
    for step in found:
        if not isinstance(step, Forward):
            continue
        back = backward.get(id(step))
        wanted = {given.parameter for given in back.contributions} if back else set()
        outputs, given = run_again(step, wanted, draws)
        for value, theirs in zip(step.outputs, outputs, strict=True):
            check(value.array, theirs, floor, bound, f"{step}")
            compared += value.array.size
        if back is None:
            continue
        pairs = [(out, g) for out, g in zip(outputs, back.incoming, strict=True) if g is not None]
        torch.autograd.backward([out for out, _ in pairs], [torch.from_numpy(g.copy()) for _, g in pairs])
        for contribution in back.contributions:
            theirs = given[contribution.parameter].grad
            check(contribution.gradient, theirs, agreement.floor(gradients), bound, f"{back}")
            compared += contribution.gradient.size
    return compared


def test_every_step_equals_torch(traced: Traced) -> None:
    compared = check_steps(traced.trace, iter(traced.draws))
    assert compared > sum(value.array.size for value in traced.trace.values if value.kind == "result")


def check_sums(found: Trace) -> None:
    """Accumulated gradients are the sums of the contributions, exactly, and what comes in is what was summed."""
    totals: dict[int, np.ndarray] = {}
    for step in found:
        if not isinstance(step, Backward):
            continue
        for value, incoming in zip(step.forward.outputs, step.incoming, strict=True):
            if incoming is not None and value is not found.result:
                np.testing.assert_array_equal(totals[value.number], incoming)
        for given in step.contributions:
            assert given.first == (given.value.number not in totals)
            before = 0 if given.first else totals[given.value.number]
            totals[given.value.number] = before + given.gradient
            np.testing.assert_array_equal(given.accumulated, totals[given.value.number])


def test_contributions_add_up(traced: Traced) -> None:
    check_sums(traced.trace)


def test_parameters_end_with_the_gradients_of_the_pytorch_model(traced: Traced) -> None:
    paper, found = registry.find(traced.slug), traced.trace
    shown, theirs = Subject(paper, traced.variant), TorchSide(paper)
    model = theirs.build(shown.config, 0)
    theirs.load(model, shown.side.state(shown.model))
    assert shown.item is not None
    batch = theirs.batch(shown.item.batch)
    model.train()
    with ReplayDraws(traced.draws):
        loss = theirs.loss(model, batch)
    loss.backward()
    expected = theirs.gradients(model.named_parameters())
    gradients = {
        v.name: v.gradient for v in found.values if v.kind in ("parameter", "input") and v.gradient is not None
    }
    assert set(gradients) == set(expected)
    reduction = agreement.longest_reduction({}, theirs.state(model))  # through frozen weights, too, sums are as long
    bound = agreement.tolerance("gradient", "float32", reduction * 64)
    for name, gradient in expected.items():
        check(gradients[name], torch.from_numpy(gradient), agreement.floor(expected), bound, name)
    check(found.result.array, loss, 0.0, bound, "loss")
