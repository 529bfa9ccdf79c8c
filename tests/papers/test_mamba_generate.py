"""Text out of Mamba: the same on both sides, in memory that does not grow."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from papers.mamba import inference
from papers.mamba.config import VARIANTS
from papers.mamba.inference import GREEDY, fresh, read
from papers.mamba.model import Mamba, build
from reference.mamba import inference as reference_inference
from reference.mamba import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator
from tinygrad_lab.sampling import Sampling

CONFIG = replace(VARIANTS["s6"]["tiny"], vocab_size=96)


@pytest.fixture(scope="module")
def model() -> Mamba:
    """Untrained, but with outputs far enough apart to choose between."""
    made = build(CONFIG, generator(0)).double()
    state = made.state_dict()
    state["backbone.embeddings.weight"] = 50 * state["backbone.embeddings.weight"]
    made.load_state_dict(state)
    return made


@pytest.fixture(scope="module")
def twin(model: Mamba) -> reference.Mamba:
    made = reference.build(CONFIG).double()
    made.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    return made


def written(model: Mamba, prompt: str, options: Sampling) -> str:
    def search(tokens, options):
        return inference.search(model, CONFIG, tokens, options)

    return "".join(inference.generate(search, CONFIG, prompt, options, {}))


@pytest.mark.parametrize(
    "options", [GREEDY, Sampling(length=40, temperature=2.0, seed=3), Sampling(length=40, top_k=3, temperature=5.0)]
)
def test_both_sides_write_the_same(model: Mamba, twin: reference.Mamba, options: Sampling) -> None:
    ours = list(inference.search(model, CONFIG, [3, 14, 15], options))
    theirs = list(reference_inference.search(twin, CONFIG, [3, 14, 15], options))
    assert ours == theirs
    assert options.temperature == 0 or len(set(ours)) > 1


def test_carrying_the_state_is_reading_everything_again(model: Mamba) -> None:
    tokens = [5, 6]
    for token in inference.search(model, CONFIG, tokens, GREEDY):
        with no_grad():
            logits = model.eval()(Tensor(np.array([tokens])))
        assert token == logits[0, -1].argmax().item()
        tokens = [*tokens, token]


def test_long_prompts_are_read_in_pieces(model: Mamba, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.random.default_rng(0).integers(0, 96, 23).tolist()
    at_once = read(model, tokens, fresh(model, CONFIG)).numpy()
    monkeypatch.setattr(inference, "PIECE", 5)
    np.testing.assert_allclose(read(model, tokens, fresh(model, CONFIG)).numpy(), at_once, rtol=1e-11)


def test_states_do_not_grow_and_hold_no_graph(model: Mamba) -> None:
    states = fresh(model, CONFIG)
    sizes = []
    for _ in range(3):
        read(model, [1, 2, 3], states)
        sizes.append([(state.past.shape, state.h.shape) for state in states])
        assert not any(state.h.requires_grad for state in states)
    assert sizes[0] == sizes[1] == sizes[2] == [((1, 3, 12), (1, 12, 4))] * 2


def test_text_begins_with_the_prompt_and_the_seed_decides(model: Mamba) -> None:
    texts = [written(model, "The Time", Sampling(length=30, temperature=3.0, seed=seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert all(text.startswith("The Time") and len(text) == len("The Time") + 30 for text in texts)


def test_empty_and_unknown_prompts_are_refused(model: Mamba, twin: reference.Mamba) -> None:
    with pytest.raises(ValueError, match="the prompt must have at least one character"):
        written(model, "", GREEDY)
    with pytest.raises(ValueError, match="character 'é' at place 3 is not one of the 96 known ones"):
        written(model, "Café", GREEDY)
    with pytest.raises(ValueError, match="the prompt must have at least one character"):
        list(reference_inference.search(twin, CONFIG, [], GREEDY))


def test_a_network_for_another_task_writes_nothing() -> None:
    config = VARIANTS["copying"]["tiny"]
    assert inference.prompts(config) == inference.example_tokens(config, generator(0)) == []
    with pytest.raises(ValueError, match="a network for the task 'copying' does not write text"):
        list(inference.generate(lambda tokens, options: [], config, "1", GREEDY, {}))
