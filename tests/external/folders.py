"""Small random models and tokenizers that transformers itself writes, in every form in which it writes them."""

import json
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

TEXT = (
    "To be, or not to be: that is the question. Whether 'tis nobler in the mind to suffer\n"
    "the slings and arrows of outrageous fortune, or to take arms against a sea of troubles.\n"
) * 4
SIZE = 400  # tokens, 259 of which are bytes and special ones
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CHAT = (
    "{{ bos_token }}{% for message in messages %}\n"
    "    {% if message.role == 'user' %}\n"
    "[INST] {{ message.content | trim }} [/INST]\n"
    "    {%- endif %}\n"
    "{% endfor %}"
)


def sentence_pieces() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """(Vocabulary, merges) of pairs whose words begin with their space, and of bytes for everything else."""
    library = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    library.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL + BYTES, show_progress=False)
    library.train_from_iterator(TEXT.splitlines(), trainer)
    state: Any = json.loads(library.to_str())["model"]
    return state["vocab"], [tuple(merge) for merge in state["merges"]]


def metaspace(**about: Any) -> transformers.PreTrainedTokenizerBase:
    """LLaMA's tokenizer as transformers makes it today."""
    vocabulary, merges = sentence_pieces()
    return transformers.LlamaTokenizer(vocab=vocabulary, merges=merges, **about)


def normalised(**about: Any) -> transformers.PreTrainedTokenizerBase:
    """As it was converted from SentencePiece for years: a normaliser that writes spaces as pieces have them."""
    vocabulary, merges = sentence_pieces()
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    norm, decode = tokenizers.normalizers, tokenizers.decoders
    made.normalizer = norm.Sequence([norm.Prepend("▁"), norm.Replace(" ", "▁")])
    made.decoder = decode.Sequence(
        [decode.Replace("▁", " "), decode.ByteFallback(), decode.Fuse(), decode.Strip(" ", 1, 0)]
    )
    made.post_processor = begun("<s>", 1)
    return wrapped(made, **about)


def unigram(**about: Any) -> transformers.PreTrainedTokenizerBase:
    """SentencePiece's other model."""
    made = tokenizers.Tokenizer(tokenizers.models.Unigram())
    made.pre_tokenizer, made.decoder = tokenizers.pre_tokenizers.Metaspace(), tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=120, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(TEXT.splitlines(), trainer)
    return wrapped(made, **about)


def byte_level(**about: Any) -> transformers.PreTrainedTokenizerBase:
    """As Llama 3 has it: pieces of bytes, and a first token by the tokenizer's own rule."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXT.splitlines(), trainer)
    made.post_processor = begun("<s>", 1)
    return wrapped(made, **about)


def begun(token: str, number: int) -> Any:
    return tokenizers.processors.TemplateProcessing(single=[token, "$A"], special_tokens=[(token, number)])


def wrapped(made: tokenizers.Tokenizer, **about: Any) -> transformers.PreTrainedTokenizerBase:
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"} | about
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **named)


TOKENIZERS = {"metaspace": metaspace, "normalised": normalised, "unigram": unigram, "byte level": byte_level}
SIZES = {
    "vocab_size": SIZE, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "eos_token_id": 2, "bos_token_id": 1,
    "initializer_range": 0.3,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip


def model(dtype: torch.dtype = torch.float32, seed: int = 0, **about: Any) -> transformers.LlamaForCausalLM:
    """A random LLaMA."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(**SIZES | about)
    return transformers.LlamaForCausalLM(config).to(dtype).eval()


def folder(path: Path, network: Any, tokenizer: Any, shard: str = "5GB") -> Path:
    """Everything that transformers writes for the two."""
    network.save_pretrained(path, max_shard_size=shard)
    tokenizer.save_pretrained(path)
    return path


def logits(network: Any, tokens: Any) -> Any:
    """Theirs, in float32, as our side computes."""
    with torch.no_grad():
        return network.float()(torch.as_tensor(tokens)).logits.numpy()
