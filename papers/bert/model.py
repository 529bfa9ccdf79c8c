"""BERT on the engine: a Transformer encoder that reads both ways, its heads, and what they are trained for.

    symbol   meaning
    B, T     sequences in the batch, tokens in a sequence: [CLS] A [SEP] or [CLS] A [SEP] B [SEP], then padding
    d, H, h  width, heads, width of a head (d = H h)
    V, C     tokens in the vocabulary, classes of a downstream task
    M        places in the batch whose token is to be predicted
    m        which tokens are real: (B, T), true or false

Parameters have the names of published checkpoints: ``bert.encoder.layer.0.attention.self.query.weight`` and so on.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from tinygrad_lab import Tensor, arange, nn, ones, random, zeros
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator

from .config import BertBatch, BertConfig

IGNORED = -100  # the label of a place where nothing is to be predicted

Tally = dict[str, tuple[Tensor, float]]  # metric -> (sum, of how many)
Mask = Bool[Tensor, "b t"] | Int[Tensor, "b t"]  # which tokens are real: true, or 1 as tokenizers write it


# ---- the encoder -----------------------------------------------------------------------------------------------------


class Embeddings(nn.Module):
    """Figure 2: the sum of what the token is, where it stands and which segment it is in, normalised.

    Raises:
        ValueError: sequences longer than there are positions.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Int[Tensor, "b t"], token_type_ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        length, most = input_ids.shape[1], len(self.position_embeddings.weight)
        if length > most:
            raise ValueError(f"sequences may have {most} tokens at most, got {length}")
        word = self.word_embeddings(input_ids)
        position = self.position_embeddings(arange(length))
        segment = self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(word + position + segment))


class SelfAttention(nn.Module):
    """Every token asks all tokens that it may see: softmax(q kᵀ / √h) v for each head, the heads side by side."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout_p = config.attention_probs_dropout_prob
        self.generator = random.ambient()

    def heads(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b heads t h"]:
        """The slice of each head."""
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def forward(self, x: Float[Tensor, "b t d"], visible: Bool[Tensor, "b 1 _ t"]) -> Float[Tensor, "b t d"]:
        q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        dropout_p = self.dropout_p if self.training else 0.0
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=visible, dropout_p=dropout_p, generator=self.generator)
        return o.transpose(1, 2).flatten(2)


class SublayerOutput(nn.Module):
    """What ends both halves of a layer: LN(x + Drop(W s + b)), the normalisation after the sum."""

    def __init__(self, config: BertConfig, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, s: Float[Tensor, "b t s"], x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.LayerNorm(x + self.dropout(self.dense(s)))


class Attention(nn.Module):
    """The first half of a layer."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = SublayerOutput(config, config.hidden_size)

    def forward(self, x: Float[Tensor, "b t d"], visible: Bool[Tensor, "b 1 _ t"]) -> Float[Tensor, "b t d"]:
        return self.output(self.self(x, visible), x)


class Intermediate(nn.Module):
    """GELU(W x + b), with the exact Φ of the published PyTorch weights."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t f"]:
        return F.gelu(self.dense(x))


class Layer(nn.Module):
    """a = LN(x + Drop(MHA(x))), y = LN(a + Drop(W₂ GELU(W₁ a)))."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = SublayerOutput(config, config.intermediate_size)

    def forward(self, x: Float[Tensor, "b t d"], visible: Bool[Tensor, "b 1 _ t"]) -> Float[Tensor, "b t d"]:
        a = self.attention(x, visible)
        return self.output(self.intermediate(a), a)


class Encoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, x: Float[Tensor, "b t d"], visible: Bool[Tensor, "b 1 _ t"]) -> Float[Tensor, "b t d"]:
        for layer in self.layer:
            x = layer(x, visible)
        return x


