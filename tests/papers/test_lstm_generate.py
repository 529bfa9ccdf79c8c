"""Text out of a character model: what the options mean, the same on both sides, in constant memory."""

import numpy as np
import pytest
import torch

from papers.lstm import inference
from papers.lstm.config import VARIANTS
from papers.lstm.inference import GREEDY
from papers.lstm.model import Network, build
from reference.lstm import inference as reference_inference
from reference.lstm import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.characters import CHARACTERS
from tinygrad_lab.random import generator
from tinygrad_lab.sampling import Sampling

CONFIG = VARIANTS["2000"]["tiny"]


@pytest.fixture(scope="module")
def model() -> Network:
    """Untrained, but with outputs far enough apart to choose between."""
    made = build(CONFIG, generator(0)).double()
    state = {name: value * 6 for name, value in made.state_dict().items()}
    made.load_state_dict(state)
    return made


@pytest.fixture(scope="module")
def twin(model: Network) -> reference.Network:
    made = reference.build(CONFIG).double()
    made.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    return made


def written(model: Network, prompt: str, options: Sampling) -> str:
    def search(tokens, options):
        return inference.search(model, CONFIG, tokens, options)

    return "".join(inference.generate(search, CONFIG, prompt, options, {}))


@pytest.mark.parametrize(
    "options",
    [GREEDY, Sampling(length=40), Sampling(length=40, temperature=2.0, seed=3), Sampling(length=40, top_k=3)],
)
def test_both_sides_write_the_same(model: Network, twin: reference.Network, options: Sampling) -> None:
    ours = list(inference.search(model, CONFIG, [3, 14, 15], options))
    theirs = list(reference_inference.search(twin, CONFIG, [3, 14, 15], options))
    assert ours == theirs
    assert len(ours) == options.length


def test_carrying_the_state_is_reading_everything_again(model: Network) -> None:
    tokens = [5, 6]
    for token in inference.search(model, CONFIG, tokens, GREEDY):
        with no_grad():
            output, _ = model.eval()(Tensor(np.array([tokens])))
        assert token == output[-1, 0].argmax().item()
        tokens = [*tokens, token]


def test_text_begins_with_the_prompt_and_has_the_length_asked_for(model: Network) -> None:
    text = written(model, "The Time", Sampling(length=30))
    assert text.startswith("The Time")
    assert len(text) == len("The Time") + 30


def test_pieces_come_one_by_one(model: Network) -> None:
    stream = inference.search(model, CONFIG, [0], Sampling(length=10**9))
    first = [next(iter(stream)) for _ in range(3)]
    assert all(0 <= token < len(CHARACTERS) for token in first)


def test_the_seed_decides(model: Network) -> None:
    texts = [written(model, "A", Sampling(length=40, temperature=1.0, seed=seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_writing_leaves_the_gradient_mode_alone(model: Network) -> None:
    stream = iter(inference.search(model, CONFIG, [0], Sampling(length=5)))
    next(stream)
    assert (Tensor([1.0], requires_grad=True) * 2).requires_grad


def test_empty_and_unknown_prompts_are_refused(model: Network, twin: reference.Network) -> None:
    with pytest.raises(ValueError, match="the prompt must have at least one character"):
        written(model, "", GREEDY)
    with pytest.raises(ValueError, match="character 'é' at place 3 is not one of the 96 known ones"):
        written(model, "Café", GREEDY)
    with pytest.raises(ValueError, match="the prompt must have at least one character"):
        list(reference_inference.search(twin, CONFIG, [], GREEDY))


def test_a_network_without_symbols_writes_nothing() -> None:
    config = VARIANTS["adding"]["tiny"]
    assert inference.prompts(config) == []
    with pytest.raises(ValueError, match="a network for the task 'adding' has no symbols to write"):
        list(inference.generate(lambda tokens, options: [], config, "1", GREEDY, {}))


@pytest.mark.parametrize("variant", ["2000", "reber"])
def test_prompts_and_examples_are_in_the_alphabet(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    assert all(set(prompt) <= set(config.alphabet) for prompt in inference.prompts(config))
    assert inference.prompts(config)
    assert all(0 <= token < len(config.alphabet) for token in inference.example_tokens(config, generator(0)))
