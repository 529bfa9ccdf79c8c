"""The site: twins aligned, what is said of them, pages for all, links that lead somewhere, folders left alone."""

import json
import re
import urllib.request
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest

from tests.lab.command import run
from tests.papers.test_twins import ROOT, outline
from tinygrad_lab import einsum, ones
from tinygrad_lab.lab import registry
from tinygrad_lab.lab import site as reader
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.site import (
    alignment,
    diagram,
    evidence,
    formula,
    library,
    markdown,
    measured,
    observation,
    output,
    views,
)
from tinygrad_lab.lab.site.serve import server
from tinygrad_lab.nn import functional as F
from tinygrad_lab.trace import record

PAPERS = registry.discover()
TWINS = [(slug, name) for slug in PAPERS for name in library.twin_files(ROOT, slug)]
DOCUMENTS = ("first-hour", "engine", "adding-a-paper")
HEAVIEST = 1_500_000  # bytes of a page


# ---- twins ----------------------------------------------------------------------------------------------------------
def sources(slug: str, name: str) -> tuple[str, str]:
    ours, theirs = ((ROOT / side / slug / name).read_text(encoding="utf-8") for side in ("papers", "reference"))
    return ours, theirs


@pytest.mark.parametrize(("slug", "name"), TWINS)
def test_every_public_block_has_its_twin(slug: str, name: str) -> None:
    blocks = {block.name: block for block in alignment.align(*sources(slug, name))}
    ours, theirs = (outline(ROOT / side / slug / name) for side in ("papers", "reference"))
    for public in {*ours, *theirs}:
        assert bool(blocks[public].left) == (public in ours)
        assert bool(blocks[public].right) == (public in theirs)
    if name in ("model.py", "train.py"):
        assert ours == theirs


@pytest.mark.parametrize(("slug", "name"), TWINS)
def test_every_line_is_in_one_block_and_equal_ones_share_a_row(slug: str, name: str) -> None:
    texts = [source.splitlines() for source in sources(slug, name)]
    blocks = alignment.align(*sources(slug, name))
    for side, text in zip(("left", "right"), texts, strict=True):
        numbers = [line.number for block in blocks for line in getattr(block, side)]
        assert numbers == sorted(set(numbers))
        assert not any(text[n - 1].strip() for n in set(range(1, len(text) + 1)) - set(numbers))
    for block in blocks:
        right = {line.row: texts[1][line.number - 1] for line in block.right}
        for line in block.left:
            assert line.same == (right.get(line.row) == texts[0][line.number - 1])


LEFT = '''"""Left."""

import numpy

LIMIT = 3


# what it is
class Cell(Base):
    """A cell."""

    def forward(self, x):
        return _helper(x)

    def _private(self):
        return 1


def loss(x):
    return x
'''
RIGHT = '''"""Right."""

LIMIT = 3


def _helper(x):
    return x


# what it is
class Cell(Base):
    """A cell."""

    def __init__(self):
        pass

    def forward(self, x):
        y = x
        return _helper(y)


@decorated
def loss(x):
    return x
'''


def test_helpers_stay_with_their_neighbours_and_what_one_side_lacks_stands_alone() -> None:
    found = alignment.align(LEFT, RIGHT)
    blocks = {block.name: block for block in found}
    assert [block.name for block in found] == ["", "LIMIT", "Cell", "Cell.__init__", "Cell.forward", "loss"]
    left, right = LEFT.splitlines(), RIGHT.splitlines()
    texts = {b.name: ([left[x.number - 1] for x in b.left], [right[x.number - 1] for x in b.right]) for b in found}
    assert texts[""] == (['"""Left."""', "", "import numpy"], ['"""Right."""'])
    assert "def _helper(x):" in texts["LIMIT"][1]
    assert [side[0] for side in texts["Cell"]] == ["# what it is"] * 2
    assert texts["Cell.__init__"] == ([], ["    def __init__(self):", "        pass"])
    assert "    def _private(self):" in texts["Cell.forward"][0]
    assert [side[0] for side in texts["loss"]] == ["def loss(x):", "@decorated"]
    rows = {left[line.number - 1]: line.row for line in blocks["Cell.forward"].left}
    beside = {right[line.number - 1]: line.row for line in blocks["Cell.forward"].right}
    assert rows["    def forward(self, x):"] == beside["    def forward(self, x):"]


