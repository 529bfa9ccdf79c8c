"""Where the sources of the project are: the papers and their references beside the engine, or inside of it.

In a checkout ``papers`` and ``reference`` are packages of their own.  Where the project is installed their names could
be anybody's, so they are ``tinygrad_lab.papers`` and ``tinygrad_lab.reference`` there.  Whoever wants one of their
modules or files asks here, by its name or path in a checkout.
"""

from pathlib import Path

ENGINE = Path(__file__).parent
SIDES = ("papers", "reference")
INSTALLED = (ENGINE / "papers" / "__init__.py").is_file()
HOME = ENGINE if INSTALLED else ENGINE.parent  # the folder that has both sides in it


def module(side: str, name: str = "") -> str:
    """Return what a side's module is called for Python: module("papers", "lenet.model")."""
    package = f"{ENGINE.name}.{side}" if INSTALLED else side
    return f"{package}.{name}" if name else package


def file(path: str, home: Path = HOME) -> Path:
    """Return where a file or folder is that a checkout has at this path."""
    first, _, rest = path.partition("/")
    return home / rest if first == ENGINE.name and not (home / first).is_dir() else home / path


def path_of(found: str | Path, home: Path = HOME) -> str | None:
    """Return the path that a file has in a checkout; None for one that is not the project's."""
    if not Path(found).is_relative_to(home):
        return None
    inside = Path(found).relative_to(home)
    checkout = inside.parts[:1] in [(side,) for side in SIDES] or (home / ENGINE.name).is_dir()
    return (inside if checkout else Path(ENGINE.name, inside)).as_posix()


def is_engine(code: str) -> bool:
    """Tell whether a file of running code is the engine's: neither a user's nor a paper's."""
    return code.startswith(_ENGINE) and not code.startswith(_INSIDE)


_ENGINE = __file__.removesuffix("places.py")  # with a separator at its end
_INSIDE = tuple(f"{_ENGINE}{side}" for side in SIDES)
