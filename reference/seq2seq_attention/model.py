"""Sequence to sequence with attention in PyTorch.

    symbol   meaning                                                            size
    B        sentences in the batch
    S, T     length of the longest source and target, the others are padded
    d        width of embeddings and states
    h_s      source states: the encoder's top layer at every source position    (B, S, d)
    h_t      target states: the decoder's top layer at every target position    (B, T, d)
    a_t      alignment: where each target position looks                        (B, T, S)
    c_t      context: the average of the source states that it sees there       (B, T, d)
    h̃_t      attentional state, from which the next token is predicted          (B, T, d)

The order of things at each step is h_t -> a_t -> c_t -> h̃_t (section 3.1). Layers have no biases, as in the paper, but
for the LSTMs.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, arange, cat, exp, nn, sigmoid, tanh
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .config import Seq2SeqBatch, Seq2SeqConfig

PAD, BOS, EOS = 0, 1, 2  # tokens: padding, beginning and end of a sequence

Sources = Float[Tensor, "b s d"]  # h_s
Targets = Float[Tensor, "b t d"]  # h_t and h̃_t
Alignments = Float[Tensor, "b t s"]  # a_t
Steps = Int[Tensor, " t"]  # the target positions, from 0


class Memory(NamedTuple):
    """What the decoder sees of the source."""

    h_s: Tensor  # (B, S, d)
    real: Tensor  # (B, S): whether a position is not padding
    length: Tensor  # (B,)

    def select(self, rows: Int[Tensor, " n"]) -> "Memory":
        """The same of some sentences only."""
        return Memory(*[part[rows] for part in self])


class State(NamedTuple):
    """Where the decoder stands after ``steps`` target positions."""

    h: Tensor  # (layers, B, d)
    c: Tensor  # (layers, B, d)
    attentional: Tensor  # (B, 1, d): the last h̃_t, 0 before the first
    steps: int

    def select(self, rows: Int[Tensor, " n"]) -> "State":
        """The same of some sentences only."""
        return State(self.h[:, rows], self.c[:, rows], self.attentional[rows], self.steps)


class Encoder(nn.Module):
    """A bidirectional LSTM with d / 2 units in each direction: h_s has both directions side by side."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.embedding = nn.Embedding(config.source_vocabulary, d)
        self.dropout = nn.Dropout(config.dropout)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(d, d // 2, config.layers, batch_first=True, dropout=between, bidirectional=True)

    def forward(
        self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"]
    ) -> tuple[Sources, Float[Tensor, "layers b d"], Float[Tensor, "layers b d"]]:
        x = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False)
        output, (h, c) = self.lstm(packed)  # each direction ends at the sentence's own end, not at the padding's
        h_s, _ = pad_packed_sequence(output, batch_first=True, total_length=source.shape[1])
        return h_s, self.bridge(h), self.bridge(c)

    def bridge(self, last: Float[Tensor, "both b half"]) -> Float[Tensor, "layers b d"]:
        """The last states of both directions side by side, layer by layer: the decoder begins with them."""
        both, b, half = last.shape
        return last.reshape(both // 2, 2, b, half).transpose(1, 2).reshape(both // 2, b, 2 * half)


def _masked_softmax(score: Alignments, mask: Bool[Tensor, "b _ s"]) -> Alignments:
    """Softmax over the places where ``mask`` is true; 0 elsewhere, and throughout a row of which nothing is left."""
    lowest = torch.finfo(score.dtype).min  # not -inf: a row of nothing else would be NaN, and so would its gradient
    return F.softmax(score.masked_fill(~mask, lowest), dim=-1) * mask


class DotScore(nn.Module):
    """score = h_tᵀ h_s  (section 3.1)"""

    def __init__(self, d: int) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, h_t: Targets, h_s: Sources) -> Alignments:
        return h_t @ h_s.transpose(1, 2)


class GeneralScore(nn.Module):
    """score = h_tᵀ W_a h_s  (section 3.1)"""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.W_a = nn.Linear(d, d, bias=False)

    def forward(self, h_t: Targets, h_s: Sources) -> Alignments:
        return F.linear(h_t, self.W_a.weight.T) @ h_s.transpose(1, 2)


