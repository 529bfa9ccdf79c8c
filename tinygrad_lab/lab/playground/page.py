"""The playground as one self-contained page: no network, no library, a few small scripts.

Unlike the stepper's page it calculates: its scripts are an evaluator of their own for the language of
``tinygrad_lab.lab.stepping.expression``, forwards and backwards.  A test holds it against the engine.
"""

from functools import cache
from importlib import resources
from typing import Any

import jinja2

from tinygrad_lab.lab.playground.presets import PRESETS
from tinygrad_lab.lab.playground.rules import rules
from tinygrad_lab.lab.stepping.page import colours, embedded

EVALUATOR = (
    "words.js", "tokens.js", "atoms.js", "parser.js", "arrays.js", "elementwise.js", "reductions.js", "products.js",
    "functions.js", "values.js", "reading.js", "backwards.js", "evaluation.js",
)  # fmt: skip
FACE = (
    "elements.js", "link.js", "rules.js", "naming.js", "inputs.js", "tape.js", "steps.js", "nudge.js", "playground.js",
)  # fmt: skip


def render(home: str = "") -> str:
    """Return the whole HTML document.

    Args:
        home: the address of the site that it is part of, if it is.
    """
    return _template().render(
        home=home,
        style=colours() + _text("playground.css"),
        script="".join(_text(name) for name in (*EVALUATOR, *FACE)),
        data=embedded(contents()),
    )


def contents() -> dict[str, Any]:
    """Return what the page is given: the rules of the operations, and the examples."""
    return {"rules": rules(), "presets": PRESETS}


def _text(name: str) -> str:
    return (resources.files("tinygrad_lab.lab.playground") / "web" / name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("tinygrad_lab.lab.playground", "web")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("playground.html")
