"""Documents of sentences, each document of one class: chapters of the Bible, or stretches of Python's help texts."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from tinygrad_lab.data import available, load_text

from . import bible

SPLITS = ("train", "validation", "test")
EVERY = 12  # of so many documents in their order, one is for validation and one for testing

# The help texts with most paragraphs of their own.
TOPICS = (
    "types", "compound", "debugger", "string-methods", "specialnames", "typesseq", "typesmapping", "formatstrings",
    "import",
)  # fmt: skip
WORDS = 6  # a paragraph of a help text has at least so many; shorter ones are captions and code
STRETCH = 8  # paragraphs that follow each other and make a document


@dataclass(frozen=True)
class Document:
    """Sentences that follow each other, and their class."""

    sentences: tuple[str, ...] = field(repr=False)
    label: int


@dataclass(frozen=True)
class Corpus:
    """A split of a data set.

    Args:
        documents: all of them.
        classes: what each label means.
        name: the data set's name.
        checksum: the SHA-256 of labels and sentences, one a line with a tab between.
    """

    documents: tuple[Document, ...] = field(repr=False)
    classes: tuple[str, ...]
    name: str
    checksum: str

    def __len__(self) -> int:
        """Sentences."""
        return sum(len(document.sentences) for document in self.documents)

    def sentences(self) -> Iterator[str]:
        """All sentences in order."""
        return (sentence for document in self.documents for sentence in document.sentences)


@cache
def load(name: str, split: str) -> Corpus:
    """A split by documents, every part of the text in all of them; what also stands in a held-out document is not
    trained on.

    Args:
        name: "kjv", "topics", or "auto" for the first of these that there is.
        split: "train", "validation" or "test".

    Raises:
        ValueError: another name or split.
    """
    if name == "auto":
        name = "kjv" if available("kjv") else "topics"
    readers = {"kjv": _chapters, "topics": _topics}
    if name not in readers:
        raise ValueError(f"dataset must be one of auto, {', '.join(readers)}, got {name!r}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    documents, classes = readers[name]()
    held_out = {"validation": documents[EVERY // 2 :: EVERY], "test": documents[EVERY - 1 :: EVERY]}
    chosen = held_out[split] if split != "train" else _rest(documents, [*held_out["validation"], *held_out["test"]])
    lines = "".join(f"{document.label}\t{line}\n" for document in chosen for line in document.sentences)
    return Corpus(tuple(chosen), classes, name, hashlib.sha256(lines.encode()).hexdigest())


def _rest(documents: list[Document], held_out: list[Document]) -> list[Document]:
    """The other documents, cut in two where a sentence is left out that a held-out document has too."""
    apart = {id(document) for document in held_out}
    known = {sentence for document in held_out for sentence in document.sentences}
    return [
        Document(run, document.label)
        for document in documents
        if id(document) not in apart
        for run in _runs(document.sentences, known)
    ]


def _runs(sentences: tuple[str, ...], unwanted: set[str]) -> Iterator[tuple[str, ...]]:
    """The longest stretches of sentences without an unwanted one."""
    run: list[str] = []
    for sentence in [*sentences, None]:
        if sentence is not None and sentence not in unwanted:
            run.append(sentence)
        elif run:
            yield tuple(run)
            run = []


def _chapters() -> tuple[list[Document], tuple[str, ...]]:
    """The 1,189 chapters of the Bible; the class is the group of their book."""
    verses = iter(load_text("kjv").text.splitlines())
    documents = [Document(tuple(next(verses) for _ in range(count)), group) for _, group, count in bible.chapters()]
    return documents, bible.groups()


def _topics() -> tuple[list[Document], tuple[str, ...]]:
    """Help texts in stretches of a few paragraphs; paragraphs that stand in several texts are left out."""
    from pydoc_data.topics import topics  # a large module: only when it is wanted

    paragraphs = {
        topic: [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if _is_prose(part)]
        for topic, text in topics.items()
    }
    places = Counter(part for parts in paragraphs.values() for part in set(parts))
    documents = []
    for label, topic in enumerate(TOPICS):
        own = [part for part in paragraphs[topic] if places[part] == 1]
        documents += [Document(tuple(own[start : start + STRETCH]), label) for start in range(0, len(own), STRETCH)]
    return documents, TOPICS


def _is_prose(paragraph: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", paragraph)) >= WORDS