# ---- evidence -------------------------------------------------------------------------------------------------------
def row(
    check: str, name: str, digits: float, variant: str = "1998", dtype: str = "float64", passed: bool = True
) -> Row:
    return Row("lenet", variant, check, dtype, "tiny", name, 0.0, 10.0**-digits, digits, 1.0, passed, 0.0)


def test_a_block_is_judged_by_the_worst_of_its_modules() -> None:
    found = evidence.gather(
        PAPERS["lenet"],
        [
            row("forward", "s2", 15.0), row("forward", "s4", 14.0), row("forward", "c1", 9.0),
            row("forward", "output", 13.0), row("forward", "output in evaluation mode", 12.0),
            row("gradient", "s2.weight", 11.0), row("gradient", "s4.bias", 8.0), row("gradient", "f6.weight", 7.0),
            row("loss", "loss", 6.0), row("trajectory", "losses", 5.0), row("forward", "s2", 4.0, dtype="float32"),
            row("forward", "output", 3.0, variant="modern"),
        ],
    )  # fmt: skip
    assert found.of_block("model", "Subsampling") == {
        "forward": {"float64": "14.0", "float32": "4.0"}, "gradient": {"float64": "8.0"}
    }  # fmt: skip
    assert found.of_block("model", "Convolution") == {"forward": {"float64": "9.0"}}
    assert found.of_block("model", "LeNet5") == {"forward": {"float64": "12.0"}, "gradient": {"float64": "7.0"}}
    assert found.of_block("model", "LeNet5Modern") == {"forward": {"float64": "3.0"}}
    assert found.of_block("model", "LeNet5.loss") == {"loss": {"float64": "6.0"}}
    assert found.of_block("train", "train") == {"trajectory": {"float64": "5.0"}}
    assert found.of_block("model", "squash") == {}
    assert found.of_block("train", "evaluate") == {}
    assert found.of_variant("modern") == {"forward": {"float64": "3.0"}}


def test_exact_and_failed_are_said() -> None:
    exact = Row("lenet", "1998", "weights", "float64", "tiny", "c1.weight", 0.0, 0.0, 17.0, 0.0, True, 0.0)
    found = evidence.gather(PAPERS["lenet"], [exact, row("loss", "loss", 2.0, passed=False)])
    assert found.of_block("model", "build") == {"weights": {"float64": "exact"}}
    assert found.of_block("model", "loss") == {"loss": {"float64": "FAILED"}}


def test_a_base_class_is_judged_by_the_modules_that_run_its_forward() -> None:
    rows = [Row("autoencoder", "deep", "forward", "float64", "tiny", "output", 0.0, 1e-9, 9.0, 1.0, True, 0.0)]
    found = evidence.gather(PAPERS["autoencoder"], rows)
    assert found.of_block("model", "Autoencoder") == found.of_block("model", "DeepAutoencoder") != {}
    assert found.of_block("model", "LinearAutoencoder") == {}


# ---- runs that are watched ------------------------------------------------------------------------------------------
def test_multiply_adds_of_lenet_are_those_of_its_layers() -> None:
    seen = observation.observe(PAPERS["lenet"], "modern", "small", training=False)
    assert seen.unit == "image"
    assert seen.multiply_adds() == (28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 120 * 16 * 25 + 120 * 84 + 84 * 10)


@pytest.mark.parametrize(
    ("run_it", "count"),
    [
        (lambda: ones(3, 4) @ ones(4, 5), 60),
        (lambda: ones(3, 4) * ones(4), 12),
        (lambda: einsum("bij,bjk->bik", ones(2, 3, 4), ones(2, 4, 5)), 120),
        (lambda: 2 * ones(3, 4).tanh() + 1, 0),
        (lambda: F.conv2d(ones(1, 4, 5, 5), ones(6, 2, 3, 3), groups=2), 6 * 9 * 18),
    ],
)
def test_multiplications_of_operations(run_it, count: int) -> None:
    with record() as recorder:
        run_it()
    assert sum(observation.multiplications(step) for step in recorder.steps) == count


def test_a_fused_operation_multiplies_as_its_definition_does() -> None:
    seen = observation.observe(PAPERS["lstm"], "2000", "tiny", training=False)
    fused = [step for step in seen.steps if step.operation.name == "lstm"]
    config = seen.config
    widths = [config.embedding, *[config.hidden] * (config.layers - 1)]
    tokens, h = seen.items, config.hidden
    assert len(fused) == config.layers
    assert [observation.multiplications(step) for step in fused] == [
        tokens * (4 * h * (width + h) + 3 * h)
        for width in widths  # four gates; f * c, i * g, o * tanh c
    ]


