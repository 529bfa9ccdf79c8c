"""Notes in Markdown as HTML: mathematics as MathML, code highlighted, links kept only where they lead somewhere.

Raw HTML in the notes is shown as text; nothing in them can become markup of the page.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tinygrad_lab.lab.site.formula import mathml
from tinygrad_lab.lab.site.highlight import code
from tinygrad_lab.study import Verdict

MARKER = re.compile(r"^<!-- /?[\w-]+ -->$", re.M)  # around a generated block
RESULTS = re.compile(r"/(\w+)/study/results/([\w-]+)\.png$")  # a figure of what a paper's experiments gave
PICTURES = {  # figures that show images, or shades with a scale of their own: in the dark they must stay what they are
    "autoencoder/reconstructions", "autoencoder/denoising", "autoencoder/samples", "dropout/pictures",
    "forgetting_transformer/gates", "forgetting_transformer/decay", "transformer/dates", "transformer/layers",
    "transformer/words", "seq2seq_attention/dates", "seq2seq_attention/words", "seq2seq_attention/verse",
}  # fmt: skip
VERDICTS = get_args(Verdict)

Resolve = Callable[[str], str | None]  # a link's target as written -> as it is in the site; None for nowhere


@dataclass(frozen=True)
class Section:
    """A part of a document under a heading of the second level; the first one has no heading."""

    name: str
    title: str
    html: str


def sections(text: str, resolve: Resolve, taken: Sequence[str] = ()) -> list[Section]:
    """The document, cut at its headings of the second level; its title, the heading of the first, is left out.

    Args:
        resolve: where links and pictures lead.
        taken: names that headings must not have as anchors, because the page uses them.
    """
    parser = _parser()
    tokens = _with_labels(_with_targets(parser.parse(MARKER.sub("", text)), resolve))
    names = Anchors(taken)
    sections: list[tuple[str, list[Token]]] = []
    title = ""
    current: list[Token] = []
    for position, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            sections.append((title, current))
            title, current = tokens[position + 1].content, []
        elif token.type == "heading_open":
            token.attrs["id"] = names.of(tokens[position + 1].content)
        current.append(token)
    sections.append((title, current))
    return [
        Section(names.of(title) if title else "", title, _html(parser, part))
        for title, part in sections
        if _without_heading(part)
    ]


class Anchors:
    """Names for headings, each once on a page."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = set(taken)

    def of(self, title: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}-{number}", number + 1
        self._taken.add(name)
        return name


# ---- parsing --------------------------------------------------------------------------------------------------------
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(dollarmath_plugin, renderer=lambda text, options: mathml(text, options["display_mode"]))
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


def _fence(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    language = tokens[index].info.strip().split(" ")[0]
    if language == "mermaid":  # the page has a drawing of its own, made from a run
        return '<p class="aside">The <a href="#seen">drawing</a> below is made from a run.</p>\n'
    kind = "output" if language == "text" else "code"  # what code prints stands below it
    return f'<pre class="{kind}" tabindex="0"><code>{code(tokens[index].content, language)}</code></pre>\n'


def _table_open(_self: Any, _tokens: Sequence[Token], _index: int, _options: Any, _env: Any) -> str:
    return '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>\n'


def _html(parser: MarkdownIt, tokens: Sequence[Token]) -> str:
    return str(parser.renderer.render(_without_heading(tokens), parser.options, {}))


def _without_heading(tokens: Sequence[Token]) -> Sequence[Token]:
    """Leave out the heading that begins a document or a section."""
    begins = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag in ("h1", "h2")
    return tokens[3:] if begins else tokens


def _with_labels(tokens: list[Token]) -> list[Token]:
    """Have each cell of a table know its column's heading: a narrow page shows rows as lists."""
    headings: list[str] = []
    column = 0
    for position, token in enumerate(tokens):
        if token.type == "table_open":
            headings = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open":
            headings.append(tokens[position + 1].content)
        elif token.type == "td_open":
            token.attrs["data-label"] = headings[column]
            column += 1
    return tokens


# ---- links, pictures, verdicts --------------------------------------------------------------------------------------
def _with_targets(tokens: list[Token], resolve: Resolve) -> list[Token]:
    for token in tokens:
        if token.children:
            token.children = list(_inline(token.children, resolve))
    return tokens


def _inline(tokens: Sequence[Token], resolve: Resolve) -> list[Token]:
    made: list[Token] = []
    closing: list[str] = []  # the tags of the links that are open
    for position, token in enumerate(tokens):
        if token.type == "link_open":
            target = resolve(str(token.attrs["href"]))
            token.tag = "a" if target else "span"
            token.attrs = {"href": target} if target else {}
            closing.append(token.tag)
        elif token.type == "link_close":
            token.tag = closing.pop()
        elif token.type == "image":
            token = _picture(token, resolve)
        elif token.type == "strong_open" and tokens[position + 1].content in VERDICTS:
            token.attrs["class"] = "verdict " + tokens[position + 1].content.replace(" ", "-")
        made.append(token)
    return made


def _picture(token: Token, resolve: Resolve) -> Token:
    """A picture of the site; its words where there is none, so that no page asks another server."""
    target = resolve(str(token.attrs["src"]))
    if target is None or "://" in target:
        return Token("text", "", 0, content=token.content)
    token.attrs |= {"src": target, "loading": "lazy"}
    place = RESULTS.search(target)
    if place and f"{place[1]}/{place[2]}" not in PICTURES:
        token.attrs["class"] = "curves"
    return token
