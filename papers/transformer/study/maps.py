"""What every head of a trained model looks at while it translates, for figures and notes."""

import math
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.translation.vocabulary import Vocabulary
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.nn import functional as F
from tinygrad_lab.study import Record

from ..config import TransformerConfig
from ..data import vocabularies
from ..inference import search
from ..model import BOS, EOS, MultiHeadAttention, Transformer

Maps = dict[str, np.ndarray]  # by the module's path: (heads, queries, keys)


def attention_maps(model: Transformer, source: list[int], written: list[int]) -> Maps:
    """softmax(q kᵀ / √d_k) of every attention in the model, for one source and one target, EOS at the end of both."""
    found: Maps = {}

    def watch(path: str) -> Any:
        def hook(module: Any, arguments: tuple[Any, ...], _output: Tensor) -> None:
            x, k, _, mask = arguments
            scores = module.queries(x) @ k.transpose(-2, -1) / math.sqrt(module.d_k)
            found[path] = F.masked_softmax(scores, mask, dim=-1).numpy()[0]

        return hook

    attentions = [(path, m) for path, m in model.named_modules() if isinstance(m, MultiHeadAttention)]
    handles = [module.register_forward_hook(watch(path)) for path, module in attentions]
    try:
        model.eval()
        with no_grad():
            model(*map(Tensor, (np.array([source]), np.array([len(source)]), np.array([[BOS, *written[:-1]]]))))
    finally:
        for handle in handles:
            handle.remove()
    return found


def translated(model: Transformer, config: TransformerConfig, text: str, options: SearchOptions) -> Record:
    """A translation and its maps: {"source": tokens, "target": tokens, "maps": by module}, to three decimals."""
    json = vocabularies(config)
    source, target = (Vocabulary(json[side]) for side in ("source", "target"))
    tokens = [*source.encode(text), EOS]
    written = [*search(model, config, tokens, options), EOS]
    maps = attention_maps(model, tokens, written)
    rounded = {path: np.round(weights.astype(np.float64), 3).tolist() for path, weights in maps.items()}
    return {"source": source.pieces(tokens), "target": target.pieces(written), "maps": rounded}
