"""Mamba in PyTorch: blocks of a gated convolution and a selective state-space model.

    symbol   meaning
    B, T     sequences, tokens (B and C are also the input and output maps of the states, as in the paper)
    V, d     tokens in the vocabulary, width of the network
    E        channels inside a block, twice the width
    N        states of a channel
    K        taps of the convolution
    R        numbers from which the step sizes are made
    Δ        step sizes, one for each token and channel
    A        decays of the states, negative

Names of modules and parameters are those of Hugging Face's MambaForCausalLM, so its checkpoints load as they are.
"""

import math
from abc import ABC, abstractmethod
from itertools import repeat

import torch
from jaxtyping import Float, Int
from torch import Tensor, arange, cat, empty, nn, no_grad, ones, zeros
from torch.nn import functional as F

from .config import MambaBatch, MambaConfig

STEP_SIZES = (1e-3, 1e-1)  # between these Δ starts, equally likely at every scale
SMALLEST_STEP = 1e-4

Selection = tuple[Tensor, Tensor, Tensor]  # Δ (B, T, E), and the maps B and C: (B, T, N), or (E, N) for all times


class State:
    """All that a block keeps of the tokens so far, however many there were.

    Args:
        config: of the model.
        batch: B.
        dtype: of the model.
    """

    def __init__(self, config: MambaConfig, batch: int = 1, dtype: torch.dtype = torch.float32) -> None:
        self.past = zeros(batch, config.conv_kernel - 1, config.channels, dtype=dtype)
        self.h = zeros(batch, config.channels, config.state_size, dtype=dtype)

    def keep(self, x: Float[Tensor, "b t e"], h: Float[Tensor, "b e n"]) -> None:
        """The last inputs of the convolution, and the states after the last token."""
        seen = cat([self.past, x], dim=1)
        self.past = seen[:, x.shape[1] :].detach()
        self.h = h.detach()


class CausalConv1d(nn.Module):
    """SiLU of a short filter for each channel that looks back over K tokens (section 3.4)."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(taps)
        self.weight = nn.Parameter(empty(channels, 1, taps))
        self.bias = nn.Parameter(empty(channels))
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Float[Tensor, "b t e"], past: Float[Tensor, "b k e"] | None = None) -> Float[Tensor, "b t e"]:
        """``past`` is what came before the first token; zeros where left out."""
        channels, _, taps = self.weight.shape
        x = x.transpose(1, 2)
        before = x.new_zeros(len(x), channels, taps - 1) if past is None else past.transpose(1, 2)
        y = F.conv1d(cat([before, x], dim=2), self.weight, self.bias, groups=channels)
        return F.silu(y.transpose(1, 2))


class Mixer(nn.Module, ABC):
    """A gated state-space model (figure 3): what attention and the gated layer are in a Transformer, in one."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        d, channels, states = config.hidden_size, config.channels, config.state_size
        self.in_proj = nn.Linear(d, 2 * channels, bias=False)
        self.conv1d = CausalConv1d(channels, config.conv_kernel)
        self.A_log = nn.Parameter(arange(1.0, states + 1).log().expand(channels, states).clone())
        self.D = nn.Parameter(ones(channels))
        self.out_proj = nn.Linear(channels, d, bias=False)
        bound = 1 / math.sqrt(channels * config.layers)  # its outputs are added up, once for every block
        nn.init.uniform_(self.out_proj.weight, -bound, bound)

    def forward(self, x: Float[Tensor, "b t d"], state: State | None = None) -> Float[Tensor, "b t d"]:
        u, z = self.in_proj(x).chunk(2, -1)
        convolved = self.conv1d(u, None if state is None else state.past)
        y, h = self.scan(convolved, self.select(convolved), None if state is None else state.h)
        if state is not None:
            state.keep(u, h)
        return self.out_proj(F.silu(z) * y)

    def scan(
        self, u: Float[Tensor, "b t e"], selection: Selection, h: Float[Tensor, "b e n"] | None
    ) -> tuple[Float[Tensor, "b t e"], Float[Tensor, "b e n"]]:
        """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t, y_t = C_t h_t + D u_t (equation 2, algorithm 2); the last h too."""
        delta, B, C = selection
        B, C = (m[:, :, None] if m.ndim == 3 else m.expand(*u.shape[:2], -1, -1) for m in (B, C))
        h = u.new_zeros(len(u), *self.A_log.shape) if h is None else h
        A, outputs = -self.A_log.exp(), []
        for u_t, delta_t, B_t, C_t in zip(u.unbind(1), delta.unbind(1), B.unbind(1), C.unbind(1), strict=True):
            u_t, delta_t = u_t[:, :, None], delta_t[:, :, None]
            h = torch.exp(delta_t * A) * h + delta_t * B_t * u_t
            outputs.append((C_t * h).sum(-1))
        return torch.stack(outputs, dim=1) + self.D * u, h

    @abstractmethod
    def select(self, u: Float[Tensor, "b t e"]) -> Selection:
        """Δ, B and C."""


