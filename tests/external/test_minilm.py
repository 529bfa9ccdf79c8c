"""all-MiniLM-L6-v2 in our BERT, and BERT's other heads, against ``transformers``: ``make test-external``."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from papers.bert.config import VARIANTS, BertConfig
from papers.bert.model import build
from papers.bert.weights import sentences
from papers.bert.weights.names import our_names
from reference.bert import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab.embedding import SentenceSpace, similarities

TEXTS = [
    "A man is eating food.",
    "Someone eats a meal.",
    "The sky is blue.",
    "In the beginning God created the heaven and the earth.",
    "a",
    "Café, naïve and 100 % unknown: ☃ 北京!",
    "word " * 200,
]


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    """The sentences' vectors as ``transformers`` computes them, mean-pooled and of length 1."""
    folder = sentences.minilm_folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.BertModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        y = model(**batch).last_hidden_state
    m = batch["attention_mask"][:, :, None]
    return torch.nn.functional.normalize((y * m).sum(dim=1) / m.sum(dim=1), dim=1).numpy()


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_sentence_vectors_are_those_of_transformers(side: str, published: np.ndarray) -> None:
    """Equal to a few float32 roundings of numbers of about 0.05 to 0.2."""
    vectors = SentenceSpace(side).vectors(TEXTS)
    np.testing.assert_allclose(vectors, published, atol=5e-7)
    np.testing.assert_allclose(similarities(vectors), published @ published.T, atol=1e-6)


def test_order_of_the_similarities() -> None:
    like = similarities(SentenceSpace("numpy").vectors(TEXTS[:3]))
    assert like[0, 1] == pytest.approx(0.7614, abs=1e-3)
    assert like[0, 1] > 0.7 > 0.2 > like[1, 2] > like[0, 2]


def theirs(config: BertConfig, kind: type) -> transformers.PreTrainedModel:
    """A random model of ``transformers`` with our sizes."""
    names = set(transformers.BertConfig().to_dict()) & set(vars(config))
    torch.manual_seed(0)
    sizes = {name: getattr(config, name) for name in names}
    return kind(transformers.BertConfig(**sizes, num_labels=config.num_labels)).double().eval()


def example(config: BertConfig) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, config.vocab_size, (3, 20), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0
    types = torch.zeros_like(ids)
    types[:, 7:] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("bert", transformers.BertForPreTraining),
        ("no-nsp", transformers.BertForMaskedLM),
        ("classification", transformers.BertForSequenceClassification),
    ],
)
def test_heads_are_those_of_transformers(variant: str, kind: type) -> None:
    """The same names, not one more or less, in the same order, and the same scores in float64."""
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    config = replace(VARIANTS[variant]["small"], **quiet)
    witness, batch = theirs(config, kind), example(config)
    state = {name: value.numpy() for name, value in witness.state_dict().items()}
    ours, twin = build(config).double().eval(), reference.build(config).double().eval()
    assert list(ours.state_dict()) == list(our_names(state))
    ours.load_state_dict(our_names(state))
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in our_names(state).items()})
    arguments = batch | {"attention_mask": batch["attention_mask"].bool()}
    with torch.no_grad():
        expected, theirs_found = witness(**batch).to_tuple(), twin(**arguments)
    with no_grad():
        found = ours(**{name: Tensor(value.numpy()) for name, value in arguments.items()})
    for outputs in (found, theirs_found):
        parts = [part for part in (outputs if isinstance(outputs, tuple) else (outputs,)) if part is not None]
        for part, scores in zip(parts, expected, strict=True):
            np.testing.assert_allclose(part.detach().numpy(), scores.numpy(), rtol=1e-9, atol=1e-10)
