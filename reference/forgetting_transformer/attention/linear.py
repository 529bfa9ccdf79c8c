"""A relative with a state of constant size: linear attention with the same forget gates.  It is another model.

Softmax attention weighs a key by exp(q·k).  Linear attention (Katharopoulos et al. 2020) has φ(q)·φ(k) in its place,
and that product can be taken apart: the sum over all keys so far needs no query,

    o_i = Σ_j F_ij φ(q_i)·φ(k_j) v_j / Σ_j F_ij φ(q_i)·φ(k_j),    F_ij = f_{j+1} ... f_i     all tokens at once
    S_t = f_t S_{t-1} + φ(k_t) v_tᵀ,   n_t = f_t n_{t-1} + φ(k_t),   o_t = φ(q_t) S_t / φ(q_t)·n_t     token by token

so S (h × h) and n (h) are all that has to be kept, however long the text.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


class State:
    """S and n of one layer; both are 0 before the first token."""

    def __init__(self) -> None:
        self.length = 0
        self.sums: Float[Tensor, "b heads h v"] | None = None
        self.norm: Float[Tensor, "b heads 1 h"] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that are kept: the same after any number of tokens."""
        return sum(part.nbytes for part in (self.sums, self.norm) if part is not None)


def feature_map(x: Float[Tensor, "*n h"]) -> Float[Tensor, "*n h"]:
    """φ(x) = elu(x) + 1, above 0 everywhere: a denominator made of such numbers cannot be 0."""
    return x.relu() + x.clamp(max=0).exp()


def linear_attention(
    q: Float[Tensor, "b heads t h"],
    k: Float[Tensor, "b heads t h"],
    v: Float[Tensor, "b heads t v"],
    log_f: Float[Tensor, "b heads t"],
    state: State | None = None,
) -> Float[Tensor, "b heads t v"]:
    """All tokens at once, or, with a state, one after the other."""
    q, k = feature_map(q), feature_map(k)
    if state is None:
        return parallel(q, k, v, log_f)
    return recurrent(q, k, v, log_f, state)


def parallel(
    q: Float[Tensor, "b heads t h"],
    k: Float[Tensor, "b heads t h"],
    v: Float[Tensor, "b heads t v"],
    log_f: Float[Tensor, "b heads t"],
) -> Float[Tensor, "b heads t v"]:
    """Every pair of tokens has its weight; for training."""
    c = log_f.double().cumsum(dim=2)
    past = torch.ones(c.shape[2], c.shape[2], dtype=torch.bool, device=q.device).tril()
    decay = (c.unsqueeze(3) - c.unsqueeze(2)).masked_fill(~past, -math.inf)
    weights = (q @ k.transpose(2, 3)) * decay.to(q.dtype).exp()
    return (weights @ v) / weights.sum(dim=3, keepdim=True)


def recurrent(
    q: Float[Tensor, "b heads t h"],
    k: Float[Tensor, "b heads t h"],
    v: Float[Tensor, "b heads t v"],
    log_f: Float[Tensor, "b heads t"],
    state: State,
) -> Float[Tensor, "b heads t v"]:
    """Token by token from where ``state`` is; for writing.

    Raises:
        ValueError: a state of another shape.
    """
    outputs = [
        step(q[:, :, t : t + 1], k[:, :, t : t + 1], v[:, :, t : t + 1], log_f[:, :, t], state)
        for t in range(q.shape[2])
    ]
    return torch.cat(outputs, dim=2)


def step(
    q: Float[Tensor, "b heads 1 h"],
    k: Float[Tensor, "b heads 1 h"],
    v: Float[Tensor, "b heads 1 v"],
    log_f: Float[Tensor, "b heads"],
    state: State,
) -> Float[Tensor, "b heads 1 v"]:
    """One token; ``state`` moves on."""
    check(state, k, v)
    sums, norm = k.transpose(2, 3) * v, k
    if state.sums is not None and state.norm is not None:
        f = log_f.exp()[:, :, None, None]
        sums, norm = f * state.sums + sums, f * state.norm + norm
    state.sums, state.norm, state.length = sums, norm, state.length + 1
    return (q @ sums) / (q * norm).sum(dim=3, keepdim=True)


def check(state: State, k: Tensor, v: Tensor) -> None:
    """Raise ValueError unless the state is one of such keys and values."""
    shape = (*k.shape[:2], k.shape[3], v.shape[3])
    if state.sums is not None and tuple(state.sums.shape) != shape:
        raise ValueError(f"state: sums have shape {tuple(state.sums.shape)}, these keys and values need {shape}")
