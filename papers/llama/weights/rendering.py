"""A program of its own that fills in one chat template, within limits of time, memory and size.

    python rendering.py < {"template", "variables", "output", "seconds", "memory"}    > {"text"} or {"error"}

A template is a stranger's program: jinja2's sandbox keeps it from everything but its variables, and the limits of a
process keep it from running, or growing, for ever.  What it may use is what the transformers library gives it.
"""

import json
import sys
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what a model is trained on; here it is only a scope."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """Its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def raise_exception(message: str) -> None:
    """Let a template refuse a conversation."""
    raise jinja2.TemplateError(message)


def tojson(value: Any, ensure_ascii: bool = False, **about: Any) -> str:
    """Write JSON with characters as they are, nothing escaped for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **about)


def strftime_now(form: str) -> str:
    """Write the time of day as a template asks for it."""
    return datetime.now().strftime(form)


def environment() -> jinja2.Environment:
    """Make a sandbox with what templates expect."""
    extensions = [Generation, "jinja2.ext.loopcontrols"]
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    made.filters["tojson"] = tojson
    made.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return made


def limit(seconds: int, memory: int) -> None:
    """Have the system end this process if it takes more; where it cannot, the parent's clock remains."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard < 0 else min(most, hard), hard))


def filled(template: str, variables: dict[str, Any], output: int) -> str:
    """Fill a template with variables, and return the text.

    Raises:
        ValueError: it is longer than ``output`` characters.
    """
    pieces: list[str] = []
    size = 0
    for piece in environment().from_string(template).generate(**variables):
        size += len(piece)
        if size > output:
            raise ValueError(f"it writes more than {output:,} characters")
        pieces.append(piece)
    return "".join(pieces)


def main() -> None:
    """Read what to do, do it, and tell the outcome."""
    asked = json.loads(sys.stdin.read())
    limit(asked["seconds"], asked["memory"])
    try:
        outcome = {"text": filled(asked["template"], asked["variables"], asked["output"])}
    except MemoryError:
        outcome = {"error": "it takes too much memory"}
    except Exception as error:  # a template may raise anything
        outcome = {"error": str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main()