class ConcatScore(nn.Module):
    """score = v_aᵀ tanh(W_a [h_t; h_s])  (section 3.1); the halves of W_a meet h_t and h_s before they are paired"""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.W_a = nn.Linear(2 * d, d, bias=False)
        self.v_a = nn.Linear(d, 1, bias=False)

    def forward(self, h_t: Targets, h_s: Sources) -> Alignments:
        d = h_t.shape[-1]
        of_t, of_s = F.linear(h_t, self.W_a.weight[:, :d]), F.linear(h_s, self.W_a.weight[:, d:])
        return self.v_a(tanh(of_t.unsqueeze(2) + of_s.unsqueeze(1))).squeeze(-1)


SCORES = {"dot": DotScore, "general": GeneralScore, "concat": ConcatScore}


class GlobalAttention(nn.Module):
    """Section 3.1: every real source position can be looked at."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.score = SCORES[config.score](d)
        self.W_c = nn.Linear(2 * d, d, bias=False)

    def align(self, h_t: Targets, memory: Memory, t: Steps) -> Alignments:  # noqa: ARG002
        """a_t = softmax of the scores over the real positions (equation 7)."""
        return _masked_softmax(self.score(h_t, memory.h_s), memory.real.unsqueeze(1))

    def forward(self, h_t: Targets, memory: Memory, t: Steps) -> tuple[Targets, Alignments]:
        a_t = self.align(h_t, memory, t)
        c_t = a_t @ memory.h_s
        return tanh(self.W_c(cat([c_t, h_t], dim=-1))), a_t  # equation 5


class MonotonicAttention(GlobalAttention):
    """Section 3.2, local-m: step t looks at the positions within D of t; beyond the source's end it sees nothing."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        self.D = config.window

    def align(self, h_t: Targets, memory: Memory, t: Steps) -> Alignments:
        """a_t = softmax of the scores over the real positions with |s - t| <= D; 0 throughout where there are none."""
        s = arange(memory.h_s.shape[1])
        window = (s - t.unsqueeze(1)).abs() <= self.D
        return _masked_softmax(self.score(h_t, memory.h_s), memory.real.unsqueeze(1) & window)


class PredictiveAttention(GlobalAttention):
    """Section 3.2, local-p: step t looks around a position p_t that it predicts, the less the further away."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        d = config.hidden_size
        self.D = config.window
        self.W_p = nn.Linear(d, d, bias=False)
        self.v_p = nn.Linear(d, 1, bias=False)

    def position(self, h_t: Targets, length: Int[Tensor, " b"]) -> Float[Tensor, "b t"]:
        """p_t = S sigmoid(v_pᵀ tanh(W_p h_t)), with S the sentence's own length  (equation 9)"""
        return length.unsqueeze(1) * sigmoid(self.v_p(tanh(self.W_p(h_t))).squeeze(-1))

    def align(self, h_t: Targets, memory: Memory, t: Steps) -> Alignments:  # noqa: ARG002
        """a_t = softmax over the window, times exp(-(s - p_t)² / 2σ²), σ = D / 2; not renormalised (equation 10)."""
        s, p_t = arange(memory.h_s.shape[1]), self.position(h_t, memory.length)
        distance = s - p_t.unsqueeze(-1)
        window = distance.abs() <= self.D
        a_t = _masked_softmax(self.score(h_t, memory.h_s), memory.real.unsqueeze(1) & window)
        return a_t * exp(-(distance**2) / (2 * (self.D / 2) ** 2))


class NoAttention(nn.Module):
    """The baseline: all that is known of the source is in the decoder's state; h̃_t is h_t, a_t is 0."""

    def __init__(self, config: Seq2SeqConfig) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, h_t: Targets, memory: Memory, t: Steps) -> tuple[Targets, Alignments]:  # noqa: ARG002
        return h_t, h_t.new_zeros(*h_t.shape[:2], memory.h_s.shape[1])


