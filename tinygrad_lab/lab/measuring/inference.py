"""``tinygrad-lab bench --inference``: what a trained model costs, engine against PyTorch.

Forward: the loss of a batch in evaluation mode, without gradients; PyTorch counts with the faster
of its two forms. Writing, where a paper's models write: the greedy search of ``inference.py``
from a random prompt, with the same weights on both sides, so that both write the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lab import no_grad
from tinygrad_lab.lab import bench, console, overrides, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.spread import with_quartiles
from tinygrad_lab.lab.measuring.steps import Step, built_in, has_builtin
from tinygrad_lab.lab.sides import NumpySide, Side, TorchSide, sides
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator

Row = dict[str, Any]


def forward(side: Side, paper: Paper, config: Any, model: Any, no_gradients: Callable[[], Any]) -> Step:
    """The loss of the example batch in evaluation mode."""
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)))
    model.eval()

    def step() -> None:
        with no_gradients():
            side.loss(model, batch)

    return step


def forwards(paper: Paper, config: Any) -> list[Step]:
    """Return the engine's forward pass first, then PyTorch's one or two forms."""
    numpy, torch = sides(paper)
    quiet = torch.torch.no_grad
    steps = [forward(numpy, paper, config, numpy.build(config), no_grad)]
    steps.append(forward(torch, paper, config, torch.build(config), quiet))
    if has_builtin(paper):
        steps.append(forward(torch, paper, config, built_in(paper, config), quiet))
    return steps


def writings(paper: Paper, config: Any) -> list[Step]:
    """Return how both sides write from the same weights and prompt; none where a model does not write."""
    if not (tokens := registry.example_tokens(paper, config, seed=0)):
        return []
    numpy, torch = NumpySide(paper), TorchSide(paper)
    models = numpy.build(config), torch.build(config)
    torch.load(models[1], numpy.state(models[0]))
    greedy = registry.part(paper, "inference").GREEDY
    return [
        partial(_write, side, model, config, tokens, greedy) for side, model in zip((numpy, torch), models, strict=True)
    ]


def _write(side: Side, model: Any, config: Any, tokens: list[int], options: Any) -> None:
    for _ in side.search(model, config, tokens, options):
        pass


def measure(paper: Paper, variant: str, size: str, fields: Sequence[str], repeats: int) -> list[Row]:
    """A row for forward, and one for writing where the paper's models write."""
    config = overrides.apply(registry.configuration(paper, variant, size), fields)
    rows = []
    for what, steps in (("forward", forwards(paper, config)), ("writing", writings(paper, config))):
        if steps:
            numpy, *torches = bench.alternate(steps, repeats)
            torch = min(torches)
            about = {"paper": paper.slug, "variant": variant, "size": size, "what": what}
            times = {"numpy_ms": 1e3 * numpy, "torch_ms": 1e3 * torch, "ratio": numpy / torch}
            rows.append({**about, **times, "repeats": repeats})
    return rows


def run(slugs: Sequence[str], variant: str | None, size: str, fields: Sequence[str], repeats: int) -> list[Row]:
    """Measure papers one after the other; the last entry is of all of them, and the machine."""
    keep_freed_memory()
    rows = []
    for paper, name in bench.chosen(slugs, variant):
        rows += measure(paper, name, size, fields, repeats)
    return [*rows, machine.summary(rows)]


def print_rows(rows: Sequence[Row]) -> None:
    """The table; a ratio below 1 means that the engine is faster."""
    lines = [
        (
            *(row[key] for key in ("paper", "variant", "size", "what")),
            *(with_quartiles(row[key]) for key in ("numpy_ms", "torch_ms", "ratio")),
        )
        for row in rows[:-1]
    ]
    columns = ("paper", "variant", "size", "what", "numpy ms", "torch ms", "ratio")
    title = f"A trained model, medians (and quartiles)\n{machine.line(rows[-1]['machine'])}"
    console.print_table(title, columns, lines, right=columns[4:])
    console.stdout.print(f"geometric mean of the ratios (NumPy / PyTorch): {rows[-1]['geomean_ratio']:.2f}")
