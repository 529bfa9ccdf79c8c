"""Embedding: a trainable table, looked up by index."""

from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.nn import init
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.ops.embedding import embedding
from tinygrad_lab.ops.operation import Float, Int
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Generator


class Embedding(Module):
    """y = W[index]

    Args:
        num_embeddings: number of rows.
        embedding_dim: their length.
        padding_idx: a row that starts as zero and gets no gradient; negative counts from the end.
        dtype: of the table.
        generator: where the initial values come from, N(0, 1); by default the ambient one.
    """

    weight: Parameter  # (num_embeddings, embedding_dim)

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is out of range for {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, generator=generator)
        if padding_idx is not None:
            self.weight._data[padding_idx] = 0

    @classmethod
    def from_pretrained(
        cls, embeddings: Float[Tensor, "n d"], freeze: bool = True, padding_idx: int | None = None
    ) -> "Embedding":
        """Make a table that starts as a copy of ``embeddings``.

        Args:
            embeddings: the rows; ``padding_idx`` is not set to zero among them.
            freeze: whether the table is not trained.
            padding_idx: a row that gets no gradient.

        Raises:
            ValueError: ``embeddings`` is not a matrix, or has no such row.
        """
        if embeddings.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: embeddings has shape {embeddings.shape}, it must be a matrix")
        replaced = random.generator(0)  # what it draws: the ambient generator stays where it is
        rows, length = embeddings.shape
        made = cls(rows, length, padding_idx, dtype=embeddings.dtype, generator=replaced)
        made.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return made

    def forward(self, input: Int[Tensor, "*n"] | Int[Array, "*n"]) -> Float[Tensor, "*n d"]:
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
