"""Libraries that the engine does without, for those who learn vocabularies."""

from typing import Any


def tokenizers() -> Any:
    """Return Hugging Face's library of vocabularies, characters as well as subwords.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("vocabularies need tokenizers: pip install tinygrad-lab[lab]") from error
    return tokenizers
