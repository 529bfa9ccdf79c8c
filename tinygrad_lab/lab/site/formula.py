"""Formulas as MathML that sets type and does nothing else."""

import unicodedata
from html import escape
from xml.etree import ElementTree

from latex2mathml import exceptions
from latex2mathml.converter import convert

UNTRANSLATABLE: tuple[type[Exception], ...] = (
    IndexError,
    KeyError,
    ValueError,
    ElementTree.ParseError,
    *(error for error in vars(exceptions).values() if isinstance(error, type)),
)
PLAIN_ATTRIBUTES = {  # of MathML, those that do no more than set type: no links, no styles
    "accent", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle", "fence", "form",
    "height", "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "rowlines", "rowspacing",
    "rspace", "scriptlevel", "separator", "stretchy", "voffset", "width",
}  # fmt: skip
ALPHABETS = {"bold": "BOLD", "double-struck": "DOUBLE-STRUCK", "fraktur": "FRAKTUR", "script": "SCRIPT"}
NAMESPACE = "http://www.w3.org/1998/Math/MathML"

ElementTree.register_namespace("", NAMESPACE)


def mathml(latex: str, display: bool) -> str:
    """A formula; as written where it cannot be translated, or would be more than a formula."""
    try:
        root = ElementTree.fromstring(convert(latex, display="block" if display else "inline"))
    except UNTRANSLATABLE:
        return f'<code class="latex">{escape(latex)}</code>'
    if any(set(element.attrib) - PLAIN_ATTRIBUTES for element in root.iter()):
        return f'<code class="latex">{escape(latex)}</code>'
    for element in root.iter():
        alphabet = ALPHABETS.get(element.get("mathvariant", ""))
        if alphabet and element.text:
            del element.attrib["mathvariant"]  # browsers know of no variant but "normal"
            element.text = "".join(letter(alphabet, character) for character in element.text)
    return ElementTree.tostring(root, encoding="unicode")


def letter(alphabet: str, character: str) -> str:
    """A letter of one of mathematics' alphabets; the character itself where that has no such letter."""
    case = "CAPITAL" if character.isupper() else "SMALL"
    for name in (
        f"MATHEMATICAL {alphabet} {case} {character.upper()}",
        f"{alphabet} {case} {character.upper()}",  # those that were there before the others, such as ℝ
        f"{'BLACK-LETTER' if alphabet == 'FRAKTUR' else alphabet} {case} {character.upper()}",
    ):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return character
