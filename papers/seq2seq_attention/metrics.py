"""How good what the model writes by itself is: exact match, phoneme and word error rate, BLEU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from papers.seq2seq_attention.config import Seq2SeqConfig
from papers.seq2seq_attention.data import padded, vocabularies
from papers.seq2seq_attention.inference import SearchOptions
from papers.seq2seq_attention.model import EOS, Seq2Seq
from papers.seq2seq_attention.search import beam_search
from papers.seq2seq_attention.vocabulary import Vocabulary
from tinygrad_lab import Tensor

TOGETHER = 200  # sources that are searched for at once


def translations(model: Seq2Seq, config: Seq2SeqConfig, sources: Sequence[str], options: SearchOptions) -> list[str]:
    """The best translation found of each source; sources of similar length are searched for together."""
    json = vocabularies(config)
    tokens = [[*row, EOS] for row in Vocabulary(json["source"]).encode_all(sources)]
    target = Vocabulary(json["target"])
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    found = [""] * len(tokens)
    for start in range(0, len(order), TOGETHER):
        rows = order[start : start + TOGETHER]
        source, length = Tensor(padded([tokens[i] for i in rows])), Tensor(np.array([len(tokens[i]) for i in rows]))
        searched = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
        for i, hypotheses in zip(rows, searched, strict=True):
            found[i] = target.decode(hypotheses[0].tokens)
    return found


def exact(outputs: Sequence[str], references: Sequence[str]) -> list[bool]:
    """Whether each output is the reference, character for character."""
    return [output == reference for output, reference in zip(outputs, references, strict=True)]


@dataclass(frozen=True)
class Spelling:
    """How one word's phonemes came out, against the pronunciation that is nearest."""

    errors: int  # phonemes to change, insert or delete
    phonemes: int  # of that pronunciation

    @property
    def right(self) -> bool:
        return self.errors == 0


def spellings(outputs: Mapping[str, str], pronunciations: Mapping[str, Sequence[str]]) -> dict[str, Spelling]:
    """Each word's output against the nearest of its pronunciations, phonemes separated by spaces."""
    found = {}
    for word, output in outputs.items():
        known = [reference.split() for reference in pronunciations[word]]
        found[word] = min(
            (Spelling(edit_distance(output.split(), reference), len(reference)) for reference in known),
            key=lambda spelling: spelling.errors,
        )
    return found


def error_rates(spelled: Sequence[Spelling]) -> dict[str, float]:
    """PER: wrong phonemes in percent of the references'. WER: words that are like none of theirs, in percent."""
    errors, phonemes = sum(word.errors for word in spelled), sum(word.phonemes for word in spelled)
    return {"PER": 100 * errors / phonemes, "WER": 100 * sum(not word.right for word in spelled) / len(spelled)}


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """The fewest insertions, deletions and replacements that turn one sequence into the other (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        row = [i]
        for j, right in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
        above = row
    return above[-1]


def bleu(outputs: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Corpus BLEU and the signature that says how it was computed, both sacrebleu's (Post 2018).

    Raises:
        ImportError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise ImportError("BLEU needs sacrebleu: pip install tinygrad-lab[lab]") from error
    metric = BLEU()
    score = metric.corpus_score(list(outputs), [list(references)]).score
    return score, str(metric.get_signature())
