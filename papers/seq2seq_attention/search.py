"""Writing a translation on the engine: beam search, hypotheses ranked by log p(y_1 ... y_n) / n^alpha.

With alpha = 0 that is the probability itself; with alpha = 1 the mean over the tokens, EOS included.  The paper does
not say what it did.
"""

from jaxtyping import Int

from papers.seq2seq_attention.model import Seq2Seq
from tinygrad_lab import Tensor
from tinygrad_lab.data.translation import search
from tinygrad_lab.data.translation.search import Hypothesis


def beam_search(
    model: Seq2Seq, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], width: int, limit: int, alpha: float = 1.0
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: the exponent of the length.

    Raises:
        ValueError: a width or limit below 1.
    """
    return search.beam_search(model, source, length, width, limit, lambda n: n**alpha)
