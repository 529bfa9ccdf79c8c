"""Forgetting attention block by block: memory that grows with the length, not with its square.

A block of queries I goes over blocks of keys J and keeps, for each of its rows, the largest score m so far, and ℓ, O'
relative to it (the online softmax of FlashAttention, Dao et al. 2022, algorithm 1):

    m' = max(m, max_j S_ij),  a = exp(m - m'),  E = exp(S - m'),    ℓ = a ℓ + Σ_j E,    O' = a O' + E V_J.

At the end O = O' / ℓ, and L = m + log ℓ is kept: one number for each row.  Backward makes each block of weights again,
P = exp(S - L), and with δ = Σ_c Ō_c O_c for each row adds up

    V̄_J += Pᵀ Ō_I,   G = P ∘ (Ō_I V_Jᵀ - δ),   Q̄_I += s G K_J,   K̄_J += s Gᵀ Q_I,   c̄_J -= Σ_i G.

Pruning (Lin et al. 2025, *Adaptive Computation Pruning for the Forgetting Transformer*): with U a bound on all |s q·k|,
a key at decay D has at most exp(2 U + D) times the weight of the query's own key, which has D = 0.  All S keys at
D < log ε - 2 U - log S therefore have less than ε together.  D falls monotonically from the diagonal to the left, and
from one block of queries to the next, so where a row of blocks begins is found in one sweep.
"""

import math
from collections.abc import Iterator

import numpy as np

BLOCK = 256  # queries, and keys: large enough for matrix products at full speed, small enough for a core's cache


class ForgettingBlocks:
    """One head.

    Args:
        query: (T, h), of the last T tokens.
        key: (S, h)
        value: (S, v)
        c: (S,) running sums of log gates, in float64.
        scale: s.
        pruning: ε, the share of a row's weight that may be left out; 0 for none.
        block: rows, and columns, of a block.
    """

    def __init__(
        self,
        query: np.ndarray,
        key: np.ndarray,
        value: np.ndarray,
        c: np.ndarray,
        scale: float,
        pruning: float = 0.0,
        block: int = BLOCK,
    ) -> None:
        self.query, self.key, self.value, self.c = query, key, value, c
        self.scale, self.block = scale, block
        self.offset = len(key) - len(query)  # of the queries among the tokens
        self.threshold = self._threshold(pruning)
        self.logsumexp = np.empty(len(query), query.dtype)  # L

    def forward(self, output: np.ndarray) -> None:
        """Attend, into ``output``.    (T, v)"""
        for rows, columns in self.rows():
            q = self.query[rows] * self.scale
            highest = np.full((len(q), 1), -np.inf, q.dtype)
            total, sums = np.zeros_like(highest), np.zeros((len(q), output.shape[1]), q.dtype)
            for keys in columns:
                e = self.scores(q, rows, keys)
                raised = np.maximum(highest, e.max(axis=1, keepdims=True))
                shrunk = np.exp(highest - raised)
                np.exp(np.subtract(e, raised, out=e), out=e)
                total = shrunk * total + (e @ np.ones(e.shape[1], e.dtype))[:, None]
                sums = shrunk * sums + e @ self.value[keys]
                highest = raised
            output[rows] = sums / total
            self.logsumexp[rows] = (highest + np.log(total))[:, 0]

    def backward(
        self,
        doutput: np.ndarray,
        output: np.ndarray,
        dquery: np.ndarray,
        dkey: np.ndarray,
        dvalue: np.ndarray,
        dc: np.ndarray,
    ) -> None:
        """Add gradients up in the last four, which come as zeros.    (T, v), (T, v), (T, h), (S, h), (S, v), (S,)"""
        for rows, columns in self.rows():
            q, do = self.query[rows] * self.scale, doutput[rows]
            delta = np.vecdot(do, output[rows])[:, None]
            for keys in columns:
                p = self.scores(q, rows, keys)
                p -= self.logsumexp[rows, None]
                np.exp(p, out=p)
                dvalue[keys] += p.T @ do
                g = do @ self.value[keys].T
                g -= delta
                g *= p
                dquery[rows] += g @ self.key[keys]
                dkey[keys] += g.T @ q
                dc[keys] -= np.ones(g.shape[0], g.dtype) @ g
            dquery[rows] *= self.scale

    def scores(self, q: np.ndarray, rows: slice, keys: slice) -> np.ndarray:
        """Return S of one block: q·k + c_i - c_j, -inf for keys after the query.    (I, h) -> (I, J)"""
        c = self.c[self.tokens(rows)]
        s: np.ndarray = q @ self.key[keys].T
        s += np.subtract(c[:, None], self.c[keys], dtype=np.float64).astype(s.dtype)
        if keys.stop > rows.start + self.offset + 1:  # the first query of the block does not see the last key
            s[~np.tri(s.shape[0], s.shape[1], rows.start + self.offset - keys.start, dtype=bool)] = -np.inf
        return s

    def rows(self) -> Iterator[tuple[slice, Iterator[slice]]]:
        """Yield blocks of queries, each with the blocks of keys that it looks at."""
        first = 0
        for start in range(0, len(self.query), self.block):
            rows = slice(start, min(start + self.block, len(self.query)))
            first = self.first_of(rows, first)
            yield rows, self._columns(first, rows.stop + self.offset)

    def first_of(self, rows: slice, first: int) -> int:
        """Tell where the keys begin that a block of queries looks at: ``first`` or a later block.

        The largest D of a block of scores is that of its first query and last key.
        """
        nearest = self.c[rows.start + self.offset]
        while (
            first + self.block <= rows.start + self.offset and nearest - self.c[first + self.block - 1] < self.threshold
        ):
            first += self.block
        return first

    def tokens(self, rows: slice) -> slice:
        """Turn numbers of queries into numbers of tokens."""
        return slice(rows.start + self.offset, rows.stop + self.offset)

    def _columns(self, first: int, stop: int) -> Iterator[slice]:
        for start in range(first, stop, self.block):
            yield slice(start, min(start + self.block, stop))

    def _threshold(self, pruning: float) -> float:
        """The decay below which a block is left out."""
        if not pruning:
            return -math.inf
        largest = math.sqrt(float(np.vecdot(self.query, self.query).max()) * float(np.vecdot(self.key, self.key).max()))
        return math.log(pruning) - 2 * abs(self.scale) * largest - math.log(len(self.key))
