"""Libraries that the engine does without, for those who learn vocabularies."""

from typing import Any

from tinygrad_lab.documents import document, parse, shown

MOST = 1 << 22  # a number of a token: the library makes room for all below it


def tokenizers() -> Any:
    """Return Hugging Face's library of vocabularies, characters as well as subwords.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("vocabularies need tokenizers: pip install 'tinygrad-lab[lab]'") from error
    return tokenizers


def open_tokenizer(json: str, called: str) -> Any:
    """The library's tokenizer, which neither cuts off nor fills up.

    Raises:
        ValueError: the JSON is no tokenizer.
        ImportError: the library is not installed.
    """
    library = tokenizers()
    value = parse(json, f"{called} cannot be read: it")
    _check_numbers(value, called)
    _check_merges(value, called)
    try:
        tokenizer = library.Tokenizer.from_str(json)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except BaseException as error:  # the library raises nothing more precise, and panics are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise ValueError(f"{called} cannot be read: it is no tokenizer, {shown(str(error))}") from error
    model = tokenizer.model
    if isinstance(model, library.models.WordPiece) and model.token_to_id(model.unk_token) is None:
        raise ValueError(f"{called} cannot be read: {shown(model.unk_token)}, for what is unknown, is no token of it")
    return tokenizer


def _check_numbers(value: Any, called: str) -> None:
    """Raise ValueError on a token of a number that no vocabulary has."""
    fields = document(value, called)
    vocabulary, added = fields.section("model").get("vocab"), fields.get("added_tokens")
    numbers = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
    numbers += [token.get("id") for token in added if isinstance(token, dict)] if isinstance(added, list) else []
    for number in numbers:
        if type(number) is not int or not 0 <= number < MOST:
            raise ValueError(f"{called} cannot be read: token number {shown(number)} is none from 0 to {MOST:,}")


def _check_merges(value: Any, called: str) -> None:
    """Raise ValueError where the prefix of inner pieces is longer than what is joined.

    The library cuts so many bytes off, and prints a page on what it finds there.
    """
    model = document(value, called).section("model")
    prefix, merges = model.get("continuing_subword_prefix"), model.get("merges")
    if not isinstance(prefix, str) or not isinstance(merges, list):
        return
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        second = pair[-1] if isinstance(pair, list) and pair else None
        if isinstance(second, str) and not _can_lose(second, prefix):
            raise ValueError(
                f"{called} cannot be read: {shown(second)} is joined and has no room for the prefix {shown(prefix)}"
            )


def _can_lose(piece: str, prefix: str) -> bool:
    """Whether characters are left, and whole ones, without as many bytes as the prefix has."""
    size = len(prefix.encode("utf-8", "surrogatepass"))
    content = piece.encode("utf-8", "surrogatepass")
    return len(content) >= size and (len(content) == size or content[size] & 0xC0 != 0x80)