def test_the_graph_of_lenet() -> None:
    graph = observation.graph(observation.observe(PAPERS["lenet"], "1998", "tiny", training=True))
    names = {key: node.name for key, node in graph.nodes.items()}
    edges = {(names[a], names[b]): way for (a, b), way in graph.edges.items()}
    path = ["image", "c1", "s2", "c3", "s4", "c5", "f6", "rbf", "loss"]
    assert set(edges) == {*pairwise(path), ("label", "loss")}
    assert edges["c1", "s2"] == ("multiply", "tanh")
    node = next(node for node in graph.nodes.values() if node.name == "c3")
    assert (node.what, node.shape, node.parameters) == ("PartialConvolution", (4, 16, 2, 2), 1516)


@pytest.mark.parametrize("slug", PAPERS)
def test_a_drawing_has_a_box_for_every_node_inside_its_frame(slug: str) -> None:
    for variant in PAPERS[slug].variants:
        graph = observation.graph(observation.observe(PAPERS[slug], variant, "tiny", training=True))
        drawing = diagram.draw(graph, "a title")
        left, top, width, height = map(int, re.search(r'viewBox="(-?\d+) (\d+) (\d+) (\d+)"', drawing).groups())
        boxes = [
            tuple(map(int, box))
            for box in re.findall(r'<rect x="(-?\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', drawing)
        ]
        assert len(boxes) == len(graph.nodes) <= observation.NODES
        assert drawing.count('class="edge') == len(graph.edges) >= len(graph.nodes) - 1
        assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in boxes)
        assert len(set(boxes)) == len(boxes)


def test_a_loop_is_drawn_as_one() -> None:
    graph = observation.graph(observation.observe(PAPERS["seq2seq_attention"], "input-feeding", "tiny", training=True))
    assert 'class="edge back"' in diagram.draw(graph, "")


# ---- notes ----------------------------------------------------------------------------------------------------------
HOSTILE = """# <script>alert(0)</script>

## A <img src=x onerror=alert(1)> heading

<script>alert(2)</script> and <b onclick="alert(3)">text</b>
[click](javascript:alert(4)) [there](/etc/passwd) [up](../../../etc/passwd) ![seen](https://evil.example/pixel.png)
$\\href{javascript:alert(5)}{x}$ and $<img src=x onerror=alert(6)>$ and $\\frac{1}$

```python
"</code></pre><script>alert(7)</script>"
```

| a | <i onmouseover=alert(8)> |
|---|---|
| `<script>alert(9)</script>` | $a_1$ |
"""


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def values(self, *names: str) -> list[str]:
        return [value for _, attrs in self.found for name, value in attrs.items() if name in names and value]


def harmless(html: str) -> None:
    elements = Elements(html)
    assert {tag for tag, _ in elements.found} & {"script", "img", "b", "i", "iframe"} == set()
    assert [name for _, attrs in elements.found for name in attrs if name.startswith("on")] == []
    assert [value for value in elements.values("href", "src") if ":" in value] == []


def test_hostile_notes_are_shown_as_text() -> None:
    parts = markdown.sections(HOSTILE, library.Library().resolver("papers/lenet/README.md", "lenet/index.html"))
    html = "".join(part.html for part in parts)
    harmless(html)
    assert [part.title for part in parts] == ["A <img src=x onerror=alert(1)> heading"]
    assert parts[0].name == "a-img-src-x-onerror-alert-1-heading"
    for number in (2, 3, 7, 9):
        assert f"alert({number})" in html  # it is shown, not swallowed
    assert "seen" in html
    assert "<math" in html
    assert 'class="latex">\\href' in html  # a formula that would be a link is not set


def test_hostile_sources_are_shown_as_text() -> None:
    source = 'X = "</div><script>alert(1)</script>"\n'
    found = evidence.Evidence([], {})
    for block in views.twin_blocks("model", source, source, found):
        for line in (*block.left, *block.right):
            harmless(line.html)


def test_hostile_names_in_a_drawing_are_shown_as_text() -> None:
    node = observation.Node("<script>", "module", '"><img src=x>', (1,), 1)
    drawing = diagram.draw(observation.Graph({"a": node}, {}), '"><script>')
    assert {tag for tag, _ in Elements(drawing).found} <= {
        "svg",
        "defs",
        "marker",
        "path",
        "g",
        "title",
        "rect",
        "text",
        "tspan",
    }