ATTENTIONS = {
    "global": GlobalAttention,
    "local-m": MonotonicAttention,
    "local-p": PredictiveAttention,
    "none": NoAttention,
}


class Decoder(nn.Module):
    """An LSTM over the target tokens, and the attention on top of it."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.input_feeding = config.input_feeding
        self.embedding = nn.Embedding(config.target_vocabulary, d)
        self.dropout = nn.Dropout(config.dropout)
        between, width = config.dropout if config.layers > 1 else 0.0, 2 * d if config.input_feeding else d
        self.lstm = nn.LSTM(width, d, config.layers, batch_first=True, dropout=between)
        self.attention = ATTENTIONS[config.attention](config)

    def forward(self, y: Int[Tensor, "b t"], state: State, memory: Memory) -> tuple[Targets, Alignments, State]:
        x = self.dropout(self.embedding(y))
        if not self.input_feeding:
            return self.advance(x, state, memory)  # nothing but the LSTM depends on the step before: all at once
        steps = []
        for t in range(y.shape[1]):
            fed = cat([x[:, t : t + 1], state.attentional], dim=-1)  # section 3.3
            attentional, a_t, state = self.advance(fed, state, memory)
            steps.append((attentional, a_t))
        attentionals, alignments = zip(*steps, strict=True)
        return cat(attentionals, dim=1), cat(alignments, dim=1), state

    def advance(self, x: Float[Tensor, "b t width"], state: State, memory: Memory) -> tuple[Targets, Alignments, State]:
        """The next t steps from their inputs."""
        h_t, (h, c) = self.lstm(x, (state.h, state.c))
        steps = state.steps + x.shape[1]
        attentional, a_t = self.attention(h_t, memory, arange(state.steps, steps))
        return attentional, a_t, State(h, c, attentional[:, -1:], steps)


class Seq2Seq(nn.Module):
    """Reads a source, then writes a target token by token."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.clip = config.clip  # the training loop's
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.hidden_size, config.target_vocabulary, bias=False)  # W_s

    def encode(self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"]) -> tuple[Memory, State]:
        """What the decoder sees of the source, and the state that it begins with."""
        h_s, h, c = self.encoder(source, length)
        real = arange(source.shape[1]) < length.unsqueeze(1)
        return Memory(h_s, real, length), State(h, c, h_s.new_zeros(len(source), 1, h_s.shape[-1]), 0)

    def decode(
        self, y: Int[Tensor, "b t"], state: State, memory: Memory
    ) -> tuple[Float[Tensor, "b t v"], Alignments, State]:
        """Logits of the tokens that come after each of ``y``, the alignment, and the state to go on from."""
        attentional, a_t, state = self.decoder(y, state, memory)
        return self.out(self.dropout(attentional)), a_t, state  # equation 6

    def forward(
        self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], y: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits under teacher forcing: ``y`` begins with BOS, and position t is to predict y[t + 1]."""
        memory, state = self.encode(source, length)
        return self.decode(y, state, memory)[0]

    def align(self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], y: Int[Tensor, "b t"]) -> Alignments:
        """Where each target position looks, for a target that is known."""
        memory, state = self.encode(source, length)
        return self.decode(y, state, memory)[1]

    def loss(self, logits: Float[Tensor, "b t v"], target: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
        """Cross-entropy summed over all tokens of the batch that are not padding."""
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD, reduction="sum")


def build(config: Seq2SeqConfig) -> Seq2Seq:
    """The network of ``config``, all weights uniform in ± ``config.init`` (section 4.1)."""
    model = Seq2Seq(config)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -config.init, config.init)
    return model


def loss(model: Seq2Seq, batch: Seq2SeqBatch) -> Float[Tensor, ""]:
    """The loss on {"source": (B, S), "length": (B,), "target": (B, T + 1), "count"}, divided by the count of tokens."""
    target = batch["target"]
    logits = model(batch["source"], batch["length"], target[:, :-1])
    return model.loss(logits, target[:, 1:]) / batch["count"]
