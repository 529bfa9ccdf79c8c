"""What is said of an operation in one line, next to a step that ran it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_lab.ops.operation import OperationInfo

FORMULA = re.compile(r"[A-Za-z]\S* = ")


def about(info: OperationInfo) -> str:
    """Return the first line of an operation's docstring.

    A formula has letters of its own, which may be other values' names at this step: then that is said; of an
    elementwise operation, whose rule tells as much in the step's own names, it is left out.
    """
    doc = (info.body.__doc__ or "").strip().replace("`", "").partition("\n")[0]
    if not FORMULA.match(doc):
        return doc
    return "" if info.elementwise else f"In letters of its own: {doc}"


def role(parameter: str) -> str:
    """Return what an argument is to its operation, in a word: "weight"; letters such as x and y say nothing."""
    return parameter if len(parameter) > 1 else ""
