"""Operations over the steps of a sequence: attention, recurrent layers, scans."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call


# ---- attention ------------------------------------------------------------------------------------------------------
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


def forgetting_attention(
    query: Tensor, key: Tensor, value: Tensor, log_fgate: Tensor, scale: float | None = None
) -> Tensor:
    t, s = query.shape[-2], key.shape[-2]
    passed = log_fgate.cumsum(-1)  # Σ log f up to each token
    decay = passed[..., s - t :, None] - passed[..., None, :]
    future = torch.ones(t, s, dtype=torch.bool).triu(s - t + 1)
    return F.scaled_dot_product_attention(query, key, value, decay.masked_fill(future, -torch.inf), scale=scale)


def rotary_embedding(input: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    if interleaved:
        a, b = input[..., 0::2], input[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)
    a, b = input.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


# ---- recurrent layers -----------------------------------------------------------------------------------------------
def lstm(
    input: Tensor,
    h_0: Tensor,
    c_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    layer = nn.LSTM(input.shape[-1], h_0.shape[-1], bias=bias_ih is not None)
    weights = named(weight_ih, weight_hh, bias_ih, bias_hh)
    output, (h, c) = functional_call(layer, weights, (input, (h_0[None], c_0[None])))
    return output, h[0], c[0]


def gru(
    input: Tensor,
    h_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    layer = nn.GRU(input.shape[-1], h_0.shape[-1], bias=bias_ih is not None)
    weights = named(weight_ih, weight_hh, bias_ih, bias_hh)
    output, h = functional_call(layer, weights, (input, h_0[None]))
    return output, h[0]


def rnn(
    input: Tensor,
    h_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    layer = nn.RNN(input.shape[-1], h_0.shape[-1], nonlinearity=nonlinearity, bias=bias_ih is not None)
    weights = named(weight_ih, weight_hh, bias_ih, bias_hh)
    output, h = functional_call(layer, weights, (input, h_0[None]))
    return output, h[0]


def named(*parameters: Tensor | None) -> dict[str, Tensor]:
    """Parameters of a recurrent layer under torch's names."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return {name: value for name, value in zip(names, parameters, strict=True) if value is not None}


def lstm_1997(
    input: Tensor,
    h_0: Tensor,
    c_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    h, c, output = h_0, c_0, []
    for x in input:  # torch has no such cell
        a = F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)
        i, g, o = a.chunk(3, dim=1)
        c = c + i.sigmoid() * (4 * g.sigmoid() - 2)
        h = o.sigmoid() * (2 * c.sigmoid() - 1)
        output.append(h)
    return torch.stack(output), h, c


# ---- scans ----------------------------------------------------------------------------------------------------------
def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    h_0: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    h = u.new_zeros(len(u), *A.shape) if h_0 is None else h_0

    def at(x: Tensor, t: int) -> Tensor:
        return x if x.ndim == 2 else x[:, t, None]  # (E, N), or the same for every channel

    outputs = []
    for t in range(u.shape[1]):
        decay = torch.exp(delta[:, t, :, None] * A)
        h = decay * h + (delta[:, t] * u[:, t])[..., None] * at(B, t)
        outputs.append((h * at(C, t)).sum(-1))
    y = torch.stack(outputs, dim=1)
    return y if D is None else y + D * u, h
