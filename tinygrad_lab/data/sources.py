"""The data sets that live in files: what they are, under which licence, from where, and how their files are known.

Checksums are of the uncompressed content (see ``idx`` and ``content``).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from tinygrad_lab.data.content import read_content
from tinygrad_lab.data.idx import read_idx


@runtime_checkable
class DataFile(Protocol):
    """A file known by its uncompressed content."""

    @property
    def name(self) -> str:
        """Without ``.gz``."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def remote(self) -> str:
        """Its name on a mirror."""

    def read(self, path: Path) -> Any:
        """Its content, checked; DataError where ``path`` is not this file."""


@dataclass(frozen=True)
class IdxFile:
    """One IDX file: its name without ``.gz``, its shape, and the SHA-256 of its uncompressed content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of the uncompressed content: a header of four bytes and four per dimension, then the elements."""
        elements = 1
        for length in self.shape:
            elements *= length
        return 4 + 4 * len(self.shape) + elements

    @property
    def remote(self) -> str:
        """Compressed on every mirror."""
        return f"{self.name}.gz"

    def read(self, path: Path) -> Any:
        """Return the array in it, checked; DataError where it is not this file."""
        return read_idx(path, self.shape, self.sha256)


@dataclass(frozen=True)
class TextFile:
    """One UTF-8 text: its name without ``.gz``, size and SHA-256 of its uncompressed content, its name on a mirror."""

    name: str
    size: int
    sha256: str
    remote: str = ""

    def read(self, path: Path) -> str:
        """Return the text, checked; DataError where it is not this file."""
        return read_content(path, self.size, self.sha256).decode("utf-8")


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """A data set in files.

    Args:
        name: its name.
        what: one line for a reader.
        licence: its licence, or what is known of it.
        mirrors: addresses below which ``<file>.remote`` is served, tried in this order.
        package: how a system's package manager brings it, if any does.
    """

    name: str
    what: str
    licence: str
    mirrors: tuple[str, ...] = ()
    package: str | None = None

    @property
    def folder(self) -> str:
        """The name of its folder wherever it is kept."""
        return self.name

    @property
    @abstractmethod
    def files(self) -> tuple[DataFile, ...]:
        """All its files."""


@dataclass(frozen=True, kw_only=True)
class ImageSource(Source):
    """Labelled images: what label i means, and the (images, labels) of "train" and "test"."""

    classes: tuple[str, ...]
    splits: dict[str, tuple[IdxFile, IdxFile]]

    @property
    def files(self) -> tuple[IdxFile, ...]:
        return tuple(file for split in self.splits.values() for file in split)


@dataclass(frozen=True, kw_only=True)
class TextSource(Source):
    """Running text in one file."""

    file: TextFile

    @property
    def folder(self) -> str:
        return "text"

    @property
    def files(self) -> tuple[TextFile, ...]:
        return (self.file,)


@dataclass(frozen=True, kw_only=True)
class PairSource(Source):
    """Pairs of strings, one a line, separated by tabs.

    Args:
        kept_in: the name of its folder.
        columns: which columns are the pair's key, its source side and its target side.
        splits: the file of each split.
    """

    kept_in: str
    columns: tuple[int, int, int]
    splits: dict[str, TextFile]

    @property
    def folder(self) -> str:
        return self.kept_in

    @property
    def files(self) -> tuple[TextFile, ...]:
        return tuple(self.splits.values())


def _splits(
    train_images: str, train_labels: str, test_images: str, test_labels: str
) -> dict[str, tuple[IdxFile, IdxFile]]:
    """The files of MNIST and of everything shaped like it, by their checksums."""
    return {
        "train": (
            IdxFile("train-images-idx3-ubyte", (60_000, 28, 28), train_images),
            IdxFile("train-labels-idx1-ubyte", (60_000,), train_labels),
        ),
        "test": (
            IdxFile("t10k-images-idx3-ubyte", (10_000, 28, 28), test_images),
            IdxFile("t10k-labels-idx1-ubyte", (10_000,), test_labels),
        ),
    }


MNIST = ImageSource(
    name="mnist",
    what="70,000 handwritten digits, 28x28 (LeCun, Cortes, Burges 1998)",
    licence="no formal licence; (c) Y. LeCun and C. Cortes, from NIST data; usually listed as CC BY-SA 3.0",
    classes=tuple("0123456789"),
    splits=_splits(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = ImageSource(
    name="fashion-mnist",
    what="70,000 pictures of clothes, 28x28 (Xiao, Rasul, Vollgraf 2017)",
    licence="MIT, (c) 2017 Zalando SE",
    classes=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    splits=_splits(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    mirrors=("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
    package="apt install dataset-fashion-mnist",
)

TIME_MACHINE = TextSource(
    name="timemachine",
    what="H. G. Wells, The Time Machine (1898), the copy of the d2l book",
    licence="public domain",
    mirrors=("https://d2l-data.s3-accelerate.amazonaws.com/",),
    file=TextFile(
        "timemachine.txt",
        178_979,
        "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
        remote="timemachine.txt",
    ),
)

TINY_SHAKESPEARE = TextSource(
    name="tinyshakespeare",
    what="40,000 lines of Shakespeare's plays (Karpathy 2015)",
    licence="text public domain, collection MIT",
    mirrors=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",),
    file=TextFile(
        "tinyshakespeare.txt",
        1_115_394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        remote="input.txt",
    ),
)

KING_JAMES = TextSource(
    name="kjv",
    what="the King James Bible, 31,102 verses, one a line, without references",
    licence="public domain (in the United Kingdom under a Crown printing patent)",
    package="apt install bible-kjv; bible -f Gen1:1-Rev22:21 prints it, with references to cut off",
    file=TextFile("kjv.txt", 4_137_847, "376f0fd8429cec6cc77659d428b2debd01f069dbfb3917776a09a36a7cfed5c4"),
)

CMUDICT = PairSource(
    name="cmudict",
    what="CMUdict 0.7b: 118,788 words and their phonemes without stress, the usual split",
    licence="BSD 2-clause, (c) Carnegie Mellon University",
    kept_in="g2p",
    columns=(0, 0, 1),
    splits={
        "train": TextFile("train.tsv", 2_736_683, "a69c104e927fc142e8ec6da6bf95a683cf537112c7d8ad16a6348f17ad25ad00"),
        "test": TextFile("test.tsv", 308_364, "17e9cc08431629a82a17d413676b34ce541e51f131371e8a183bef3bf36f48c7"),
    },
)

ENGLISH_SPANISH = PairSource(
    name="eng-spa",
    what="30,481 verses, World English Bible and Reina-Valera 1909",
    licence="public domain, both texts",
    kept_in="translation",
    columns=(0, 1, 2),
    splits={
        "all": TextFile("eng-spa.tsv", 8_232_011, "8210f43be36d997ade550ca7e59ea2e06bfdd1dcdaa9a56b2b3088f6a6b732f1")
    },
)

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (MNIST, FASHION_MNIST, TIME_MACHINE, TINY_SHAKESPEARE, KING_JAMES, CMUDICT, ENGLISH_SPANISH)
}

Kind = TypeVar("Kind", bound=Source)


def sources_of(kind: type[Kind]) -> dict[str, Kind]:
    """Return the data sets of one kind by name."""
    return {name: source for name, source in SOURCES.items() if isinstance(source, kind)}
