"""The documents: their code prints what they say, their commands parse, their links lead to what they name."""

import ast
import re
from pathlib import Path

import click
import pytest

from tests.docs.snippets import BLOCK, DOCS, ROOT, blocks, commands, runs
from tests.lab.command import run
from tinygrad_lab.lab.cli import cli

DOCUMENTS = sorted(DOCS.rglob("*.md"))
IDS = [path.stem for path in DOCUMENTS]
DERIVATIONS = sorted(f"derivations/{path.stem}" for path in (DOCS / "derivations").glob("*.md"))
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", ["first-hour", "engine", "questions", *DERIVATIONS])
def test_code_prints_what_stands_below_it(name: str) -> None:
    path = DOCS / f"{name}.md"
    document = path.read_text(encoding="utf-8")
    checked = 0
    for block, printed, shown in runs(document, str(path)):
        assert printed == (shown.text if shown else ""), block.text
        checked += shown is not None
    assert checked >= 4


QUESTIONS = (DOCS / "questions.md").read_text(encoding="utf-8").split("\n## ")[1:]


@pytest.mark.parametrize("text", QUESTIONS, ids=lambda text: text.partition("?")[0])
def test_an_answer_is_short_and_its_code_runs_by_itself(text: str) -> None:
    ran = list(runs(text, text.partition("\n")[0]))
    assert ran
    assert all(shown is not None and printed == shown.text for _, printed, shown in ran)
    words = BLOCK.sub("", text).split()
    assert len(words) <= 150  # a minute at most, with the code


def test_all_questions_and_hard_backwards_are_there() -> None:
    assert len(QUESTIONS) >= 20
    assert len(DERIVATIONS) == 7
    index = (DOCS / "derivations.md").read_text(encoding="utf-8")
    assert all(f"({name}.md)" in index for name in DERIVATIONS)
    for _, printed, shown in runs(index, "derivations"):
        assert printed == (shown.text if shown else "")


def test_the_engine_has_as_many_stations_as_its_first_word_says() -> None:
    text = (DOCS / "engine.md").read_text(encoding="utf-8")
    stations = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.M)]
    assert stations == list(range(1, 12))
    assert text.split("\n\n")[1].startswith("Eleven stations")


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_commands_parse(path: Path) -> None:
    for name, *arguments in commands(path.read_text(encoding="utf-8")):
        cli.commands[name].make_context(name, arguments, parent=click.Context(cli))  # raises if there is no such option


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_links_lead_to_what_they_name(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    for text, target in links:
        if "://" in target:
            continue
        file = (path.parent / target).resolve()
        assert file.exists(), target
        assert file.is_relative_to(ROOT)
        if text.startswith("`") and file.suffix == ".py":
            name = text.strip("`")
            assert str(file).endswith(name) or name in defined(file), f"{target} defines no {name}"


def defined(path: Path) -> set[str]:
    """Classes and functions of a file, methods as Class.method."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{item.name}" for item in node.body if isinstance(item, ast.FunctionDef)}
    return found


def test_a_document_is_cut_into_its_blocks() -> None:
    found = blocks(
        "a\n```python\nx = 1\n```\n\n```text\n2\n```\nb\n```sh\n.venv/bin/tinygrad-lab step 'a + b' a=1  # c\n```\n"
    )
    assert [(block.language, block.text) for block in found[:2]] == [("python", "x = 1\n"), ("text", "2\n")]
    assert commands("```sh\n.venv/bin/tinygrad-lab step 'a + b' a=1  # c\n```\n") == [["step", "a + b", "a=1"]]


STEPS = [c for path in DOCUMENTS for c in commands(path.read_text(encoding="utf-8")) if c[0] == "step"]


@pytest.mark.parametrize("arguments", [call for call in STEPS if "weight_decay" not in call], ids=" ".join)
def test_what_they_step_through(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.code == 0, result.err
    assert list(tmp_path.iterdir()) if "--html" in arguments else "backward" in result.out
