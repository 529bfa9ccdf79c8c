"""Cases of tinygrad_lab.ops.forgetting_attention: gates inside (0, 1), queries that are all or the last tokens."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, in_some_layout, normal, seeds, shapes, sizes
from tinygrad_lab.ops.forgetting_attention import forgetting_attention

scales = st.sampled_from([None, 1.0, 0.3, 20.0])  # the last makes scores too large for exp: a maximum is subtracted


def written_out(torch, query, key, value, log_fgate, scale=None):
    """The paper's equations, weight by weight, without a logarithm of anything."""
    t, s = query.shape[-2], key.shape[-2]
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    gates, rows = log_fgate.exp(), []
    for i in range(s - t, s):
        faded = [gates[..., j + 1 : i + 1].prod(-1) for j in range(i + 1)]
        row = scores[..., i - (s - t), : i + 1]
        weights = torch.stack(faded, -1) * (row - row.amax(-1, keepdim=True).detach()).exp()
        rows.append((weights / weights.sum(-1, keepdim=True)).unsqueeze(-2) @ value[..., : i + 1, :])
    return torch.cat(rows, -2)


def gates(draw, shape):
    """Logarithms of gates from nearly closed to nearly open, away from 0 where a numerical derivative would leave."""
    return in_some_layout(draw, np.log(np.random.default_rng(draw(seeds)).uniform(0.02, 0.98, shape)))


@case(forgetting_attention, written_out)
def tokens_and_their_gates(draw):
    leading, tokens, features = draw(shapes(0, 2)), draw(st.integers(1, 7)), draw(sizes)
    queries = draw(st.sampled_from([tokens, draw(st.integers(1, tokens))]))
    q, k = (normal(draw, (*leading, n, features)) for n in (queries, tokens))
    return (q, k, normal(draw, (*leading, tokens, draw(sizes))), gates(draw, (*leading, tokens))), {
        "scale": draw(scales)
    }
