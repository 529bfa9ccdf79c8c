"""Writing: a cache or a state is reading everything again; both sides write the same; bad input."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from papers.forgetting_transformer import inference
from papers.forgetting_transformer.attention.linear import State, feature_map, linear_attention
from papers.forgetting_transformer.config import VARIANTS, FoXConfig
from papers.forgetting_transformer.inference import GREEDY
from papers.forgetting_transformer.model import ForgettingTransformer, build, new_caches
from reference.forgetting_transformer import inference as reference_inference
from reference.forgetting_transformer import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator
from tinygrad_lab.sampling import Sampling


def made(config: FoXConfig) -> ForgettingTransformer:
    """Untrained, in float64, but with outputs far enough apart to choose between."""
    model = build(config, generator(0)).double()
    model.load_state_dict({name: v * (20 if v.ndim == 2 else 1) for name, v in model.state_dict().items()})
    return model.eval()


# ---- caches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_pieces_with_a_cache_are_the_whole_without(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    model, tokens = made(config), generator(1).integers(0, 11, (2, 23))
    caches, parts = new_caches(config), []
    with no_grad():
        whole = model(Tensor(tokens)).numpy()
        for start, end in ((0, 1), (1, 2), (2, 9), (9, 22), (22, 23)):
            parts.append(model(Tensor(tokens[:, start:end]), caches).numpy())
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-9, atol=1e-12)
    assert {cache.length for cache in caches} == {23}


def test_a_state_is_as_large_after_many_tokens_as_after_one() -> None:
    config = VARIANTS["linear"]["tiny"]
    model, caches = made(config), new_caches(config)
    sizes = []
    for tokens in ([1], [2] * 50):
        inference.read(model, tokens, caches)
        sizes.append([cache.nbytes for cache in caches])
    assert sizes[0] == sizes[1] == [8 * 2 * (4 * 4 + 4)] * 2


def test_linear_attention_all_at_once_is_the_recurrence() -> None:
    rng = generator(0)
    q, k, v = (Tensor(rng.standard_normal((2, 3, 12, 4))) for _ in range(3))
    log_f = Tensor(-rng.exponential(1.0, (2, 3, 12)))
    state = State()
    together, one_by_one = linear_attention(q, k, v, log_f), linear_attention(q, k, v, log_f, state)
    np.testing.assert_allclose(together.numpy(), one_by_one.numpy(), rtol=1e-10)
    assert (feature_map(q).numpy() > 0).all()
    with pytest.raises(
        ValueError, match=r"state: sums have shape \(2, 3, 4, 4\), these keys and values need \(2, 3, 2, 4\)"
    ):
        linear_attention(q[..., :2], k[..., :2], v, log_f, state)


# ---- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["llama", "pro", "linear"])
@pytest.mark.parametrize(
    "options", [GREEDY, Sampling(length=30, temperature=2.0, seed=3), Sampling(length=30, top_k=3)]
)
def test_both_sides_write_the_same(variant: str, options: Sampling) -> None:
    config = VARIANTS[variant]["tiny"]
    model, twin = made(config), reference.build(config).double()
    twin.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    ours = list(inference.search(model, config, [3, 1, 4], options))
    assert ours == list(reference_inference.search(twin, config, [3, 1, 4], options))
    assert len(ours) == options.length


def test_text_goes_on_without_end_beyond_the_training_length() -> None:
    config = VARIANTS["llama"]["tiny"]
    stream = inference.search(made(config), config, [0], Sampling(length=10**9))
    assert all(0 <= token < 11 for token in [next(stream) for _ in range(5 * config.length)])


def test_text_begins_with_the_prompt() -> None:
    config = replace(VARIANTS["llama"]["tiny"], vocab_size=96)
    model = build(config, generator(0))

    def search(tokens: list[int], options: Sampling) -> Iterator[int]:
        return inference.search(model, config, tokens, options)

    text = "".join(inference.generate(search, config, inference.prompts(config)[0], Sampling(length=9), {}))
    assert text.startswith("ROMEO:\n")
    assert len(text) == 7 + 9
    for prompt, message in (("", "at least one character"), ("Café", "character 'é' at place 3")):
        with pytest.raises(ValueError, match=message):
            list(inference.generate(search, config, prompt, GREEDY, {}))


def test_impossible_tokens_are_refused() -> None:
    config = VARIANTS["llama"]["tiny"]
    with pytest.raises(ValueError, match="tokens must be from 0 to 10, got 0 to 11"):
        list(inference.search(made(config), config, [0, 11], GREEDY))
