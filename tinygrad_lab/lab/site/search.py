"""The index that the search looks in: titles, headings, operations, and the names of what a paper defines.

It is a script that sets one variable, as a page that was opened from a file may load no data.
"""

import json
from collections.abc import Iterable, Sequence

from tinygrad_lab.lab.site.api import Page
from tinygrad_lab.lab.site.markdown import Section
from tinygrad_lab.lab.site.operations import Family
from tinygrad_lab.lab.site.views import TwinBlock
from tinygrad_lab.paper import Paper


class Index:
    """Collects what can be found, and where."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def add(self, title: str, kind: str, address: str, words: str = "") -> None:
        """Add something that can be found.

        Args:
            kind: what is said beside its title.
            words: by which it can be found, besides its title.
        """
        self.entries.append({"title": title, "kind": kind, "address": address, "words": words.lower()})

    def document(self, address: str, title: str, parts: Iterable[Section]) -> None:
        """Add a document and its headings."""
        self.add(title, "document", address)
        for part in parts:
            if part.title:
                self.add(part.title, title, f"{address}#{part.name}")

    def paper(
        self,
        address: str,
        paper: Paper,
        parts: Iterable[Section],
        files: Sequence[tuple[str, list[TwinBlock]]],
    ) -> None:
        """Add a paper, the headings of its notes, and what its files define."""
        words = f"{paper.slug} {paper.authors} {paper.year} {paper.summary} {' '.join(paper.variants)}"
        self.add(paper.title, f"paper, {paper.year}", address, words)
        for part in parts:
            if part.title:
                self.add(part.title, paper.slug, f"{address}#{part.name}", paper.title)
        for name, blocks in files:
            for block in blocks:
                title = f"{block.owner}.{block.name}" if block.owner else block.name
                if not block.anchor.endswith(".head"):
                    self.add(title, f"{paper.slug}/{name}", f"{address}#{block.anchor}")

    def operations(self, families: Iterable[Family]) -> None:
        """Add all operations, and the functions put together from them."""
        for family in families:
            page = f"operations/{family.name}.html"
            for view in family.views:
                self.add(view.name, "operation", f"{page}#{view.name}", f"{family.name} {view.about}")
            for part in family.composed:
                self.add(part.name, "function", f"{page}#{part.name}", f"{family.name} {part.about}")

    def api(self, pages: Iterable[Page]) -> None:
        """Add the public names of the modules, and of their classes."""
        for page in pages:
            module = page.name.rpartition(".")[2]
            for entry in page.entries:
                for part in (entry, *entry.members):
                    self.add(f"{module}.{part.anchor}", f"api/{page.name}", f"{page.address}#{part.anchor}")

    def script(self) -> str:
        """The index as a script."""
        return f"window.searchIndex = {json.dumps(self.entries, ensure_ascii=False, separators=(',', ':'))};\n"
