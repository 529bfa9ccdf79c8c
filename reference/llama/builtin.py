"""The same model with torch's fused attention and normalisation, for benchmarks and as a witness in tests."""

from torch import Tensor, nn
from torch.nn import functional as F

from reference.llama.config import LlamaConfig
from reference.llama.model import Llama, RMSNorm
from reference.llama.model import build as build_written_out


def build(config: LlamaConfig) -> Llama:
    """The model of ``config``, with the same parameters."""
    model = build_written_out(config)
    for block in model.model.layers:
        block.self_attn.attend = attend
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, RMSNorm):
                setattr(module, name, fused(child))
    return model


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention over as many keys as queries, in groups.    (B, H, T, h), (B, G, T, h) -> (B, H, T, h)"""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def fused(written_out: RMSNorm) -> nn.RMSNorm:
    """torch's module around the same weight."""
    module = nn.RMSNorm(written_out.weight.shape, eps=written_out.eps)
    module.weight = written_out.weight
    return module
