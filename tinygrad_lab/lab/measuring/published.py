"""``tinygrad-lab bench SLUG --inference --weights NAME``: published weights, engine against PyTorch.

Reading: a prompt, up to the first token that follows it.  Writing: one token more, from the keys
and values that are kept, between a short prompt and the end of a short text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from tinygrad_lab.lab import bench, generation, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.generation import Writer
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.inference import Row
from tinygrad_lab.lab.measuring.steps import Step
from tinygrad_lab.paper import Paper

READ = 512  # tokens of the prompt
BEFORE, WRITTEN = 16, 64  # tokens that are there when writing begins, and that come then

Texts = Callable[[Sequence[int]], Iterator[int]]  # how a model goes on from tokens


def texts(paper: Paper, side: str, name: str) -> tuple[Texts, list[int]]:
    """The model of one side, as what it writes, and an example to read."""
    writer = Writer(paper, side, generation.from_weights(paper, name), ())
    config, greedy = writer.source.config, replace(writer.inference.GREEDY, length=WRITTEN)
    example = registry.example_tokens(paper, config, seed=0)[:READ]
    return lambda tokens: iter(writer.side.search(writer.model, config, list(tokens), greedy)), example


def reading(go_on: Texts, example: Sequence[int]) -> Step:
    """Read the whole example, and choose one token."""
    return lambda: next(go_on(example))


def writing(go_on: Texts, example: Sequence[int]) -> Step:
    """Write one token more; a text that is at its end begins anew."""

    def forever() -> Iterator[int]:
        while True:
            yield from go_on(example[:BEFORE])

    return partial(next, forever())


def run(slugs: Sequence[str], name: str, repeats: int) -> list[Row]:
    """A row for reading and one for writing.

    Raises:
        UsageError: not one paper, a paper without published weights, weights that cannot be read.
    """
    if len(slugs) != 1:
        raise UsageError(f"bench: --weights are those of one paper, got {len(slugs)}")
    paper = registry.find(slugs[0])
    both = [texts(paper, side, name) for side in ("numpy", "torch")]
    keep_freed_memory()
    about = {"paper": paper.slug, "variant": name, "size": "published"}
    rows: list[Row] = []
    for what, step in (("reading", reading), ("writing", writing)):
        numpy, torch = bench.alternate([step(*side) for side in both], repeats)
        times = {"numpy_ms": 1e3 * numpy, "torch_ms": 1e3 * torch, "ratio": numpy / torch}
        rows.append({**about, "what": what, **times, "repeats": repeats})
    return [*rows, machine.summary(rows)]