class Pooler(nn.Module):
    """One vector for the whole sequence: tanh(W y + b) of the token that stands for it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, summary: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.dense(summary).tanh()


class BertModel(nn.Module):
    """The encoder, with or without its pooler."""

    def __init__(self, config: BertConfig, pooler: bool = True) -> None:
        super().__init__()
        self.context = config.context
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if pooler else None

    def visible(self, attention_mask: Bool[Tensor, "b t"]) -> Bool[Tensor, "b 1 _ t"]:
        """Which tokens each token sees: all real ones, or those of them that are not behind it."""
        real = attention_mask[:, None, None, :]
        if self.context == "both":
            return real
        length = attention_mask.shape[1]
        return real & ones(length, length).tril().bool()

    def summary(self, y: Float[Tensor, "b t d"], attention_mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
        """The token that has seen the whole sequence: [CLS], or the last one where every token looks to the left."""
        if self.context == "both":
            return y[:, 0]
        return y[arange(len(y)), attention_mask.sum(dim=1) - 1]

    def forward(
        self, input_ids: Int[Tensor, "b t"], attention_mask: Mask, token_type_ids: Int[Tensor, "b t"]
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b d"] | None]:
        """A vector for each token, and one for each sequence where there is a pooler."""
        attention_mask = attention_mask.bool()
        y = self.encoder(self.embeddings(input_ids, token_type_ids), self.visible(attention_mask))
        return y, self.pooler(self.summary(y, attention_mask)) if self.pooler else None


class SentenceEncoder(BertModel):
    """Sentences as vectors of length 1: the mean of the tokens' vectors (Reimers, Gurevych 2019), without the pooler.

    e = Σ_t m_t y_t / Σ_t m_t, divided by its length; the similarity of two sentences is their product.
    """

    def forward(  # type: ignore[override]
        self, input_ids: Int[Tensor, "b t"], attention_mask: Mask, token_type_ids: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b d"]:
        attention_mask = attention_mask.bool()
        y = self.encoder(self.embeddings(input_ids, token_type_ids), self.visible(attention_mask))
        m = attention_mask.to(y.dtype)[:, :, None]
        e = (y * m).sum(dim=1) / m.sum(dim=1)
        return e / (e * e).sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)


# ---- the heads -------------------------------------------------------------------------------------------------------


class Transform(nn.Module):
    """t = LN(GELU(W y + b))."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, y: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        return self.LayerNorm(F.gelu(self.dense(y)))


class Predictions(nn.Module):
    """Which token stands here: t Eᵀ + b, with the word embeddings E and a bias of its own for every token."""

    def __init__(self, config: BertConfig, word_embeddings: nn.Embedding) -> None:
        super().__init__()
        self.bias = nn.Parameter(zeros(config.vocab_size))
        self.transform = Transform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.decoder.weight = word_embeddings.weight
        self.decoder.bias = self.bias

    def forward(self, y: Float[Tensor, "*n d"]) -> Float[Tensor, "*n v"]:
        return self.decoder(self.transform(y))


class Heads(nn.Module):
    """Both tasks of pre-training, or the first of them alone."""

    def __init__(self, config: BertConfig, word_embeddings: nn.Embedding, next_sentence: bool) -> None:
        super().__init__()
        self.predictions = Predictions(config, word_embeddings)
        self.seq_relationship = nn.Linear(config.hidden_size, 2) if next_sentence else None


