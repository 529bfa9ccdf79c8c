"""Longer contexts after training: what each frequency of the rotary positions is divided by, by the name of the rule.

linear   every frequency by the same factor (Chen et al. 2023)
llama3   high frequencies not at all, low ones by the factor, those between by a blend of both (Llama 3.1)
"""

import math
from collections.abc import Sequence

from tinygrad_lab.documents import Document

KINDS = ("default", "linear", "llama3")


def rope_of_hugging_face(saved: Document) -> Document:
    """The section of config.json about rotary positions: ``rope_parameters``, or ``rope_scaling`` in older files."""
    return saved.section("rope_parameters" if saved.get("rope_parameters") else "rope_scaling")


def rope_factors(saved: Document, head_size: int, theta: float, context: int) -> tuple[float, ...]:
    """A number for each frequency, none where all are 1.

    Raises:
        ValueError: a rule that is not ours, or one whose numbers are missing or make no sense.
    """
    rope = rope_of_hugging_face(saved)
    kind = rope.text("rope_type", None) or rope.text("type", "default")
    if kind not in KINDS:
        raise ValueError(f"{rope.called}: rope_type {kind!r} is none of ours ({', '.join(KINDS)})")
    for place in (saved, rope):
        if place.number("partial_rotary_factor", 1.0) != 1:
            raise place.wrong("partial_rotary_factor", "1")
    if kind == "default":
        return ()
    factor = rope.number("factor")
    if kind == "linear":
        return (factor,) * (head_size // 2)
    low, high = rope.number("low_freq_factor"), rope.number("high_freq_factor")
    if low >= high:
        raise rope.wrong("high_freq_factor", f"above low_freq_factor, {low}")
    original = rope.count("original_max_position_embeddings", context)
    return llama3([theta ** (-i / head_size) for i in range(0, head_size, 2)], factor, low, high, original)


def llama3(frequencies: Sequence[float], factor: float, low: float, high: float, original: int) -> tuple[float, ...]:
    """The blend of Llama 3.1, by how often a frequency turns within the original context.

    Below ``low`` turns it is divided by ``factor``, above ``high`` by 1; between them its share of the undivided
    frequency grows from 0 to 1.
    """
    turns = [original * frequency / (2 * math.pi) for frequency in frequencies]
    shares = [min(1.0, max(0.0, (turn - low) / (high - low))) for turn in turns]
    return tuple(1 / ((1 - share) / factor + share) for share in shares)
