"""Whatever stands in notes, sources and names is shown as text."""

from tests.lab.site.elements import Elements
from tinygrad_lab.lab.site import diagram, evidence, library, markdown, observation, views

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
