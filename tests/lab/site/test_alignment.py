"""The two sources side by side: every public block has its twin, every line a row."""

import pytest

from tests.papers.test_twins import ROOT, outline
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import alignment, library

TWINS = [(slug, name) for slug in registry.discover() for name in library.twin_files(ROOT, slug)]


def sources(slug: str, name: str) -> tuple[str, str]:
    ours, theirs = ((ROOT / side / slug / name).read_text(encoding="utf-8") for side in ("papers", "reference"))
    return ours, theirs


@pytest.mark.parametrize(("slug", "name"), TWINS)
def test_every_public_block_has_its_twin(slug: str, name: str) -> None:
    blocks = {block.name: block for block in alignment.align(*sources(slug, name))}
    ours, theirs = (outline(ROOT / side / slug / name) for side in ("papers", "reference"))
    for public in {*ours, *theirs}:
        assert bool(blocks[public].left) == (public in ours)
        assert bool(blocks[public].right) == (public in theirs)


@pytest.mark.parametrize(("slug", "name"), TWINS)
def test_every_line_is_in_one_block_and_equal_ones_share_a_row(slug: str, name: str) -> None:
    texts = [source.splitlines() for source in sources(slug, name)]
    blocks = alignment.align(*sources(slug, name))
    for side, text in zip(("left", "right"), texts, strict=True):
        numbers = [line.number for block in blocks for line in getattr(block, side)]
        assert numbers == sorted(set(numbers))
        assert not any(text[n - 1].strip() for n in set(range(1, len(text) + 1)) - set(numbers))
    for block in blocks:
        right = {line.row: texts[1][line.number - 1] for line in block.right}
        for line in block.left:
            assert line.same == (right.get(line.row) == texts[0][line.number - 1])


LEFT = '''"""Left."""

import numpy

LIMIT = 3


# what it is
class Cell(Base):
    """A cell."""

    def forward(self, x):
        return _helper(x)

    def _private(self):
        return 1


def loss(x):
    return x
'''
RIGHT = '''"""Right."""

LIMIT = 3


def _helper(x):
    return x


# what it is
class Cell(Base):
    """A cell."""

    def __init__(self):
        pass

    def forward(self, x):
        y = x
        return _helper(y)


@decorated
def loss(x):
    return x
'''


def test_helpers_stay_with_their_neighbours_and_what_one_side_lacks_stands_alone() -> None:
    found = alignment.align(LEFT, RIGHT)
    blocks = {block.name: block for block in found}
    assert [block.name for block in found] == ["", "LIMIT", "Cell", "Cell.__init__", "Cell.forward", "loss"]
    left, right = LEFT.splitlines(), RIGHT.splitlines()
    texts = {b.name: ([left[x.number - 1] for x in b.left], [right[x.number - 1] for x in b.right]) for b in found}
    assert texts[""] == (['"""Left."""', "", "import numpy"], ['"""Right."""'])
    assert "def _helper(x):" in texts["LIMIT"][1]
    assert [side[0] for side in texts["Cell"]] == ["# what it is"] * 2
    assert texts["Cell.__init__"] == ([], ["    def __init__(self):", "        pass"])
    assert "    def _private(self):" in texts["Cell.forward"][0]
    assert [side[0] for side in texts["loss"]] == ["def loss(x):", "@decorated"]
    rows = {left[line.number - 1]: line.row for line in blocks["Cell.forward"].left}
    beside = {right[line.number - 1]: line.row for line in blocks["Cell.forward"].right}
    assert rows["    def forward(self, x):"] == beside["    def forward(self, x):"]
