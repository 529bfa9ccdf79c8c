"""Building the site: what each page shows is put together here and handed to its template."""

import importlib.resources
import shutil
import subprocess
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinygrad_lab.lab import console, parity_report, registry
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.playground import page as playground
from tinygrad_lab.lab.site import (
    api,
    evidence,
    highlight,
    markdown,
    measured,
    measurements,
    operations,
    search,
    stepper,
    views,
)
from tinygrad_lab.lab.site.families import ABOUT
from tinygrad_lab.lab.site.library import Library, relative, twin_files
from tinygrad_lab.lab.site.measurements import Measurements, PaperEvidence
from tinygrad_lab.lab.site.output import staged
from tinygrad_lab.lab.threads import has_torch, one_thread
from tinygrad_lab.paper import SIZES, Paper
from tinygrad_lab.places import SIDES

DOCUMENTS = {  # in this order and by these names in the list of pages; others follow
    "first-hour": "First hour",
    "questions": "Questions",
    "derivations": "Derivations",
    "exercises": "Exercises",
    "engine": "Engine",
    "adding-a-paper": "Adding a paper",
    "agreement": "Agreement",
}
PAGE_ANCHORS = ("content", "notes", "seen", "sources", "results", "config", "operations")  # taken by the paper's page


def build_all(out: Path) -> list[Row]:
    """Compare both sides of all papers, write the site into ``out``, and return what was compared.

    Where there is no PyTorch nothing is compared: the pages show what was measured before, and say so.

    Raises:
        UsageError: ``out`` is not empty and no earlier site, or not writable.
    """
    with staged(out) as folder, stepper.meanwhile(folder) as steppers, one_thread():
        rows = compared() if has_torch() else None
        with console.progress() as bar:
            task = bar.add_task("pages", total=None)
            known = measurements.current(rows, evidence.STEPS)
            Site(folder, known, steppers, lambda address: bar.update(task, description=address)).write()
    return rows or []


def compared() -> list[Row]:
    """Run parity over all papers."""
    return parity_report.run(parity_report.jobs((), None, "both", "tiny"), "tiny", evidence.STEPS, seed=0)


def build(out: Path, rows: Sequence[Row] | None) -> None:
    """Write the site of all papers into ``out``.

    Args:
        rows: of a run of parity; papers without any are shown without agreement. None for what was measured before.

    Raises:
        UsageError: ``out`` is not empty and no earlier site, or not writable.
    """
    with staged(out) as folder, stepper.meanwhile(folder) as steppers:
        Site(folder, measurements.current(rows, evidence.STEPS), steppers, lambda _: None).write()


