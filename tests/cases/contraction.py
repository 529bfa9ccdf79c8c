"""Cases of tinygrad_lab.ops.contraction."""

from hypothesis import strategies as st

from tests.cases.case import broadcastable, case, counts, normal
from tinygrad_lab.ops import contraction as ops


@case(ops.matmul, "matmul")
def matrices(draw):
    left, right = broadcastable(draw)
    i, j, k = draw(counts), draw(counts), draw(counts)
    return (normal(draw, (*left[-2:], i, j)), normal(draw, (*right[-2:], j, k))), {}


@case(ops.matmul, "matmul", name="matmul with vectors")
def vectors(draw):
    i, j, n = draw(counts), draw(counts), draw(counts)
    inner = [((j,), (j,)), ((i, j), (j,)), ((j,), (j, i)), ((n, i, j), (j,)), ((j,), (n, j, i)), ((n, 1, i, j), (j,))]
    empty = [((0, j), (j,)), ((i, 0), (0, n))]
    left, right = draw(st.sampled_from(inner + empty))
    return (normal(draw, left), normal(draw, right)), {}


@case(ops.bmm, "bmm", name="bmm")
def batches(draw):
    n, i, j, k = (draw(counts) for _ in range(4))
    return (normal(draw, (n, i, j)), normal(draw, (n, j, k))), {}


@case(ops.outer, "outer", name="outer")
def two_vectors(draw):
    return (normal(draw, (draw(counts),)), normal(draw, (draw(counts),))), {}


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bhqd, bhkd -> bhqk", (2, 3, 4, 5), (2, 3, 2, 5)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ba", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("ij,k->k", (2, 3), (4,)),  # i and j appear in one operand only
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij,ik->jk", (3, 3, 2), (3, 4)),
    ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("...ij,...jk->...ik", (2, 3, 4), (5, 1, 4, 2)),
    ("...i,i", (2, 3, 4), (4,)),
    ("i...->...", (2, 3, 4)),
    ("...->", (2, 3)),
    ("ij,ij->ij", (2, 1), (1, 3)),
    ("ij,ij->j", (1, 3), (4, 3)),
    (",i->i", (), (3,)),
    ("Ab,bA", (2, 3), (3, 2)),
]


@case(ops.einsum, "einsum", name="contract")
def equations(draw):
    equation, *operands = draw(st.sampled_from(EQUATIONS))
    return (equation, *[normal(draw, shape) for shape in operands]), {}
