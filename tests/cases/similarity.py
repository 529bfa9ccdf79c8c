"""Cases of tinygrad_lab.ops.similarity."""

from hypothesis import strategies as st

from tests.cases.case import case, distinct, normal, shapes
from tests.cases.reductions import one_dim
from tinygrad_lab.ops.similarity import cosine_similarity, normalize


@case(normalize, "nn.functional.normalize", name="normalize")
def vectors(draw):
    shape = draw(shapes(min_dims=1))
    return (distinct(draw, shape), draw(st.sampled_from([2.0, 1.0]))), {"dim": one_dim(draw, len(shape))}


@case(cosine_similarity, "nn.functional.cosine_similarity", name="cosine_similarity")
def two_vectors(draw):
    pairs = [((3, 4), (3, 4)), ((1, 4), (3, 1)), ((2, 3, 4), (3, 4)), ((5,), (5,))]
    left, right = draw(st.sampled_from(pairs))
    return (normal(draw, left), normal(draw, right)), {"dim": draw(st.sampled_from([0, -1]))}
