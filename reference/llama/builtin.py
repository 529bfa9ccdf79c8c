"""The same model with torch's fused attention and normalisation, for benchmarks and as a witness in tests."""

from torch import Tensor, nn
from torch.nn import functional as F

from .config import LlamaConfig
from .model import Attention, Llama, RMSNorm
from .model import build as build_written_out


class FusedAttention(Attention):
    """Of as many queries as keys, as in training."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None = None) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, visible, is_causal=visible is None, enable_gqa=True)


def build(config: LlamaConfig) -> Llama:
    """The model of ``config``, with the same parameters."""
    model = build_written_out(config)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, Attention):
                setattr(module, name, loaded(FusedAttention(config), child))
            elif isinstance(child, RMSNorm):
                setattr(module, name, loaded(nn.RMSNorm(config.hidden_size, eps=child.eps), child))
    return model


def loaded(module: nn.Module, written_out: nn.Module) -> nn.Module:
    """torch's module with the same weights."""
    module.load_state_dict(written_out.state_dict())
    return module