class BertForMaskedLM(nn.Module):
    """Predicts the tokens that are hidden from it (section 3.1, task 1); with context "left", every next token."""

    next_sentence = False

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.bert = BertModel(config, self.next_sentence)
        self.cls = Heads(config, self.bert.embeddings.word_embeddings, self.next_sentence)

    def forward(
        self,
        input_ids: Int[Tensor, "b t"],
        attention_mask: Mask,
        token_type_ids: Int[Tensor, "b t"],
        places: Int[Tensor, " m"] | None = None,
    ) -> tuple[Float[Tensor, "*n v"], Float[Tensor, "b 2"] | None]:
        """Scores of all tokens at every place (B, T, V), or (M, V) at some; and whether B follows A, if that is asked.

        Args:
            input_ids: token numbers.
            attention_mask: which tokens are real.
            token_type_ids: 0 up to the first [SEP], 1 after it.
            places: numbers of places in the batch laid out as one row of B T; hidden tokens are few.
        """
        y, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        if places is not None:
            y = y.flatten(0, 1).index_select(0, places)
        related = None
        if pooled is not None and self.cls.seq_relationship is not None:
            related = self.cls.seq_relationship(pooled)
        return self.cls.predictions(y), related

    def asked(self, batch: BertBatch) -> tuple[Float[Tensor, "m v"], Float[Tensor, "b 2"] | None, Int[Tensor, " m"]]:
        """Scores where a token is to be predicted, the other head's, and the right tokens."""
        labels = batch["labels"].flatten()
        places = Tensor(np.flatnonzero(labels.numpy() != IGNORED))
        scores, related = self(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], places)
        return scores, related, labels[places]

    def loss(self, batch: BertBatch) -> Float[Tensor, ""]:
        """The mean cross-entropy of the hidden tokens, and that of the pairs of sentences."""
        scores, related, labels = self.asked(batch)
        value = F.cross_entropy(scores, labels, reduction="sum") / batch["count"]
        if related is not None:
            value = value + F.cross_entropy(related, batch["next_sentence"], reduction="sum") / batch["pairs"]
        return value

    def tally(self, batch: BertBatch) -> Tally:
        """Percent of hidden tokens that are found, their cross-entropy in nats; percent of pairs judged rightly."""
        scores, related, labels = self.asked(batch)
        metrics = {
            "accuracy": (100 * (scores.argmax(dim=1) == labels).sum(), batch["count"]),
            "loss": (F.cross_entropy(scores, labels, reduction="sum"), batch["count"]),
        }
        if related is not None:
            right = related.argmax(dim=1) == batch["next_sentence"]
            metrics["next sentence"] = (100 * right.sum(), batch["pairs"])
        return metrics


class BertForPreTraining(BertForMaskedLM):
    """Both tasks at once (section 3.1): hidden tokens, and whether the second sentence followed the first."""

    next_sentence = True


class BertForSequenceClassification(nn.Module):
    """Fine-tuning (section 3.2): one new layer on the pooled vector, and everything is trained on."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self, input_ids: Int[Tensor, "b t"], attention_mask: Mask, token_type_ids: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b c"]:
        _, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        assert pooled is not None  # this model has a pooler
        return self.classifier(self.dropout(pooled))

    def loss(self, batch: BertBatch) -> Float[Tensor, ""]:
        """The mean cross-entropy of the classes."""
        scores = self(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        return F.cross_entropy(scores, batch["label"], reduction="sum") / batch["count"]

    def tally(self, batch: BertBatch) -> Tally:
        """Percent of sentences in the right class, and their cross-entropy in nats."""
        scores = self(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        right = (scores.argmax(dim=1) == batch["label"]).sum()
        loss = F.cross_entropy(scores, batch["label"], reduction="sum")
        return {"accuracy": (100 * right, batch["count"]), "loss": (loss, batch["count"])}


Model = BertForMaskedLM | BertForSequenceClassification
MODELS: dict[str, type[Model]] = {
    "pretraining": BertForPreTraining,
    "masked": BertForMaskedLM,
    "left-to-right": BertForMaskedLM,
    "classification": BertForSequenceClassification,
}


def initialise(model: nn.Module, config: BertConfig) -> None:
    """Weights from a normal distribution cut at two standard deviations, biases 0; gains of normalisations stay 1."""
    std = config.initializer_range
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(module.weight, 0.0, std, -2 * std, 2 * std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def build(config: BertConfig, generator: Generator | None = None) -> Model:
    """The model for ``config.task``."""
    with random.initialising(generator) as rng:
        start = rng.bit_generator.state
        model = MODELS[config.task](config)
        rng.bit_generator.state = start  # what the layers drew for themselves is not kept: all is drawn below
        initialise(model, config)
    return model


@nn.utils.in_parts
def loss(model: Model, batch: BertBatch) -> Float[Tensor, ""]:
    """The model's loss on a batch of ``data.py``."""
    return model.loss(batch)