def test_formulas_links_pictures_and_verdicts() -> None:
    text = (
        "# T\n\n$p$ [model](model.py) [raw](study/results) [other](../dropout/README.md#pitfalls) "
        "[gone](nothing.py)\n\n"
        "![errors](study/results/errors.png)\n\n## Claims\n\n"
        "<!-- claims -->\n| a |\n|---|\n| **not reproduced**: x |\n<!-- /claims -->\n"
    )
    resolve = library.Library().resolver("papers/lenet/README.md", "lenet/index.html")
    first, claims = markdown.sections(text, resolve)
    assert "<math" in first.html
    assert Elements(first.html).values("href") == [
        "index.html#model", "../source/papers/lenet/study/results/index.html", "../dropout/index.html#pitfalls"
    ]  # fmt: skip
    assert Elements(first.html).values("src") == ["../source/papers/lenet/study/results/errors.png"]
    assert "gone" in first.html
    assert 'class="verdict not-reproduced"' in claims.html
    assert "claims --" not in claims.html


def test_alphabets_of_mathematics_are_letters_of_their_own() -> None:
    assert ">𝔼<" in formula.mathml(r"\mathbb E", display=False)
    assert ">ℝ<" in formula.mathml(r"\mathbb{R}", display=False)
    assert ">𝒩<" in formula.mathml(r"\mathcal N", display=False)
    assert ">ℒ<" in formula.mathml(r"\mathcal L", display=False)
    assert ">𝐱<" in formula.mathml(r"\mathbf x", display=False)
    assert ">x<" in formula.mathml("x", display=True)


@pytest.mark.parametrize(
    "file", [*(f"papers/{slug}/README.md" for slug in PAPERS), *(f"docs/{d}.md" for d in DOCUMENTS)]
)
def test_every_formula_of_ours_is_set(file: str) -> None:
    parts = markdown.sections((ROOT / file).read_text(encoding="utf-8"), lambda target: None)
    assert 'class="latex"' not in "".join(part.html for part in parts)


def test_headings_of_one_name_have_anchors_of_their_own() -> None:
    parts = markdown.sections("## Notes\n\na\n\n## Notes\n\nb\n", lambda target: None, ("notes",))
    assert [part.name for part in parts] == ["notes-2", "notes-3"]


# ---- the whole site -------------------------------------------------------------------------------------------------
def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


@pytest.mark.parametrize("slug", PAPERS)
def test_every_paper_and_variant_has_its_page(site: Path, slug: str) -> None:
    text = (site / slug / "index.html").read_text(encoding="utf-8")
    ids = Elements(text).values("id")
    for variant in PAPERS[slug].variants:
        assert f"variant-{variant}" in ids
        assert (site / slug / f"step-{variant}.html").exists()
    for side in ("papers", "reference"):
        for name in ("model", "train"):
            assert {f"{name}.{public}" for public in outline(ROOT / side / slug / f"{name}.py")} <= set(ids)
    assert len(ids) == len(set(ids))
    assert f"{slug}/index.html" in Elements((site / "index.html").read_text(encoding="utf-8")).values("href")


@pytest.mark.parametrize("slug", ["lenet", "dropout"])
def test_a_page_says_how_far_its_blocks_agree(site: Path, slug: str) -> None:
    text = (site / slug / "index.html").read_text(encoding="utf-8")
    assert text.count('class="agreement"') >= 10
    assert "FAILED" not in text
    assert "not compared" not in text