class SelectiveMixer(Mixer):
    """S6: the step size Δ, the input map B and the output map C are chosen by the token (algorithm 2)."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__(config)
        self.sizes = [config.rank, config.state_size, config.state_size]
        self.x_proj = nn.Linear(config.channels, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(config.rank, config.channels)
        bound = 1 / math.sqrt(config.rank)
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        step_sizes_(self.dt_proj.bias)

    def select(self, u: Float[Tensor, "b t e"]) -> Selection:
        low_rank, B, C = self.x_proj(u).split(self.sizes, -1)
        return F.softplus(self.dt_proj(low_rank)), B, C


class TimeInvariantMixer(Mixer):
    """The control: Δ, B and C are each channel's own and the same at all times, so the scan is a convolution."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__(config)
        shape = (config.channels, config.state_size)
        self.dt_bias = nn.Parameter(empty(config.channels))
        self.B = nn.Parameter(ones(shape))
        self.C = nn.Parameter(empty(shape))
        step_sizes_(self.dt_bias)
        nn.init.normal_(self.C)

    def select(self, u: Float[Tensor, "b t e"]) -> Selection:
        return F.softplus(self.dt_bias).expand(u.shape), self.B, self.C


def step_sizes_(bias: Float[Tensor, " e"]) -> None:
    """A bias whose softplus is a step size drawn from 0.001 to 0.1, all scales equally likely."""
    low, high = (math.log(size) for size in STEP_SIZES)
    drawn = torch.empty_like(bias).uniform_(low, high)
    delta = drawn.exp().clamp(min=SMALLEST_STEP)
    with no_grad():
        bias.copy_(delta + (-(-delta).expm1()).log())  # log(exp(Δ) - 1)


class Block(nn.Module):
    """x + mixer(norm(x)): one kind of block, where a Transformer has two."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.hidden_size, config.norm_eps)
        self.mixer = (SelectiveMixer if config.selective else TimeInvariantMixer)(config)

    def forward(self, x: Float[Tensor, "b t d"], state: State | None = None) -> Float[Tensor, "b t d"]:
        return x + self.mixer(self.norm(x), state)


class Backbone(nn.Module):
    """Embeddings, the blocks, and a last normalisation; no positions, since a recurrence has an order."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        nn.init.normal_(self.embeddings.weight, std=0.02)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm_f = nn.RMSNorm(config.hidden_size, config.norm_eps)

    def forward(self, tokens: Int[Tensor, "b t"], states: list[State] | None = None) -> Float[Tensor, "b t d"]:
        """What the network makes of every token and those before it.

        Args:
            tokens: the first ones, or, with ``states``, those that come next.
            states: one for each block; they take the new tokens in.
        """
        x = self.embeddings(tokens)
        for layer, state in zip(self.layers, states or repeat(None), strict=states is not None):
            x = layer(x, state)
        return self.norm_f(x)


class Mamba(nn.Module):
    """The backbone and its output layer, which is the table of embeddings again."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.backbone = Backbone(config)

    def forward(self, tokens: Int[Tensor, "b t"], states: list[State] | None = None) -> Float[Tensor, "b t vocab"]:
        """For every token the logits of the answer that belongs to it: in text, of the token that follows."""
        return self.logits(self.backbone(tokens, states))

    def logits(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n vocab"]:
        """The output layer."""
        return F.linear(x, self.backbone.embeddings.weight)


def build(config: MambaConfig) -> Mamba:
    """The model of ``config``."""
    return Mamba(config)


def nats(logits: Float[Tensor, "b t vocab"], batch: MambaBatch) -> Float[Tensor, ""]:
    """Cross-entropy with {"target": (B, T)}, summed over the batch; a target of -100 is none."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch["target"].reshape(-1), reduction="sum")


def loss(model: Mamba, batch: MambaBatch) -> Float[Tensor, ""]:
    """Cross-entropy of {"tokens": (B, T), "target": (B, T), "count"} divided by the count."""
    return nats(model(batch["tokens"]), batch) / batch["count"]
