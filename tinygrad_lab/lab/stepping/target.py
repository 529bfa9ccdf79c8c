"""What can be stepped through: a paper at its tiny size, a module of it, or an expression with values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinygrad_lab import nn
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping import expression, values
from tinygrad_lab.lab.stepping.subject import Subject
from tinygrad_lab.paper import Paper
from tinygrad_lab.places import path_of
from tinygrad_lab.trace import Backward, Forward, Trace

LARGEST = 4000  # steps that are shown


@dataclass(frozen=True)
class Traced:
    """What a face of the stepper shows.

    Attributes:
        trace: the steps.
        title: "lstm 2000: layers.0", or the expression.
        target: what was asked for: the paper's slug, or the expression.
        sources: the texts that steps refer to, by the name that they are given in JSON.
        item: what a paper is shown with: "a handwritten 8"; "" with an expression.
        changeable: by their names, the values whose numbers can be changed where a server stands behind the page, each
            with what its whole numbers stand for.
    """

    trace: Trace
    title: str
    target: str
    sources: dict[str, str]
    item: str = ""
    changeable: Mapping[str, Sequence[str]] = field(default_factory=dict)


def trace_target(
    target: str,
    assignments: Sequence[str] = (),
    module: str | None = None,
    variant: str | None = None,
    random: bool = False,
) -> Traced:
    """Run a target, forwards and backwards, step by step.

    Args:
        target: a paper's slug, or an expression as in ``tinygrad_lab.lab.stepping.expression``.
        assignments: the values of an expression, "name=value".
        module: keep only the steps of this module of a paper and of those below it: its path, or the last part of its
            path, or its class, which several may share.
        variant: the paper's variant; its default one if None.
        random: the paper untrained, on random numbers, in place of trained weights on a real item.

    Raises:
        UsageError: no such paper, variant or module; an expression that is malformed, unsafe or does not fit its
            values; more steps than LARGEST.
    """
    known = registry.discover() if target.replace("-", "_").isidentifier() else {}
    if target in known:
        if assignments:
            raise UsageError(
                f"{target} is a paper: values such as {values.short(assignments[0])} go with an expression"
            )
        return trace_paper(known[target], module, variant, random)
    if known and not assignments:
        raise UsageError(
            f"{values.quoted(target)} is no paper; the papers are: {', '.join(known)}. An expression needs values: x=2"
        )
    if module is not None or variant is not None or random:
        raise UsageError("--module, --variant and --random go with a paper, not with an expression")
    traced = expression.trace_expression(target, values.assignments(assignments))
    text = target.strip() + (f"\n{expression.SUMMED}" if expression.is_summed(traced, target) else "")
    return Traced(traced, target.strip(), target, {expression.FILE: text})


def trace_paper(paper: Paper, module: str | None, variant: str | None, random: bool = False) -> Traced:
    """The loss of what is shown of a paper, or of random numbers in an untrained model."""
    return trace_subject(paper.slug, Subject(paper, variant, random), module)


def trace_subject(slug: str, subject: Subject, module: str | None) -> Traced:
    """The loss of a subject, as it is now."""
    traced, title = subject.trace(), subject.title
    if module is not None:
        traced, title = only_modules(traced, modules_called(module, subject.model)), f"{title}: {module}"
    if len(traced) > LARGEST:
        sizes = ", ".join(f"{name} ({size})" for name, size in module_sizes(traced).items() if size <= LARGEST)
        raise UsageError(f"{title} has {len(traced)} steps, at most {LARGEST} are shown: choose one --module: {sizes}")
    item = subject.item.title if subject.item else "random numbers, untrained weights"
    return Traced(traced, title, slug, sources(traced), item, _changeable(subject))


def _changeable(subject: Subject) -> dict[str, Sequence[str]]:
    return {name: subject.words.get(name, ()) for name in subject.arrays()}


def modules_called(name: str, model: nn.Module) -> list[str]:
    """The paths of the modules that have this path, or else end with it, or are of this class, whatever its case."""
    classes = {path: type(part).__name__.lower() for path, part in model.named_modules() if path}
    if name in classes:
        return [name]
    return [path for path, kind in classes.items() if path.split(".")[-1] == name or kind == name.lower()] or [name]


def only_modules(traced: Trace, modules: Sequence[str]) -> Trace:
    """The steps of some modules and of those below them, numbered from 0, and the values that they speak of.

    Raises:
        UsageError: no operation ran in any of them.
    """
    sizes = module_sizes(traced)
    if not any(module in sizes for module in modules):
        raise UsageError(f"no module {modules[0]!r} ran an operation; the modules are: {', '.join(sizes)}")
    steps: list[Forward | Backward] = []
    kept: dict[int, Forward] = {}
    for step in traced:
        if isinstance(step, Forward):
            if any(f"{step.module}.".startswith(f"{module}.") for module in modules):
                kept[id(step)] = replace(step, index=len(steps))
                steps.append(kept[id(step)])
        elif id(step.forward) in kept:
            steps.append(replace(step, index=len(steps), forward=kept[id(step.forward)]))
    seen = {value.number for step in kept.values() for value in [*(i.value for i in step.inputs), *step.outputs]}
    return Trace(steps, [v for v in traced.values if v.number in seen or v is traced.result], traced.result)


def module_sizes(traced: Trace) -> dict[str, int]:
    """How many steps each module and those below it have."""
    sizes: Counter[str] = Counter()
    for step in traced:
        parts = (step if isinstance(step, Forward) else step.forward).module.split(".")
        sizes.update(".".join(parts[: n + 1]) for n in range(len(parts)) if parts[0])
    return dict(sizes)


def sources(traced: Trace) -> dict[str, str]:
    """The project's source files that the steps were called from."""
    files = {step.file for step in traced if isinstance(step, Forward)}
    paths = {f: path for f in sorted(files) if (path := path_of(f))}
    return {path: Path(f).read_text(encoding="utf-8") for f, path in paths.items()}
