"""The same models with torch's own encoder in place of ours, for benchmarks and as a witness in tests."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .config import BertConfig
from .model import Encoder, Model
from .model import build as build_written_out


class TorchEncoder(nn.Module):
    """``nn.TransformerEncoder`` with an encoder's weights.

    Its layers have one dropout more than BERT's, between the two halves of the feed-forward part: it is set to 0.
    """

    def __init__(self, encoder: Encoder, config: BertConfig) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            config.hidden_size, config.num_attention_heads, config.intermediate_size, config.hidden_dropout_prob,
            activation="gelu", layer_norm_eps=config.layer_norm_eps, batch_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, config.num_hidden_layers, enable_nested_tensor=False)
        for torchs, ours in zip(self.layers.layers, encoder.layer, strict=True):
            torchs.load_state_dict(torchs_names(ours.state_dict()))
            torchs.dropout.p = 0.0
            torchs.self_attn.dropout = config.attention_probs_dropout_prob

    def forward(self, x: Float[Tensor, "b t d"], visible: Bool[Tensor, "b 1 _ t"]) -> Float[Tensor, "b t d"]:
        padding = ~visible[:, 0, -1]  # the last token sees all that are real, whichever way tokens look
        ahead = None if visible.shape[2] == 1 else torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        return self.layers(x, mask=ahead, src_key_padding_mask=padding)


def torchs_names(layer: dict[str, Tensor]) -> dict[str, Tensor]:
    """A layer's weights as ``nn.TransformerEncoderLayer`` calls them: query, key and value in one matrix."""
    names = {
        "attention.output.dense": "self_attn.out_proj",
        "attention.output.LayerNorm": "norm1",
        "intermediate.dense": "linear1",
        "output.dense": "linear2",
        "output.LayerNorm": "norm2",
    }
    found = {f"{new}.{kind}": layer[f"{old}.{kind}"] for old, new in names.items() for kind in ("weight", "bias")}
    for kind in ("weight", "bias"):
        parts = [layer[f"attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
        found[f"self_attn.in_proj_{kind}"] = torch.cat(parts)
    return found


def build(config: BertConfig) -> Model:
    """The model for ``config.task``, its encoder torch's."""
    model = build_written_out(config)
    model.bert.encoder = TorchEncoder(model.bert.encoder, config)  # type: ignore[assignment]
    return model
