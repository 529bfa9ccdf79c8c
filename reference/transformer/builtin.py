"""The same network with torch's own encoder and decoder layers, for benchmarks and as a witness in tests."""

from jaxtyping import Float, Int
from torch import Tensor, arange, nn
from torch.nn import functional as F

from .config import TransformerConfig
from .model import Transformer
from .model import build as build_written_out


class BuiltinTransformer(Transformer):
    """Torch's layers in place of ours, with the same parameters; for whole sequences, without a cache."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        sizes = config.hidden_size, config.heads, config.feed_forward, config.dropout
        encoder = nn.TransformerEncoderLayer(*sizes, batch_first=True)
        decoder = nn.TransformerDecoderLayer(*sizes, batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder, config.layers, enable_nested_tensor=False)  # type: ignore[assignment]
        self.decoder = nn.TransformerDecoder(decoder, config.layers)  # type: ignore[assignment]
        # torch drops attention weights and hidden units too, of which the paper says nothing
        for layer in [*self.encoder.layers, *self.decoder.layers]:
            layer.dropout.p = 0.0
            for module in layer.modules():
                if isinstance(module, nn.MultiheadAttention):
                    module.dropout = 0.0

    def forward(
        self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], y: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        padding = arange(source.shape[1]) >= length.unsqueeze(1)
        memory = self.encoder(self.embed(source, 0), src_key_padding_mask=padding)
        hidden = self.decoder(
            self.embed(y, 0),
            memory,
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(y.shape[1], dtype=memory.dtype),
            tgt_is_causal=True,
            memory_key_padding_mask=padding.to(memory.dtype).masked_fill(padding, float("-inf")),
        )
        return F.linear(hidden, self.embedding.weight)


def build(config: TransformerConfig) -> Transformer:
    """The network of ``config``; torch's layers have no keys of another size, so with them it stays written out."""
    written_out = build_written_out(config)
    if config.key_size not in (0, config.hidden_size // config.heads):
        return written_out
    builtin = BuiltinTransformer(config)
    builtin.load_state_dict(written_out.state_dict())
    return builtin
