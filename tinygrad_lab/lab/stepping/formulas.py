"""LaTeX as MathML, which browsers show without a script or a font.

Formulas of different steps differ in their names and numbers only: each is a form, MathML with gaps, and what fills
them.
"""

import re
from html import escape

from latex2mathml.converter import convert

# A number as tinygrad_lab.trace.numerals writes it; its sign belongs to it where it follows no operand.  An exponent or
# an argument without braces, as in z^2 and \tfrac12, is the rule's own.
SIGNED = r"(?:(?<=[(&={])|(?<=[(&={] )|(?<=\\\\ )|(?<=\} )|^)-\d+(?:\.\d+)?(?![\d.])"
PLAIN = r"(?<![\^_A-Za-z\d.])\d+(?:\.\d+)?"
WORDS = r"\\text\{((?:\\\^\{\}|\\.|[^{}\\])*)\}"  # as tinygrad_lab.trace.writing writes names
GAP = re.compile(f"{WORDS}|{SIGNED}|{PLAIN}")
ESCAPED = re.compile(r"\\\^\{\}|\\(.)")
FIRST_GAP = 70_000_001  # numbers that stand for gaps while latex2mathml works

Filled = tuple[int, list[str]]  # which form, and what fills it: HTML


class Formulas:
    """Collects the forms of formulas."""

    def __init__(self) -> None:
        self.forms: list[str] = []  # MathML, with {0}, {1}, ... for the numbers
        self._known: dict[str, int] = {}

    def add(self, latex: str) -> Filled:
        """A formula as a form and what fills it."""
        filled: list[str] = []

        def gap(match: re.Match[str]) -> str:
            words, place = match.group(1), str(FIRST_GAP + len(filled))
            filled.append(match.group(0).replace("-", "−") if words is None else escape(_read(words)))
            return place if words is None else rf"\text{{{place}}}"

        form = GAP.sub(gap, latex)
        if form not in self._known:
            self._known[form] = len(self.forms)
            mathml = mathml_of(form)
            for place in range(len(filled)):
                mathml = mathml.replace(str(FIRST_GAP + place), f"{{{place}}}")
            self.forms.append(mathml)
        return self._known[form], filled


def _read(words: str) -> str:
    """Words without LaTeX's escapes."""
    return ESCAPED.sub(lambda match: match.group(1) or "^", words)


def mathml_of(latex: str) -> str:
    """MathML of a formula; what it is made from stands in it for those who cannot see it."""
    return convert(latex)
