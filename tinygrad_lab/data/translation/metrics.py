"""How good what the model writes by itself is: exact match, phoneme and word error rate, BLEU."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


def exact(outputs: Sequence[str], references: Sequence[str]) -> list[bool]:
    """Tell whether each output is the reference, character for character."""
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
    """Compare each output with the nearest of its word's pronunciations, phonemes between spaces."""
    best = {}
    for word, output in outputs.items():
        known = [reference.split() for reference in pronunciations[word]]
        best[word] = min(
            (Spelling(edit_distance(output.split(), reference), len(reference)) for reference in known),
            key=lambda spelling: spelling.errors,
        )
    return best


def spelled_words(pairs: Iterable[tuple[str, str]], translate: Callable[[list[str]], list[str]]) -> dict[str, Spelling]:
    """Tell how ``translate`` spells each word of (word, pronunciation) pairs, in which a word may
    occur several times.
    """
    pronunciations: dict[str, list[str]] = {}
    for word, phonemes in pairs:
        pronunciations.setdefault(word, []).append(phonemes)
    words = list(pronunciations)
    return spellings(dict(zip(words, translate(words), strict=True)), pronunciations)


def error_rates(spelled: Sequence[Spelling]) -> dict[str, float]:
    """Return two error rates. PER: wrong phonemes in percent of the references'. WER: words that
    are like none of theirs, in percent.
    """
    errors, phonemes = sum(word.errors for word in spelled), sum(word.phonemes for word in spelled)
    return {"PER": 100 * errors / phonemes, "WER": 100 * sum(not word.right for word in spelled) / len(spelled)}


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the fewest insertions, deletions and replacements in between (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        row = [i]
        for j, right in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
        above = row
    return above[-1]


def bleu(outputs: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Return corpus BLEU and the signature that says how, both sacrebleu's (Post 2018).

    Raises:
        ImportError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise ImportError("BLEU needs sacrebleu: pip install 'tinygrad-lab[lab]'") from error
    metric = BLEU()
    score = metric.corpus_score(list(outputs), [list(references)]).score
    return score, str(metric.get_signature())
