"""The model that is adapted: a small decoder of characters, with every linear layer a module of its own name.

Nothing here is LoRA's; any module with linear layers would do.  Layer normalisation stands before each part of a block,
positions are learned, and the MLP is four times as wide as the model, as in GPT-2.

    symbol   meaning
    B, T     sequences in the batch, characters in each
    V, d     characters there are, width of the model
"""

from jaxtyping import Float, Int

from tinygrad_lab import Tensor, arange, nn
from tinygrad_lab.nn import functional as F

from .config import LoRAConfig

EMBEDDING_STD = 0.02


class Attention(nn.Module):
    """Causal self-attention with heads of d / heads each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        batch, length, width = x.shape
        split = (batch, length, self.heads, width // self.heads)
        q, k, v = (layer(x).reshape(split).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(heads.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """x + attention(norm x), then the same with an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up_proj = nn.Linear(width, 4 * width)
        self.down_proj = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        x = x + self.attention(self.norm1(x))
        return x + self.down_proj(F.gelu(self.up_proj(self.norm2(x)), approximate="tanh"))


class Decoder(nn.Module):
    """Characters in, logits of the character after each of them out."""

    def __init__(self, config: LoRAConfig) -> None:
        super().__init__()
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.context, config.width)
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=EMBEDDING_STD)
        blocks = [Block(config.width, config.heads) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary)

    def forward(self, sequence: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        x = self.token(sequence) + self.position(arange(sequence.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))
