"""Cases of tinygrad_lab.ops.dropout: the noise is drawn from a fixed seed, torch multiplies by the same noise."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, counts, normal, shapes
from tinygrad_lab import random
from tinygrad_lab.ops.dropout import dropout, gaussian_dropout

probabilities = st.sampled_from([0.0, 0.1, 0.5, 0.9])


def mask(torch, x, p, training):
    if not training:
        return x
    kept = random.bernoulli(random.generator(0), tuple(x.shape), 1 - p, np.dtype(bool))
    return x * torch.from_numpy(kept) / (1 - p)


@case(
    lambda x, p, training: dropout(x, p, training, generator=random.generator(0)),
    mask,
    name="dropout",
)
def kept_or_dropped(draw):
    return (normal(draw, draw(shapes(of=counts))), draw(probabilities), draw(st.booleans())), {}


def factors(torch, x, p, training):
    if not training:
        return x
    dtype = np.dtype(str(x.dtype).removeprefix("torch."))
    draws = random.normal(random.generator(0), tuple(x.shape), dtype)
    return x * (1 + (p / (1 - p)) ** 0.5 * torch.from_numpy(draws))


@case(
    lambda x, p, training: gaussian_dropout(x, p, training, generator=random.generator(0)),
    factors,
    name="gaussian_dropout",
)
def scaled_by_noise(draw):
    return (normal(draw, draw(shapes(of=counts))), draw(probabilities), draw(st.booleans())), {}
