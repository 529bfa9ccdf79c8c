"""What a trained model looks at while it translates, for figures and notes."""

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.translation.vocabulary import Vocabulary
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.study import Record

from ..config import Seq2SeqConfig
from ..data import vocabularies
from ..inference import search
from ..model import BOS, EOS, Seq2Seq


def aligned(model: Seq2Seq, config: Seq2SeqConfig, text: str, options: SearchOptions) -> Record:
    """A translation and its alignment: {"source": tokens, "target": tokens, "weights": rows of a_t}, EOS included.

    Rows are of target tokens, columns of source tokens; rounded to three decimals.
    """
    json = vocabularies(config)
    source, target = (Vocabulary(json[side]) for side in ("source", "target"))
    tokens = [*source.encode(text), EOS]
    written = [*search(model, config, tokens, options), EOS]
    model.eval()
    with no_grad():
        arrays = (np.array([tokens]), np.array([len(tokens)]), np.array([[BOS, *written[:-1]]]))
        weights = model.align(*map(Tensor, arrays)).numpy()[0]
    rounded = np.round(weights.astype(np.float64), 3)
    return {"source": source.pieces(tokens), "target": target.pieces(written), "weights": rounded.tolist()}
