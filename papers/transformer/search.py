"""Writing a translation on the engine: beam search, hypotheses ranked by log p(y_1 ... y_n) / ((5 + n) / 6)^alpha.

The length penalty is that of Wu et al. 2016 (equation 14), to which section 6.1 of the paper refers; n counts EOS.
"""

from jaxtyping import Int

from papers.transformer.model import Transformer
from tinygrad_lab import Tensor
from tinygrad_lab.data.translation import search
from tinygrad_lab.data.translation.search import Hypothesis


def beam_search(
    model: Transformer,
    source: Int[Tensor, "b s"],
    length: Int[Tensor, " b"],
    width: int,
    limit: int,
    alpha: float = 0.6,
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: how much is made up for length: 0 is the probability itself.

    Raises:
        ValueError: a width or limit below 1.
    """
    return search.beam_search(model, source, length, width, limit, lambda n: ((5 + n) / 6) ** alpha)
