"""LaTeX as MathML, which browsers show without a script or a font.

Formulas of different steps differ in their numbers only: each is a form, MathML with gaps, and the numbers in them.
"""

import re

from latex2mathml.converter import convert

# A number as tinygrad_lab.trace.rule writes it; its sign belongs to it where it follows no operand.  An exponent or an
# argument without braces, as in z^2 and \tfrac12, is the rule's own.
SIGNED = r"(?:(?<=[(&={])|(?<=[(&={] )|(?<=\\\\ )|(?<=\} )|^)-\d+(?:\.\d+)?(?![\d.])"
PLAIN = r"(?<![\^_A-Za-z\d.])\d+(?:\.\d+)?"
NUMBER = re.compile(f"{SIGNED}|{PLAIN}")
FIRST_GAP = 70_000_001  # numbers that stand for gaps while latex2mathml works

Filled = tuple[int, list[str]]  # which form, and its numbers


class Formulas:
    """Collects the forms of formulas."""

    def __init__(self) -> None:
        self.forms: list[str] = []  # MathML, with {0}, {1}, ... for the numbers
        self._known: dict[str, int] = {}

    def add(self, latex: str) -> Filled:
        """A formula as a form and its numbers."""
        numbers: list[str] = []

        def gap(match: re.Match[str]) -> str:
            numbers.append(match.group(0).replace("-", "−"))
            return str(FIRST_GAP + len(numbers) - 1)

        form = NUMBER.sub(gap, latex)
        if form not in self._known:
            self._known[form] = len(self.forms)
            mathml = mathml_of(form)
            for place in range(len(numbers)):
                mathml = mathml.replace(str(FIRST_GAP + place), f"{{{place}}}")
            self.forms.append(mathml)
        return self._known[form], numbers


def mathml_of(latex: str) -> str:
    """MathML of a formula; what it is made from stands in it for those who cannot see it."""
    return convert(latex)
