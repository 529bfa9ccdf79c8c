"""Where everything of the project is found in the site: papers, documents, sources, result files."""

import posixpath
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath

from tinygrad_lab import places
from tinygrad_lab.lab import registry
from tinygrad_lab.places import HOME, SIDES

TEXTS = (".py", ".md", ".toml", ".txt", ".css", ".js", ".html")  # files that get a page of their own when linked
FILES = (".png", ".json", ".ipynb")  # files that are copied as they are


class Library:
    """Turns paths of the project into addresses of the site, and keeps in mind what must be there because of it."""

    def __init__(self, root: Path = HOME) -> None:
        self.root = root
        self.slugs = list(registry.discover())
        docs = root / "docs"
        self.documents = {_document(path.relative_to(docs)): path for path in sorted(docs.rglob("*.md"))}
        self.pages: set[str] = set()  # project paths of sources and folders that have a page
        self.copies: set[str] = set()  # project paths of files to copy

    def resolver(self, written_in: str, page: str) -> Callable[[str], str | None]:
        """How links in the file ``written_in`` (a project path) are written in the page (an address in the site)."""

        def resolve(target: str) -> str | None:
            if target.startswith(("https://", "http://", "#")):
                return target
            path, _, anchor = target.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(written_in), path))
            address = self.address(target)
            if address is None:
                return None
            if anchor and "#" not in address:
                address += f"#{anchor}"
            return relative(address, page)

        return resolve

    def file(self, path: str) -> Path:
        """Where a file or folder of the project is."""
        return places.file(path, self.root)

    def address(self, path: str) -> str | None:
        """Where a file or folder of the project is in the site; None for what is not there or leads out of it."""
        parts = PurePosixPath(path).parts
        if ".." in parts or path.startswith("/") or not self.file(path).exists():
            return None
        if parts in ((), ("README.md",)):
            return "index.html"
        if parts[0] == "docs" and (name := _document(PurePosixPath(*parts[1:]))) in self.documents:
            return f"{name}.html"
        if len(parts) > 1 and parts[0] in SIDES and parts[1] in self.slugs:
            return self._of_paper(parts)
        return self._own_page(path)

    def _of_paper(self, parts: tuple[str, ...]) -> str | None:
        side, slug, *rest = parts
        if not rest or rest == ["README.md"]:
            return f"{slug}/index.html"
        if "/".join(rest) in twin_files(self.root, slug):
            return f"{slug}/index.html#{PurePosixPath(rest[-1]).stem}"
        if side == "papers" and rest == ["config.py"]:
            return f"{slug}/index.html#config"
        return self._own_page("/".join(parts))

    def _own_page(self, path: str) -> str | None:
        found = self.file(path)
        if found.is_dir() or found.suffix in TEXTS:
            self.pages.add(path)
            return f"source/{path}/index.html" if found.is_dir() else f"source/{path}.html"
        if found.suffix in FILES:
            self.copies.add(path)
            return f"source/{path}"
        return None

    def listing(self, path: str) -> list[str]:
        """What a folder's page lists: project paths of its files and folders that the site can show."""
        shown = [
            item
            for item in sorted(self.file(path).iterdir(), key=lambda item: (item.is_dir(), item.name))
            if not item.name.startswith(("_", ".")) and (item.is_dir() or item.suffix in (*TEXTS, *FILES))
        ]
        return [f"{path}/{item.name}" for item in shown]


def _document(path: PurePath) -> str:
    """What a document of this path below ``docs`` is called."""
    return path.with_suffix("").as_posix() if path.suffix == ".md" else ""


def twin_files(root: Path, slug: str) -> list[str]:
    """Names of the files that both sides of a paper have: the model, the training, the rest.

    Each side has its own configuration and data, which are no twins.
    """
    sides = [_sources(root / side / slug) for side in SIDES]
    first = ["model.py", "train.py"]
    both = sides[0] & sides[1] - {"config.py", "data.py"}
    return [*(name for name in first if name in both), *sorted(both - set(first))]


def _sources(folder: Path) -> set[str]:
    """The public modules of a paper's side, those in its folders too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if not path.name.startswith("_")}


def relative(address: str, page: str) -> str:
    """An address as it is written in a page."""
    path, _, anchor = address.partition("#")
    way = posixpath.relpath(path, posixpath.dirname(page) or ".")
    return f"{way}#{anchor}" if anchor else way
