"""Sources as highlighted HTML, line by line; Pygments escapes what they contain."""

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

_formatter = HtmlFormatter(nowrap=True)


def python_lines(source: str) -> list[str]:
    """The lines of a Python source; a token over several lines is closed and opened again at each line's end."""
    return str(highlight(source, PythonLexer(stripnl=False), _formatter)).split("\n")[: len(source.splitlines())]


def code(text: str, language: str) -> str:
    """A piece of code in some language, plain where Pygments does not know it."""
    try:
        lexer = get_lexer_by_name({"pycon": "pycon", "sh": "console"}.get(language, language), stripnl=False)
    except ClassNotFound:
        lexer = TextLexer()
    return str(highlight(text, lexer, _formatter))
