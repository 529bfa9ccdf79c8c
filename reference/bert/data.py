"""Python's help as pairs of sentences, [CLS] A [SEP] B [SEP], some of their word pieces hidden."""

import re
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from ..data import in_order, shuffled, topics
from .config import BertBatch, BertConfig
from .model import IGNORED

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
STRETCH = 16  # sentences that follow each other and make a document
WORDS = 6  # a sentence has at least so many; shorter ones are captions and code


class Corpus(NamedTuple):
    """The sentences of a split as tokens, and the number of each one's document."""

    tokens: list[list[int]]
    document: list[int]


def training_batches(config: BertConfig) -> DataLoader[BertBatch]:
    """Shuffled batches of pairs; half of the second sentences are random ones, and all is masked anew each time."""
    corpus = corpora(config)["train"]
    items = config.items or None
    return shuffled(partial(batch, corpus, config), config.batch_size, followed(corpus), items=items)


def evaluation_batches(config: BertConfig) -> list[BertBatch]:
    """All pairs of the held-out documents, masked once."""
    corpus = corpora(config)["test"]
    return list(in_order(partial(batch, corpus, config), 100, followed(corpus)))


def corpora(config: BertConfig) -> dict[str, Corpus]:
    """Both splits; every tenth document is held out, and word pieces are learned from the others."""
    found = sentences(topics())
    documents = [found[start : start + STRETCH] for start in range(0, len(found), STRETCH)]
    held_out = documents[9::10]
    rest = [document for number, document in enumerate(documents) if number % 10 != 9]
    pieces = word_pieces([sentence for document in rest for sentence in document], config.vocab_size)
    return {"train": tokenised(rest, pieces), "test": tokenised(held_out, pieces)}


def sentences(text: str) -> list[str]:
    """The sentences in order, each once, without tables and what has few words."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if "---" not in part]
    parts = [part for paragraph in paragraphs for part in re.split(r"(?<=[.:;])\s+", paragraph.strip())]
    prose = [part for part in parts if len(re.findall(r"[A-Za-z]{2,}", part)) >= WORDS]
    return list(dict.fromkeys(prose))


def tokenised(documents: list[list[str]], pieces: Any) -> Corpus:
    """The documents' sentences as tokens."""
    encodings = pieces.encode_batch([sentence for document in documents for sentence in document])
    document_of = [number for number, document in enumerate(documents) for _ in document]
    return Corpus([encoding.ids for encoding in encodings], document_of)


def word_pieces(texts: list[str], size: int) -> Any:
    """A vocabulary of the tokenizers library, in lower case."""
    import tokenizers as library

    tokenizer = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    inside = [f"##{character}" for character in sorted(set("".join(texts).lower()))]  # else their order is drawn anew
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*SPECIAL, *inside], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def followed(corpus: Corpus) -> Int[Tensor, " pairs"]:
    """The numbers of sentences that another one of the same document follows."""
    document = torch.tensor(corpus.document)
    return (document[1:] == document[:-1]).nonzero()[:, 0]


def batch(corpus: Corpus, config: BertConfig, tensors: tuple[Tensor, ...]) -> BertBatch:
    """Pairs that begin with these sentences, and what is to be predicted of them."""
    (first,) = tensors
    random = torch.rand(len(first)) < (0.5 if config.task == "pretraining" else 0.0)
    second = torch.where(random, torch.randint(len(corpus.tokens), first.shape), first + 1)
    pairs = [(corpus.tokens[a], corpus.tokens[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    rows, segments = zip(*(joined(a, b, config.length) for a, b in pairs), strict=True)
    input_ids = pad_sequence(list(rows), batch_first=True, padding_value=PAD)
    shown, labels = masked(input_ids, config)
    whole: BertBatch = {
        "input_ids": shown,
        "attention_mask": input_ids != PAD,
        "token_type_ids": pad_sequence(list(segments), batch_first=True),
        "labels": labels,
        "count": float((labels != IGNORED).sum()),
    }
    if config.task == "pretraining":
        whole |= {"next_sentence": (second != first + 1).long(), "pairs": float(len(first))}
    return whole


def joined(a: list[int], b: list[int], length: int) -> tuple[Tensor, Tensor]:
    """[CLS] A [SEP] B [SEP], the longer one cut, and which segment each token is in."""
    room = length - 3
    a = a[: max(room // 2, room - len(b))]
    b = b[: room - len(a)]
    return torch.tensor([CLS, *a, SEP, *b, SEP]), torch.tensor([0] * (len(a) + 2) + [1] * (len(b) + 1))


def masked(input_ids: Int[Tensor, "b t"], config: BertConfig) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b t"]]:
    """What the model reads, and the true token where one is to be predicted, elsewhere IGNORED (section 3.1)."""
    special = (input_ids == PAD) | (input_ids == CLS) | (input_ids == SEP)
    wanted = (config.masked_share * (input_ids != PAD).sum(dim=1)).round().clamp(min=1)
    lot = torch.rand(input_ids.shape).masked_fill(special, 2.0)
    chosen = (lot.argsort(dim=1).argsort(dim=1) < wanted[:, None]) & ~special
    fate, anything = torch.rand(input_ids.shape), torch.randint(config.vocab_size, input_ids.shape)
    hidden = chosen & (fate < config.mask_token_share)
    replaced = chosen & ~hidden & (fate < config.mask_token_share + config.random_token_share)
    shown = torch.where(hidden, MASK, torch.where(replaced, anything, input_ids))
    return shown, torch.where(chosen, input_ids, IGNORED)
