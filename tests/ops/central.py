"""The central operations, each with its twin in torch and the shapes of one small call.

What the tests of rounding, of NaN and infinity and of empty shapes share: an operation takes its float arrays first,
all of them learn, and masks, indices and settings are written into the two functions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from tinygrad_lab import ops
from tinygrad_lab.ops.erf import erf
from tinygrad_lab.tensor import Tensor

Shapes = tuple[tuple[int, ...], ...]
Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Central:
    """``ours(*tensors)`` is to be ``theirs(*tensors)``, for float tensors of these shapes."""

    name: str
    ours: Callable
    theirs: Callable
    shapes: Shapes

    def normal(self, seed: int = 0, spread: float = 1.0) -> Arrays:
        """Draw float32 arguments."""
        rng = np.random.default_rng(seed)
        return [np.asarray(rng.standard_normal(shape) * spread, np.float32) for shape in self.shapes]


def run_ours(row: Central, arrays: Arrays, dtype: type = np.float32, poison: float | None = None) -> Arrays:
    """Outputs, then the gradients of the arguments from incoming gradients that are drawn."""
    tensors = [Tensor(array.astype(dtype), requires_grad=True) for array in arrays]
    outputs = listed(row.ours(*tensors))
    for number, out in enumerate(outputs):
        out.backward(incoming(number, out.shape, poison), retain_graph=True)
    gradients = [np.zeros(t.shape, dtype) if t.grad is None else t.grad.numpy() for t in tensors]
    return [out.numpy() for out in outputs] + gradients


def run_theirs(row: Central, arrays: Arrays, dtype: type = np.float32, poison: float | None = None) -> Arrays:
    """The same in torch."""
    tensors = [torch.from_numpy(array.astype(dtype)).requires_grad_() for array in arrays]
    outputs = listed(row.theirs(*tensors))
    for number, out in enumerate(outputs):
        gradient = torch.from_numpy(incoming(number, tuple(out.shape), poison)).to(out.dtype)
        out.backward(gradient, retain_graph=True)
    gradients = [np.zeros(t.shape, dtype) if t.grad is None else t.grad.numpy() for t in tensors]
    return [out.detach().numpy() for out in outputs] + gradients


def listed(result: object) -> list:
    return list(result) if isinstance(result, tuple | list) else [result]


def incoming(seed: int, shape: tuple[int, ...], poison: float | None = None) -> np.ndarray:
    """Draw a gradient of an output, away from 0; perhaps with one element that is not finite."""
    rng = np.random.default_rng(seed)
    gradient = np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape))
    return gradient if poison is None else poisoned(gradient, poison)


def poisoned(array: np.ndarray, value: float) -> np.ndarray:
    """A copy with one element in the middle replaced."""
    array = array.copy()
    array.flat[array.size // 2] = value
    return array


CAUSAL = np.tri(5, 5, dtype=bool)
LABELS = np.array([0, 2, 4, 1, 3, 2])
TOKENS = np.array([[0, 2, 2], [4, 1, 0]])


def attention(**options: object) -> tuple[Callable, Callable]:
    ours = lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, **options)  # noqa: E731
    mask = options.get("attn_mask")
    given = options if mask is None else {**options, "attn_mask": torch.from_numpy(mask)}
    return ours, lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **given)


def biased(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    return ops.scaled_dot_product_attention(q, k, v, bias)


def torch_biased(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, bias)


def forgetting(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    c = F.logsigmoid(gates).double().cumsum(-1)
    decay = (c[..., :, None] - c[..., None, :]).to(q.dtype)
    future = torch.ones(decay.shape[-2:], dtype=torch.bool).triu(1)
    return F.scaled_dot_product_attention(q, k, v, decay.masked_fill(future, -torch.inf))


def torch_lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    out, h_n, c_n = torch._VF.lstm(x, (h[None], c[None]), [w_ih, w_hh, b_ih, b_hh], True, 1, 0.0, False, False, False)
    return out, h_n[0], c_n[0]


def torch_rnn(function: Callable) -> Callable:
    def call(x, h, w_ih, w_hh, b_ih, b_hh):
        out, h_n = function(x, h[None], [w_ih, w_hh, b_ih, b_hh], True, 1, 0.0, False, False, False)
        return out, h_n[0]

    return call


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def torch_causal_conv1d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    padded = F.pad(x.transpose(1, 2), (weight.shape[1] - 1, 0))
    return F.conv1d(padded, weight[:, None], bias, groups=len(weight)).transpose(1, 2)


def torch_scan(u, delta, A, B, C, D):
    h, ys = torch.zeros(len(u), *A.shape, dtype=u.dtype), []
    for t in range(u.shape[1]):
        step = delta[:, t, :, None]
        h = (step * A).exp() * h + step * B[:, t, None] * u[:, t, :, None]
        ys.append((C[:, t, None] * h).sum(-1) + D * u[:, t])
    return torch.stack(ys, 1), h


def along_rows(function: Callable) -> Callable:
    return lambda x: function(x, -1)


def in_training(function: Callable) -> Callable:
    return lambda x, weight, bias: function(x, None, None, weight, bias, True)


def in_evaluation(function: Callable, made: Callable) -> Callable:
    def call(x, weight, bias):
        mean, var = made(np.full(3, 0.3, np.float32)), made(np.full(3, 1.7, np.float32))
        return function(x, mean.to(x.dtype), var.to(x.dtype), weight, bias, False)

    return call


def labelled(function: Callable, made: Callable, **options: object) -> Callable:
    return lambda x: function(x, made(LABELS), **options)


CENTRAL = [
    Central("linear", ops.linear, F.linear, ((4, 6), (3, 6), (3,))),
    Central("linear, one row", ops.linear, F.linear, ((1, 6), (3, 6), (3,))),
    Central("matmul", ops.matmul, torch.matmul, ((2, 4, 6), (6, 3))),
    Central(
        "einsum",
        lambda x, y: ops.einsum("ij,jk->ik", x, y),
        lambda x, y: torch.einsum("ij,jk->ik", x, y),
        ((4, 6), (6, 3)),
    ),
    Central("conv2d, in bands", ops.conv2d, F.conv2d, ((2, 3, 7, 8), (4, 3, 3, 3), (4,))),
    Central("conv2d, large filters", ops.conv2d, F.conv2d, ((2, 3, 7, 8), (70, 3, 3, 3), (70,))),
    Central("conv2d, in tiles", ops.conv2d, F.conv2d, ((8, 16, 11, 11), (64, 16, 3, 3), (64,))),
    Central("conv2d, 5 x 5 in tiles", ops.conv2d, F.conv2d, ((8, 16, 13, 13), (48, 16, 5, 5), (48,))),
    Central(
        "conv2d, padded",
        lambda *a: ops.conv2d(*a, padding=2),
        lambda *a: F.conv2d(*a, padding=2),
        ((8, 16, 9, 9), (48, 16, 5, 5), (48,)),
    ),
    Central(
        "conv2d, strides and groups",
        lambda *a: ops.conv2d(*a, stride=2, padding=1, groups=2),
        lambda *a: F.conv2d(*a, stride=2, padding=1, groups=2),
        ((2, 4, 8, 8), (6, 2, 3, 3), (6,)),
    ),
    Central(
        "conv2d, dilated",
        lambda *a: ops.conv2d(*a, dilation=2),
        lambda *a: F.conv2d(*a, dilation=2),
        ((2, 3, 8, 8), (4, 3, 3, 3), (4,)),
    ),
    Central(
        "conv_transpose2d",
        lambda *a: ops.conv_transpose2d(*a, stride=2),
        lambda *a: F.conv_transpose2d(*a, stride=2),
        ((2, 3, 4, 4), (3, 4, 3, 3), (4,)),
    ),
    Central("max_pool2d", lambda x: ops.max_pool2d(x, 3, 2, 1), lambda x: F.max_pool2d(x, 3, 2, 1), ((2, 3, 7, 7),)),
    Central("max_pool2d, apart", lambda x: ops.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 2), ((2, 3, 6, 6),)),
    Central("avg_pool2d", lambda x: ops.avg_pool2d(x, 3, 2, 1), lambda x: F.avg_pool2d(x, 3, 2, 1), ((2, 3, 7, 7),)),
    Central(
        "local_response_norm",
        lambda x: ops.local_response_norm(x, 5, 1.0),
        lambda x: F.local_response_norm(x, 5, 1.0),
        ((2, 7, 3, 3),),
    ),
    Central(
        "local_response_norm, beta 1/2",
        lambda x: ops.local_response_norm(x, 2, 1.0, 0.5),
        lambda x: F.local_response_norm(x, 2, 1.0, 0.5),
        ((2, 7, 3, 3),),
    ),
    Central(
        "layer_norm",
        lambda x, *p: ops.layer_norm(x, x.shape[-1:], *p),
        lambda x, *p: F.layer_norm(x, x.shape[-1:], *p),
        ((4, 6), (6,), (6,)),
    ),
    Central(
        "layer_norm, plain",
        lambda x: ops.layer_norm(x, x.shape[-1:]),
        lambda x: F.layer_norm(x, x.shape[-1:]),
        ((4, 6),),
    ),
    Central(
        "rms_norm",
        lambda x, *p: ops.rms_norm(x, x.shape[-1:], *p),
        lambda x, *p: F.rms_norm(x, x.shape[-1:], *p),
        ((4, 6), (6,)),
    ),
    Central("batch_norm", in_training(ops.batch_norm), in_training(F.batch_norm), ((4, 3, 2), (3,), (3,))),
    Central(
        "batch_norm, evaluation",
        in_evaluation(ops.batch_norm, Tensor),
        in_evaluation(F.batch_norm, torch.from_numpy),
        ((4, 3, 2), (3,), (3,)),
    ),
    Central("softmax", lambda x: ops.softmax(x, -1), lambda x: F.softmax(x, -1), ((4, 6),)),
    Central("log_softmax", lambda x: ops.log_softmax(x, 0), lambda x: F.log_softmax(x, 0), ((4, 6),)),
    Central("logsumexp", lambda x: ops.logsumexp(x, -1), lambda x: torch.logsumexp(x, -1), ((4, 6),)),
    Central(
        "cross_entropy", labelled(ops.cross_entropy, Tensor), labelled(F.cross_entropy, torch.from_numpy), ((6, 5),)
    ),
    Central(
        "cross_entropy, smoothed",
        labelled(ops.cross_entropy, Tensor, label_smoothing=0.1),
        labelled(F.cross_entropy, torch.from_numpy, label_smoothing=0.1),
        ((6, 5),),
    ),
    Central("cross_entropy, of probabilities", ops.cross_entropy, F.cross_entropy, ((6, 5), (6, 5))),
    Central(
        "binary_cross_entropy_with_logits",
        ops.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        ((4, 6), (4, 6)),
    ),
    Central("mse_loss", ops.mse_loss, F.mse_loss, ((4, 6), (4, 6))),
    Central("l1_loss", ops.l1_loss, F.l1_loss, ((4, 6), (4, 6))),
    *[
        Central(name, getattr(ops, name), getattr(F, name, None) or getattr(torch, name), ((4, 6),))
        for name in (
            "sigmoid",
            "tanh",
            "gelu",
            "softplus",
            "silu",
            "relu",
            "leaky_relu",
            "logsigmoid",
            "exp",
            "expm1",
            "log1p",
            "sin",
            "abs",
            "square",
            "sqrt",
            "reciprocal",
        )
    ],
    Central("gelu, by tanh", lambda x: ops.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh"), ((4, 6),)),
    Central("erf", erf, torch.erf, ((4, 6),)),
    *[
        Central(name, getattr(ops, name), getattr(torch, name), ((4, 6), (4, 6)))
        for name in ("multiply", "divide", "maximum", "minimum")
    ],
    Central("clamp", lambda x: ops.clamp(x, -1.0, 1.0), lambda x: torch.clamp(x, -1.0, 1.0), ((4, 6),)),
    *[
        Central(name, getattr(ops, name), getattr(torch, name), ((4, 6),))
        for name in ("sum", "mean", "var", "std", "prod", "max", "min")
    ],
    *[
        Central(
            f"{name} of rows",
            along_rows(getattr(ops, name)),
            along_rows(getattr(torch, name)),
            ((4, 6),),
        )
        for name in ("sum", "mean", "var", "std", "amax", "amin", "cumsum", "prod")
    ],
    Central("max of rows", lambda x: ops.max(x, -1)[0], lambda x: torch.max(x, -1)[0], ((4, 6),)),
    Central("norm", ops.norm, torch.linalg.vector_norm, ((4, 6),)),
    Central("norm of rows", lambda x: ops.norm(x, dim=-1), lambda x: torch.linalg.vector_norm(x, dim=-1), ((4, 6),)),
    Central("attention", *attention(), ((2, 5, 4), (2, 5, 4), (2, 5, 3))),
    Central("attention, causal", *attention(is_causal=True), ((2, 5, 4), (2, 5, 4), (2, 5, 3))),
    Central("attention, masked", *attention(attn_mask=CAUSAL), ((2, 5, 4), (2, 5, 4), (2, 5, 3))),
    Central("attention, biased", biased, torch_biased, ((2, 5, 4), (2, 5, 4), (2, 5, 3), (5, 5))),
    Central(
        "forgetting_attention",
        lambda q, k, v, g: ops.forgetting_attention(q, k, v, ops.logsigmoid(g)),
        forgetting,
        ((2, 5, 4), (2, 5, 4), (2, 5, 3), (2, 5)),
    ),
    Central(
        "forgetting_attention, in blocks",
        lambda q, k, v, g: ops.forgetting_attention(q, k, v, ops.logsigmoid(g), pruning=1e-30),
        forgetting,
        ((2, 5, 4), (2, 5, 4), (2, 5, 3), (2, 5)),
    ),
    Central("lstm", ops.lstm, torch_lstm, ((3, 2, 4), (2, 5), (2, 5), (20, 4), (20, 5), (20,), (20,))),
    Central("rnn", ops.rnn, torch_rnn(torch._VF.rnn_tanh), ((3, 2, 4), (2, 5), (5, 4), (5, 5), (5,), (5,))),
    Central(
        "rnn, relu",
        lambda *a: ops.rnn(*a, nonlinearity="relu"),
        torch_rnn(torch._VF.rnn_relu),
        ((3, 2, 4), (2, 5), (5, 4), (5, 5), (5,), (5,)),
    ),
    Central("rotary_embedding", ops.rotary_embedding, turned, ((2, 3, 4), (3, 2), (3, 2))),
    Central("swiglu", ops.swiglu, lambda gate, up: F.silu(gate) * up, ((4, 6), (4, 6))),
    Central("causal_conv1d", ops.causal_conv1d, torch_causal_conv1d, ((2, 5, 3), (3, 4), (3,))),
    Central(
        "selective_scan", ops.selective_scan, torch_scan, ((2, 4, 3), (2, 4, 3), (3, 5), (2, 4, 5), (2, 4, 5), (3,))
    ),
    Central(
        "embedding",
        lambda w: ops.embedding(Tensor(TOKENS), w),
        lambda w: F.embedding(torch.from_numpy(TOKENS), w),
        ((5, 3),),
    ),
    Central(
        "dropout, evaluation",
        lambda x: ops.dropout(x, training=False),
        lambda x: F.dropout(x, training=False),
        ((4, 6),),
    ),
    Central(
        "where",
        lambda x, y: ops.where(Tensor(np.eye(4, 6) > 0), x, y),
        lambda x, y: torch.where(torch.eye(4, 6) > 0, x, y),
        ((4, 6), (4, 6)),
    ),
]