def test_the_front_page_has_agreement_and_verdicts(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    card = text[text.index("lenet/index.html") :].split("</article>")[0]
    assert re.search(r"<b>\d+\.\d</b><small> float64", card)
    assert re.search(r"<b>2</b><small> reproduced", card)


def test_the_families_are_compared_by_counted_costs(site: Path) -> None:
    text = (site / "families.html").read_text(encoding="utf-8")
    assert all(paper.family in text for paper in PAPERS.values())
    assert "60 thousand" in text  # LeNet's parameters
    assert re.search(r"per\s+image", text)
    assert re.search(r"per\s+token", text)


def test_every_link_leads_somewhere(site: Path) -> None:
    elements = {page: Elements(page.read_text(encoding="utf-8")) for page in pages(site)}
    anchors = {page: set(found.values("id")) for page, found in elements.items()}
    broken = []
    for page, found in elements.items():
        for link in found.values("href", "src"):
            path, _, anchor = unquote(link).partition("#")
            if path.startswith(("http://", "https://", "data:")):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.is_file() or (anchor and anchor not in anchors.get(target, set())):
                broken.append(f"{page.relative_to(site)} -> {link}")
    assert broken == []


def test_no_page_is_heavy(site: Path) -> None:
    assert [page.name for page in pages(site) if page.stat().st_size > HEAVIEST] == []


def test_pages_ask_nobody_and_say_nothing_of_this_machine(site: Path) -> None:
    for page in pages(site):
        text = page.read_text(encoding="utf-8")
        assert [link for link in Elements(text).values("src") if "://" in link] == []
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text


def test_documents_are_pages(site: Path) -> None:
    for name in DOCUMENTS:
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<h2") > 2
        assert f"{name}.html" in (site / "index.html").read_text(encoding="utf-8")


# ---- the folder, the command, the server ----------------------------------------------------------------------------
def write(folder: Path, **files: str) -> None:
    with output.staged(folder) as staging:
        for name, text in files.items():
            (staging / f"{name}.html").write_text(text, encoding="utf-8")


def test_an_earlier_site_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "site", index="1", old="1")
    (tmp_path / "site" / "mine.txt").write_text("mine", encoding="utf-8")
    write(tmp_path / "site", index="2")
    assert sorted(p.name for p in (tmp_path / "site").iterdir()) == [output.MANIFEST, "index.html", "mine.txt"]
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == "2"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    result = run("read", "--out", str(tmp_path))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "not empty" in result.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path, index="1")
    (tmp_path / "new.html").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="in the way"):
        write(tmp_path, index="2", new="2")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "1"
    assert (tmp_path / "new.html").read_text(encoding="utf-8") == "mine"


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    write(tmp_path / "site", index="1")
    (tmp_path / "site" / output.MANIFEST).write_text(
        json.dumps({"files": ["../precious", "index.html", output.MANIFEST]}), encoding="utf-8"
    )
    write(tmp_path / "site", index="2")
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("place", ["a-file", "a-file/below"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    result = run("read", "--out", str(tmp_path / place))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "--out" in result.err
    assert (tmp_path / "a-file").read_text(encoding="utf-8") == "mine"


def test_a_build_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), output.staged(tmp_path / "new"):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_outside_a_checkout_a_folder_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader.output_folder(None) == ROOT / "site"
    monkeypatch.setattr(output, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="pass --out"):
        reader.output_folder(None)
    assert reader.output_folder(tmp_path / "x") == tmp_path / "x"


def test_the_command_fails_when_a_check_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "build_all", lambda folder: [row("loss", "loss", 2.0, passed=False)])
    result = run("read", "--out", str(tmp_path))
    assert result.code == 1
    assert str(tmp_path / "index.html") in result.out
    assert "FAILED lenet" in result.err
    monkeypatch.setattr(reader, "build_all", lambda folder: [row("loss", "loss", 2.0)])
    assert run("read", "--out", str(tmp_path)).code == 0


def test_the_server_is_of_this_machine_only(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello", encoding="utf-8")
    with server(tmp_path) as running:
        host, port = running.server_address[:2]
        assert host == "127.0.0.1"
        Thread(target=running.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"hello"
        with server(tmp_path) as second:  # the port is taken: another one
            assert second.server_address[1] != port
        running.shutdown()


# ---- what was stored ------------------------------------------------------------------------------------------------
def test_speed_is_that_of_the_default_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured.claims, "paper_folder", lambda paper: tmp_path)
    assert measured.speed(PAPERS["lenet"]) is None
    (tmp_path / "study" / "results").mkdir(parents=True)
    rows = [{"variant": "modern", "ratio": 2.0}, {"variant": "1998", "ratio": 0.5}, {"geomean_ratio": 1.0}]
    (tmp_path / "study" / "results" / "bench.json").write_text(json.dumps(rows), encoding="utf-8")
    assert measured.speed(PAPERS["lenet"]) == 0.5


def test_verdicts_are_counted_and_absent_before_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured.verdicts(PAPERS["lenet"]) == {"reproduced": 2}
    monkeypatch.setattr(measured.claims, "paper_folder", lambda paper: tmp_path)
    assert measured.verdicts(PAPERS["lenet"]) == {}


def test_quantities_are_readable() -> None:
    values = (950, 60_000, 1_230_000, 7e9, 1.5e12)
    assert [views.quantity(v) for v in values] == ["950", "60 thousand", "1.23 million", "7 billion", "1.5 trillion"]
    assert views.part(1000.0, [10.0, 1000.0]) == 1.0
    assert views.part(10.0, [10.0, 1000.0]) == pytest.approx(1 / 3)
