"""Pages about hostile things: whatever stands in names, notes and sources is shown as text."""

import json
from collections.abc import Iterator
from itertools import cycle
from random import Random

from tests.faults.part import RIGHT, Outcome
from tests.lab.site.elements import Elements
from tests.lab.test_step_page import read
from tinygrad_lab import tensor
from tinygrad_lab.lab.site import diagram, evidence, library, markdown, observation, views
from tinygrad_lab.lab.stepping import embed, page
from tinygrad_lab.lab.stepping.target import Traced
from tinygrad_lab.trace import record, trace

PIECES = [
    "<script>alert(1)</script>", "</script>", "<!--", "-->", "]]>", "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>", '" onmouseover="alert(1)', "' onclick='alert(1)", "javascript:alert(1)",
    "[a](javascript:alert(1))", "![a](https://evil.example/pixel.png)", "<b onclick=alert(1)>",
    "</code></pre>", "</style>", "<iframe src=//evil.example>", "$\\href{javascript:alert(1)}{x}$",
    "$<img src=x onerror=alert(1)>$", "&lt;script&gt;", "&#60;script&#62;", "{{ 7*7 }}", "{% raw %}",
    "${alert(1)}", "`", "\\", "\u2028", "\u202e", "\x00", "é", "<a href=data:text/html,x>",
    "data:text/html,<script>alert(1)</script>", "<base href=//evil.example>", "|", "# ", "> ",
    "<meta http-equiv=refresh content=0>",
]  # fmt: skip
FORBIDDEN = {"script", "img", "iframe", "base", "meta", "object", "embed", "form", "link", "style"}
ADDRESSES = ("href", "src", "action", "data", "srcdoc", "xlink:href")


def text(draw: Random) -> str:
    """Some pieces, with letters between them."""
    return "".join(draw.choice([*PIECES, "a", " "]) for _ in range(draw.randint(1, 6)))


def harm(html: str) -> list[str]:
    """What there is in a part of a page that could do anything."""
    elements = Elements(html).found
    tags = [tag for tag, _ in elements if tag in FORBIDDEN]
    handlers = [name for _, attributes in elements for name in attributes if name.startswith("on")]
    addresses = [v or "" for _, attributes in elements for n, v in attributes.items() if n in ADDRESSES]
    return [*tags, *handlers, *(address for address in addresses if ":" in address)]


def in_notes(nasty: str) -> list[str]:
    resolve = library.Library().resolver("papers/lenet/README.md", "lenet/index.html")
    parts = markdown.sections(f"# title\n\n## {nasty}\n\n{nasty}\n\n| a | {nasty} |\n|---|---|\n", resolve)
    return [found for part in parts for found in harm(part.html)]


def in_sources(nasty: str) -> list[str]:
    source = f"X = {nasty!r}  # {' '.join(nasty.split())}\n".replace("\0", "")
    blocks = views.twin_blocks("model", source, source, evidence.Evidence([], {}))
    lines = [line.html for block in blocks for line in (*block.left, *block.right)]
    return [found for line in lines for found in harm(line)]


def in_a_drawing(nasty: str) -> list[str]:
    node = observation.Node(nasty, "module", nasty, (1,), 1)
    return harm(diagram.draw(observation.Graph({nasty: node}, {}), nasty))


def in_the_stepper(nasty: str) -> list[str]:
    shown = page.render(_traced(nasty))
    data, addresses = read(shown)
    scripts = ["scripts"] * (shown.count("<script") != 2)
    same = (data["title"], data["trace"]["values"][0]["name"]) == (nasty, nasty)
    lines = json.dumps(data["sources"]["expression"][0]["lines"])
    return [*scripts, *(["other words"] * (not same)), *harm(lines), *addresses[1:]]


def in_a_notebook(nasty: str) -> list[str]:
    ((tag, attributes),) = Elements(embed.frame(_traced(nasty).trace, title=nasty)).found
    more = {*attributes} - {"srcdoc", "title", "width", "height"}
    same = (tag, attributes["title"]) == ("iframe", f"stepper: {nasty}")
    return [*more, *(["other words"] * (not same))]


def _traced(nasty: str) -> Traced:
    x = tensor(1.0, requires_grad=True)
    with record({nasty: x}):
        y = x * 2
    return Traced(trace(y), nasty, nasty, {"expression": nasty})


PLACES = {
    "notes": in_notes, "sources": in_sources, "drawing": in_a_drawing, "stepper": in_the_stepper,
    "notebook": in_a_notebook,
}  # fmt: skip


def tries(draw: Random) -> Iterator[Outcome]:
    """Hostile text in each kind of place, and again."""
    for name, show in cycle(PLACES.items()):
        nasty = text(draw)
        found = show(nasty)
        yield Outcome(f"harm: {found}" if found else RIGHT, f"{name}: {nasty!r}")
