"""How each paper trains, on both sides: which numbers move which parameters, the rate of every step, a step's parts."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.papers.both import on_both_sides, side_of, tiny
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Side, sides
from tinygrad_lab.random import generator

VARIANTS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]
NUMBERS = ("momentum", "betas", "eps", "weight_decay")  # those of them that an optimiser has
of_every_variant = pytest.mark.parametrize(("slug", "variant"), VARIANTS)


def both(slug: str, variant: str) -> list[tuple[Side, Any]]:
    """Each side, and the smallest model that it has of a variant."""
    return [(side, side.build(tiny(slug, variant))) for side in sides(registry.find(slug))]


def configurations(slug: str, variant: str) -> Iterator[Any]:
    """Of every size, and such that each number shows."""
    for config in registry.find(slug).variants[variant].values():
        yield config
        changes = {"weight_decay": 0.03, "momentum": 0.8, "warmup": 0.3, "warmup_share": 0.3, "final_rate": 0.2}
        yield replace(config, **{name: value for name, value in changes.items() if hasattr(config, name)})
    if hasattr(config, "optimizer"):
        yield from (replace(config, optimizer=name) for name in ("adam", "sgd"))


def numbers(side: Side, model: Any, config: Any) -> dict[str, dict[str, Any]]:
    """What moves each parameter, by its name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = side.optimizer(model, config, 10)[0].param_groups
    moved = [(names[id(parameter)], group) for group in groups for parameter in group["params"]]
    assert sorted(name for name, _ in moved) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    return {name: {number: group[number] for number in NUMBERS if number in group} for name, group in moved}


@of_every_variant
def test_the_same_numbers_move_every_parameter_that_is_trained(slug: str, variant: str) -> None:
    models = both(slug, variant)
    for config in configurations(slug, variant):
        ours, theirs = (numbers(side, model, config) for side, model in models)
        assert ours == theirs


@of_every_variant
def test_every_step_has_the_same_rate_to_the_last_and_beyond(slug: str, variant: str) -> None:
    """In trainings of one step, of a few and of many; and of some more steps than were announced."""
    models = both(slug, variant)
    for config in configurations(slug, variant):
        for steps in (1, 2, 3, 10, 47):
            ours, theirs = (list(rates(*side.optimizer(model, config, steps), steps + 3)) for side, model in models)
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9 * config.learning_rate)
            assert all(0 < rate <= config.learning_rate for rate in ours[:steps])


def rates(optimizer: Any, scheduler: Any, steps: int) -> Iterator[float]:
    """The rate that each step is made with."""
    for _ in range(steps):
        rate, *others = {group["lr"] for group in optimizer.param_groups}
        assert not others
        yield rate
        optimizer.step()  # which moves nothing: there are no gradients
        scheduler.step()


# ---- the parts of a step ---------------------------------------------------------------------------------------------
SHORT = 1e-3  # no gradients at the start are shorter
ORDER = ["batch", "zero_grad", "forward in training", "step", "rate", "loss"]


@on_both_sides
@of_every_variant
@pytest.mark.filterwarnings("ignore:Seems like `optimizer.step")  # torch sees that it is watched
def test_a_step_has_its_parts_in_order_and_comes_when_it_is_asked_for(
    slug: str, variant: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, config = side_of(slug, package), tiny(slug, variant)
    model, events, lengths = side.build(config), [], []
    optimizer, scheduler = side.optimizer(model, config, 2)
    if hasattr(model, "clip"):
        model.clip = SHORT

    def note(holder: Any, name: str, event: str) -> None:
        function = getattr(holder, name)
        monkeypatch.setattr(holder, name, lambda *args: (events.append(event), function(*args))[1])

    for holder, name, event in ((optimizer, "zero_grad", "zero_grad"), (optimizer, "step", "step")):
        note(holder, name, event)
    note(scheduler, "step", "rate")
    model.register_forward_hook(lambda *_: events.append(f"forward in {'training' if model.training else 'use'}"))

    def batches() -> Iterator[Any]:
        rng = generator(0)
        for _ in range(2):
            events.append("batch")
            yield registry.part(registry.find(slug), "data").example_batch(config, rng)

    for loss in side.train(model, optimizer, scheduler, batches()):
        assert isinstance(loss, float)
        events.append("loss")
        lengths.append(length(side, model))
        model.eval()
    assert events == 2 * ORDER
    assert all(length > 0 for length in lengths)
    if hasattr(model, "clip"):
        assert lengths == pytest.approx([SHORT] * 2, rel=1e-2)


def length(side: Side, model: Any) -> float:
    """Of all gradients together."""
    return math.sqrt(sum(float((g**2).sum()) for g in side.gradients(model.named_parameters()).values()))
