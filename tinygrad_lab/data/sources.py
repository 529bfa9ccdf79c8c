"""The data sets that live in files: what they are, under which licence, from where, and how their files are known.

Checksums are of the uncompressed content (see ``idx``).
"""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Source:
    """A labelled image data set in IDX files.

    Args:
        name: its name, also the name of its folder wherever it is kept.
        what: one line for a reader.
        licence: its licence, or what is known of it.
        classes: what label i means.
        splits: (images, labels) of "train" and "test".
        mirrors: addresses below which ``<file name>.gz`` is served, tried in this order.
        package: how a system's package manager brings it, if any does.
    """

    name: str
    what: str
    licence: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[IdxFile, IdxFile]]
    mirrors: tuple[str, ...]
    package: str | None = None

    @property
    def files(self) -> tuple[IdxFile, ...]:
        return tuple(file for split in self.splits.values() for file in split)


def _splits(train_images: str, train_labels: str, test_images: str, test_labels: str) -> dict:
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


MNIST = Source(
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

FASHION_MNIST = Source(
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

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST)}
