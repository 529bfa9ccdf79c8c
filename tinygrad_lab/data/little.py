"""Little texts that a model of a few thousand numbers learns in seconds: two rhymes, and sentences in two languages."""

from collections.abc import Iterable
from functools import cache
from itertools import product

STAR = """twinkle, twinkle, little star,
how i wonder what you are!
up above the world so high,
like a diamond in the sky.
"""  # Jane Taylor, "The Star", 1806
LAMB = """mary had a little lamb,
its fleece was white as snow,
and everywhere that mary went
the lamb was sure to go.
"""  # Sarah Josepha Hale, "Mary's Lamb", 1830
ALPHABET = "".join(sorted(set(STAR + LAMB)))

ANIMALS = {"cats": "chats", "dogs": "chiens", "birds": "oiseaux", "wolves": "loups", "bears": "ours"}
BEFORE = {"small": "petits", "big": "grands"}  # in French these stand before their noun,
AFTER = {"black": "noirs", "white": "blancs"}  # these after it
DEEDS = {"see": "voient", "hear": "entendent", "follow": "suivent", "love": "aiment"}


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """All pairs of "black cats see small dogs" and "les chats noirs voient les petits chiens"."""
    nouns = [(f"{a} {n}", f"les {fa} {fn}") for (a, fa), (n, fn) in product(BEFORE.items(), ANIMALS.items())]
    nouns += [(f"{a} {n}", f"les {fn} {fa}") for (a, fa), (n, fn) in product(AFTER.items(), ANIMALS.items())]
    return tuple(
        (f"{subject} {verb} {whom}", f"{le_subject} {le_verb} {le_whom}")
        for (subject, le_subject), (verb, le_verb), (whom, le_whom) in product(nouns, DEEDS.items(), nouns)
        if subject != whom
    )


def words(texts: Iterable[str]) -> list[str]:
    """The different words of some texts, in alphabetical order."""
    return sorted({word for text in texts for word in text.split()})
