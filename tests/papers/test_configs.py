"""What the PyTorch side reads of a configuration is what the engine's has, under the same names."""

import ast
import importlib
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest

from papers.llama.config import VARIANTS as LLAMA_VARIANTS
from reference.arguments import attributes, change
from reference.llama.config import SIZES, VARIANTS, long_run

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/config.py"))


def both(slug: str) -> tuple[Any, Any]:
    """The engine's variants, and the module of what PyTorch reads of them."""
    return tuple(importlib.import_module(f"{side}.{slug}.config") for side in ("papers", "reference"))


def first(engine: Any) -> Any:
    return next(iter(engine.VARIANTS.values()))["small"]


def protocol(reference: Any, name: str) -> Any:
    """The class of that name, which the engine's configuration class has too."""
    found = getattr(reference, name)
    assert found._is_protocol
    return found


def properties(kind: type) -> list[str]:
    return [name for name, value in vars(kind).items() if isinstance(value, property)]


@pytest.mark.parametrize("slug", SLUGS)
def test_the_engines_configurations_have_all_that_pytorch_reads(slug: str) -> None:
    engine, reference = both(slug)
    for sizes in engine.VARIANTS.values():
        for config in sizes.values():
            assert isinstance(config, protocol(reference, type(config).__name__))


@pytest.mark.parametrize("slug", SLUGS)
def test_a_configuration_that_lacks_something_is_none(slug: str) -> None:
    engine, reference = both(slug)
    kind = protocol(reference, type(first(engine)).__name__)
    whole = dict.fromkeys((*get_type_hints(kind), *properties(kind)))
    assert isinstance(SimpleNamespace(**whole), kind)
    for name in whole:
        assert not isinstance(SimpleNamespace(**{n: None for n in whole if n != name}), kind)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_engine_accepts_what_pytorch_trains(slug: str) -> None:
    """And makes the same of it: sizes that follow from others, the bitmaps of LeNet-5, the symbols of the LSTM."""
    engine, reference = both(slug)
    run = reference.Run()
    known = {field.name: type(getattr(first(engine), field.name)) for field in fields(first(engine))}
    values = {name: value for name, value in attributes(run).items() if name in known}
    assert {name: type(value) for name, value in values.items()} == {name: known[name] for name in values}
    config = replace(first(engine), **values)
    for name in properties(protocol(reference, type(config).__name__)):
        assert getattr(run, name) == getattr(config, name)


@pytest.mark.parametrize("slug", SLUGS)
def test_what_pytorch_trains_is_what_it_must_be(slug: str) -> None:
    change(both(slug)[1].Run(), {})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_long_runs_have_the_engines_sizes(variant: str, size: str) -> None:
    assert list(VARIANTS) == list(LLAMA_VARIANTS)
    assert attributes(long_run(variant, size)) == vars(LLAMA_VARIANTS[variant][size])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reference").rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_configurations_and_batches_are_said_to_be_what_they_are(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.arg) and node.arg in ("config", "batch", "batches") and node.annotation:
            assert ast.unparse(node.annotation) not in ("Any", "dict", "Iterable[dict]"), node.lineno
