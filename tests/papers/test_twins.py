"""Both sides of a paper have the same public classes, methods and functions, in the same order, and mostly the same
lines."""

import ast
from difflib import SequenceMatcher
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/model.py"))


def outline(path: Path) -> list[str]:
    """Public definitions in order: functions, classes and the methods a class writes out."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            names.append(node.name)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            names.append(node.name)
            methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            names += [f"{node.name}.{name}" for name in methods if not name.startswith("_")]
    return names


@pytest.mark.parametrize("file", ["model.py", "train.py"])
@pytest.mark.parametrize("slug", SLUGS)
def test_twins_align(slug: str, file: str) -> None:
    engine, reference = (outline(ROOT / side / slug / file) for side in ("papers", "reference"))
    assert len(engine) >= 3
    assert engine == reference


def defaults(slug: str, side: str, file: str) -> dict[tuple[str, str, str], str]:
    """What every argument of a class or function is that is not given: by definition, method and argument."""
    found = {}
    for node in ast.parse((ROOT / side / slug / file).read_text(encoding="utf-8")).body:
        methods = [node] if isinstance(node, ast.FunctionDef) else getattr(node, "body", [])
        for method in methods:
            if isinstance(method, ast.FunctionDef):
                given = method.args.args[len(method.args.args) - len(method.args.defaults) :]
                for argument, value in zip(given, method.args.defaults, strict=True):
                    default = ast.unparse(value).removeprefix("np.").removeprefix("torch.")
                    found[getattr(node, "name", ""), method.name, argument.arg] = default
    return found


@pytest.mark.parametrize("file", ["model.py", "train.py"])
@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_not_given_is_the_same_on_both_sides(slug: str, file: str) -> None:
    engine, reference = (defaults(slug, side, file) for side in ("papers", "reference"))
    engine.pop(("build", "build", "generator"), None)  # torch has one for all
    assert engine == reference


def lines(path: Path) -> list[str]:
    """All lines but empty ones, without their indentation: ``build`` has one block more on the engine's side."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def alike(slug: str) -> tuple[int, int]:
    """How many lines of the engine's model stand in the reference's too, in that order, and how many there are."""
    engine, reference = (lines(ROOT / side / slug / "model.py") for side in ("papers", "reference"))
    matcher = SequenceMatcher(None, engine, reference, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()), len(engine)


def test_most_lines_of_twins_are_identical(capsys: pytest.CaptureFixture[str]) -> None:
    shares = {slug: alike(slug) for slug in SLUGS}
    same, total = (sum(counts) for counts in zip(*shares.values(), strict=True))
    with capsys.disabled():
        print(f"\n{'paper':24}identical lines of model.py")
        for slug, (matched, of) in (shares | {"all": (same, total)}).items():
            print(f"{slug:24}{matched:5} of {of:5} = {100 * matched / of:.1f} %")
    assert len(shares) == 12
    assert same >= 0.88 * total