class Site:
    """All pages of a site, written into a folder.

    Args:
        known: how far both sides agree.
        steppers: the process that writes the steppers' pages, which the papers' pages ask for.
        watch: told of each page before it is made.
    """

    def __init__(
        self, folder: Path, known: Measurements, steppers: subprocess.Popen[str], watch: Callable[[str], None]
    ) -> None:
        self.folder, self.known, self.steppers, self.watch = folder, known, steppers, watch
        self.papers = registry.discover()
        self.library = Library()
        names = [name for name in DOCUMENTS if name in self.library.documents]
        self.documents = names + [name for name in self.library.documents if name not in names]
        self.texts = {name: self.library.documents[name].read_text(encoding="utf-8") for name in self.documents}
        self.found = search.Index()
        self.operations = operations.families(self.library.root)
        self.templates = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined)
        self.templates.filters |= {
            "stem": lambda name: Path(name).stem,
            "quantity": views.quantity,
            "part": views.part,
            "safe_html": Markup,
            "ticks": operations.with_code,
        }
        self.templates.trim_blocks = self.templates.lstrip_blocks = True
        self.templates.globals |= {
            "navigation": self.navigation(),
            "checks": views.CHECKS,
            "measured": known.summary,
            "papers": self.papers,
        }

    def write(self) -> None:
        """Write every page, then the sources that they link."""
        self.operation_pages()
        self.api_pages()
        for name in self.documents:
            self.document(name)
        stepper.wait_for(self.steppers)
        views_by_slug = {slug: self.paper(paper) for slug, paper in self.papers.items()}
        self.index(views_by_slug)
        self.page("families.html", "families.html", title="The families", **self.families(views_by_slug))
        self.file("playground.html", playground.render(home="index.html"))
        self.linked_sources()
        self.file("search-index.js", self.found.script())
        for name in ASSETS:
            text = importlib.resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
            self.file(name, text)

    def navigation(self) -> list[tuple[str, str]]:
        """Addresses and names of what every page links; a document in a folder is linked by another one."""
        documents = [name for name in self.documents if "/" not in name]
        named = [(f"{name}.html", DOCUMENTS.get(name) or _title(self.texts[name])) for name in documents]
        playground = [("playground.html", "Playground")] if find_spec("tinygrad_lab.lab.playground") else []
        return [*FIRST, *playground, *named]

    def file(self, address: str, text: str) -> None:
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def page(self, address: str, template: str, **shown: Any) -> None:
        """A page from its template; addresses of the site are written relative to it."""
        self.watch(address)
        link = lambda target: relative(target, address)  # noqa: E731
        self.file(address, self.templates.get_template(template).render(link=link, address=address, **shown))

    # ---- overview ---------------------------------------------------------------------------------------------------
    def index(self, views_by_slug: dict[str, list[views.VariantView]]) -> None:
        cards = {
            family: [
                views.Card(paper, views_by_slug[slug][0], measured.verdicts(paper), measured.speed(paper))
                for slug, paper in self.papers.items()
                if paper.family == family
            ]
            for family in ABOUT
        }
        shown = {"families": cards, "lists": self.lists(), "timed": measured.where_timed()}
        self.page("index.html", "index.html", title="Papers, each built twice", **shown)

    def lists(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """What the front page lists besides the papers: title and address, and those of each entry."""
        questions = [
            (part.title, f"questions.html#{part.name}") for part in self.sections_of("questions") if part.title
        ]
        derived = [name for name in self.documents if name.startswith("derivations/")]
        derivations = [(_title(self.texts[name]), f"{name}.html") for name in derived]
        found = (("questions", questions), ("derivations", derivations))
        return [(_title(self.texts[name]), f"{name}.html", entries) for name, entries in found if entries]

    def families(self, views_by_slug: dict[str, list[views.VariantView]]) -> dict[str, Any]:
        """Each family with its papers' default models; all of them on one scale of cost."""
        firsts = {slug: variants[0] for slug, variants in views_by_slug.items()}
        return {
            "families": [
                (name, about, [(self.papers[s], view) for s, view in firsts.items() if self.papers[s].family == name])
                for name, about in ABOUT.items()
            ],
            "parameters": [float(view.parameters) for view in firsts.values()],
            "multiply_adds": [view.multiply_adds for view in firsts.values()],
        }

    def document(self, name: str) -> None:
        """A page of docs/."""
        address, parts = f"{name}.html", self.sections_of(name)
        title, folder = _title(self.texts[name]), name.rpartition("/")[0]
        up = (f"{folder}.html", _title(self.texts[folder])) if folder in self.texts else None
        self.page(address, "document.html", title=title, sections=parts, up=up)
        self.found.document(address, title, parts)

    def sections_of(self, name: str) -> list[markdown.Section]:
        """The parts of a document; none of one that is not there."""
        if name not in self.texts:
            return []
        file = self.library.documents[name].relative_to(self.library.root).as_posix()
        return markdown.sections(self.texts[name], self.library.resolver(file, f"{name}.html"))

    # ---- operations -------------------------------------------------------------------------------------------------
    def operation_pages(self) -> None:
        """The list of operations, and a page for each file of them."""
        self.found.operations(self.operations)
        self.page("operations/index.html", "operations.html", title="Operations", families=self.operations)
        for family in self.operations:
            shown = {"family": family, "sources": self.sources_of(family.views, family.composed)}
            self.page(f"operations/{family.name}.html", "operation.html", title=family.name, **shown)

    def api_pages(self) -> None:
        """The list of modules, and a page for the public names of each."""
        addresses = dict(operations.addresses(self.operations))
        pages = api.pages(self.library.root, addresses)
        self.found.api(pages)
        self.page("api/index.html", "api.html", title="API", pages=pages, page=None)
        for page in pages:
            sources = {file: self.library.address(file) for file in page.files}
            self.page(page.address, "api.html", title=page.name, page=page, sources=sources)

    def sources_of(
        self, views: Sequence[operations.View], composed: Sequence[operations.Composed] = ()
    ) -> dict[str, str | None]:
        """Project paths of what listings show, and where these files are in the site."""
        listings = [listing for view in views for listing in (view.definition, view.by_hand, view.torch)]
        files = {listing.file for listing in (*listings, *(part.listing for part in composed)) if listing}
        return {file: self.library.address(file) for file in files}

    # ---- a paper ----------------------------------------------------------------------------------------------------
    def paper(self, paper: Paper) -> list[views.VariantView]:
        """A paper's page, with what belongs to it; returns what was seen of its variants."""
        address = f"{paper.slug}/index.html"
        gathered = self.known.of(paper)
        variants = [self.variant(paper, name, gathered) for name in paper.variants]
        notes, results = self.notes(paper, address)
        config = self.text(f"papers/{paper.slug}/config.py")
        twins = self.twins(paper, gathered)
        self.page(
            address, "paper.html", title=paper.title, paper=paper, variants=variants, notes=notes, results=results,
            files=twins, config=highlight.python_lines(config), sizes=SIZES,
            parameters=views.parameters_by_size(paper), beside=self.beside(paper), origin=self.known.origin(paper),
            **self.contributed(paper), **self.neighbours(paper),
            notebook=self.library.address(f"notebooks/{paper.slug}.ipynb"),
        )  # fmt: skip
        self.found.paper(address, paper, [*notes, *results], twins)
        return variants

    def neighbours(self, paper: Paper) -> dict[str, Paper | None]:
        """The paper before this one and the one after it."""
        all_papers = list(self.papers.values())
        place = all_papers.index(paper)
        return {"before": all_papers[place - 1] if place else None, "after": next(iter(all_papers[place + 1 :]), None)}

    def variant(self, paper: Paper, name: str, gathered: PaperEvidence) -> views.VariantView:
        address = stepper.address(paper, name)
        return views.variant_view(paper, name, gathered, address if (self.folder / address).exists() else None)

    def notes(self, paper: Paper, address: str) -> tuple[list[markdown.Section], list[markdown.Section]]:
        """The README up to what was measured, and what was measured."""
        file = f"papers/{paper.slug}/README.md"
        if not self.library.file(file).exists():
            return [], []
        text = self.text(file)
        resolve = self.library.resolver(file, address)
        files = [Path(name).stem for name in twin_files(self.library.root, paper.slug)]
        parts = markdown.sections(text, resolve, (*PAGE_ANCHORS, *files))
        measured_from = next((k for k, part in enumerate(parts) if part.title in RESULTS), len(parts))
        return parts[:measured_from], parts[measured_from:]

    def twins(self, paper: Paper, gathered: PaperEvidence) -> list[tuple[str, list[views.TwinBlock]]]:
        """File name -> its blocks, for every file that both sides have."""

        def blocks(name: str) -> list[views.TwinBlock]:
            ours, theirs = (self.text(f"{side}/{paper.slug}/{name}") for side in SIDES)
            return views.twin_blocks(Path(name).stem, ours, theirs, gathered)

        return [(name, blocks(name)) for name in twin_files(self.library.root, paper.slug)]

    def beside(self, paper: Paper) -> list[tuple[str, str]]:
        """The paper's other sources: project path and address."""
        shown = {*twin_files(self.library.root, paper.slug), "config.py", "__init__.py"}
        files = [
            f"{side}/{paper.slug}/{path.name}"
            for side in SIDES
            for path in sorted(self.library.file(f"{side}/{paper.slug}").glob("*.py"))
            if path.name not in shown
        ]
        return [(file, address) for file in files if (address := self.library.address(file))]

    def contributed(self, paper: Paper) -> dict[str, Any]:
        """The operations that the paper brings, in their three forms."""
        names = operations.CONTRIBUTED.get(paper.slug, ())
        views = [view for family in self.operations for view in family.views if view.name in names]
        views.sort(key=lambda view: names.index(view.name))
        return {"contributed": views, "form_sources": self.sources_of(views)}

    def text(self, path: str) -> str:
        """A file of the project."""
        return self.library.file(path).read_text(encoding="utf-8")

    # ---- sources ----------------------------------------------------------------------------------------------------
    def linked_sources(self) -> None:
        """A page for each source and folder that some page links, and the files that are linked as they are."""
        written: set[str] = set()
        while self.library.pages - written:
            for path in sorted(self.library.pages - written):
                self.source(path)
                written.add(path)
        for path in self.library.copies:
            target = self.folder / "source" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.library.file(path), target)

    def source(self, path: str) -> None:
        if self.library.file(path).is_dir():
            entries = [(item, self.library.address(item)) for item in self.library.listing(path)]
            self.page(f"source/{path}/index.html", "folder.html", title=path, entries=entries)
            return
        text = self.text(path)
        lines = highlight.python_lines(text) if path.endswith(".py") else text.splitlines()
        marked = [Markup(line) for line in lines] if path.endswith(".py") else lines
        self.page(f"source/{path}.html", "source.html", title=path, lines=marked)


ASSETS = ("style.css", "reading.css", "script.js", "reading.js", "search.js")
FIRST = [
    ("index.html", "Papers"),
    ("families.html", "Families"),
    ("operations/index.html", "Operations"),
    ("api/index.html", "API"),
]
RESULTS = ("Training summary", "Claims", "Results")  # headings of the README from which on it tells what was measured


def _title(text: str) -> str:
    """A document's first heading."""
    return next((line.removeprefix("# ").strip() for line in text.splitlines() if line.startswith("# ")), "")
