"""The optimiser of the released code, the schedule, learning, resuming; and words for [MASK]."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from papers.bert import PAPER, data, inference
from papers.bert.config import VARIANTS
from papers.bert.model import BertForMaskedLM, build
from papers.bert.text.wordpiece import CLS, MASK, SEP, SPECIAL
from papers.bert.train import BertAdam, parameter_groups, rate_at
from reference.bert import inference as reference_inference
from reference.bert import model as reference
from reference.bert import train as reference_optimizer
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.training import Training
from tinygrad_lab.nn import Parameter
from tinygrad_lab.random import generator

TINY = VARIANTS["bert"]["tiny"]
TOPICS = replace(VARIANTS["bert"]["small"], dataset="topics", vocab_size=300, hidden_size=16, intermediate_size=32)

# ---- the optimiser ---------------------------------------------------------------------------------------------------


def by_hand(w: np.ndarray, gradients: list[np.ndarray], lr: float, decay: float) -> np.ndarray:
    """The update as google-research/bert states it: the decay is added to the update, not to the gradient."""
    m = v = np.zeros_like(w)
    for g in gradients:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - lr * (m / (np.sqrt(v) + 1e-6) + decay * w)
    return w


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.3])
def test_updates_are_those_of_the_released_code(decay: float) -> None:
    rng = generator(0)
    start, gradients = rng.standard_normal((4, 3)), [rng.standard_normal((4, 3)) for _ in range(5)]
    ours, theirs = Parameter(start.copy()), torch.nn.Parameter(torch.from_numpy(start.copy()))
    mine = BertAdam([ours], lr=0.1, weight_decay=decay)
    witness = reference_optimizer.BertAdam([theirs], lr=0.1, weight_decay=decay)
    for g in gradients:
        ours.grad, theirs.grad = Tensor(g), torch.from_numpy(g)
        mine.step()
        witness.step()
    expected = by_hand(start, gradients, 0.1, decay)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(theirs.detach().numpy(), expected, rtol=1e-12)


def test_the_first_step_is_three_times_adam_s() -> None:
    """Without the correction it is lr (1 - β₁) / √(1 - β₂), whatever the gradient's size."""
    parameter = Parameter(np.array([0.0, 0.0]))
    parameter.grad = Tensor(np.array([5.0, -500.0]))
    BertAdam([parameter], lr=1e-3, weight_decay=0.0).step()
    np.testing.assert_allclose(parameter.numpy(), [-3.162e-3, 3.162e-3], rtol=1e-3)


def test_biases_and_normalisations_do_not_decay() -> None:
    model = build(TINY, generator(0))
    decayed, others = parameter_groups(model, 0.01)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    kept = {names[id(parameter)] for parameter in others["params"]}
    assert len(kept) + len(decayed["params"]) == len(names)
    assert "cls.predictions.bias" in kept
    assert "bert.embeddings.LayerNorm.weight" in kept
    assert {names[id(p)].rpartition(".")[2] for p in decayed["params"]} == {"weight"}
    theirs = reference_optimizer.parameter_groups(reference.build(TINY), 0.01)
    assert [len(group["params"]) for group in theirs] == [len(decayed["params"]), len(others["params"])]


def test_the_rate_rises_and_falls_in_lines() -> None:
    rates = [rate_at(step, 100, 0.1) for step in range(101)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(rates[10:], np.arange(90, -1, -1) / 90)
    assert rate_at(0, 1, 0.0) == 1.0


def test_long_gradients_are_shortened() -> None:
    config = replace(TINY, clip=1e-3)
    side = one_side(PAPER, "numpy")
    model = side.build(config, dtype="float64")
    optimizer, scheduler = side.optimizer(model, config, 10)
    list(side.train(model, optimizer, scheduler, [data.example_batch(config, generator(0))], "float64"))
    norm = math.sqrt(sum(float((parameter.grad.numpy() ** 2).sum()) for parameter in model.parameters()))
    assert norm == pytest.approx(1e-3, rel=1e-2)


# ---- learning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_run_learns_and_is_resumed(side: str, tmp_path: Path) -> None:
    config = replace(TOPICS, length=32, epochs=2, learning_rate=5e-3, initializer_range=0.1, items=320)
    training = Training(PAPER, side, config, tmp_path)
    training.run()
    assert training.history[-1]["loss"] < math.log(300)
    assert set(training.history[-1]) == {"training loss", "accuracy", "loss", "next sentence"}
    again = Training(PAPER, side, config, tmp_path)
    again.resume()
    assert again.step == 20
    assert again.vocabularies == training.vocabularies


def test_hidden_tokens_are_learned_by_heart() -> None:
    config = replace(
        VARIANTS["no-nsp"]["tiny"], learning_rate=3e-2, hidden_size=16, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    side = one_side(PAPER, "numpy")
    model = side.build(config)
    batch = data.example_batch(config, generator(0))
    optimizer, scheduler = side.optimizer(model, config, 25)
    losses = list(side.train(model, optimizer, scheduler, [batch] * 25))
    assert losses[-1] < 0.5 * losses[0]


# ---- gaps ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> BertForMaskedLM:
    """Untrained, but with scores far enough apart."""
    made = build(TINY, generator(0)).double()
    made.load_state_dict({name: value * 3 for name, value in made.state_dict().items()})
    return made


def test_both_sides_fill_the_same_words(model: BertForMaskedLM) -> None:
    twin = reference.build(TINY).double()
    twin.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    for seed in range(5):
        tokens = inference.example_tokens(TINY, generator(seed))
        assert tokens.count(MASK) == 3
        ours = list(inference.search(model, TINY, tokens, inference.GREEDY))
        assert ours == list(reference_inference.search(twin, TINY, tokens, inference.GREEDY))
        changed = [old for old, new in zip(tokens, ours, strict=True) if old != new]
        assert changed == [MASK] * 3
        assert min(new for old, new in zip(tokens, ours, strict=True) if old == MASK) >= len(SPECIAL)


def test_the_most_certain_gap_is_filled_first(model: BertForMaskedLM) -> None:
    tokens = np.array([[CLS, 7, MASK, MASK, 9, SEP]])

    def best(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with no_grad():
            scores, _ = model.eval()(Tensor(ids), Tensor(ids > 0), Tensor(0 * ids))
        p = torch.from_numpy(np.array(scores.numpy()[0])).softmax(dim=1).numpy()[:, len(SPECIAL) :]
        return p.max(axis=1), p.argmax(axis=1) + len(SPECIAL)

    certainty, token = best(tokens)
    first = 2 if certainty[2] > certainty[3] else 3
    half = tokens.copy()
    half[0, first] = token[first]
    expected = half.copy()
    expected[0, 5 - first] = best(half)[1][5 - first]
    found = list(inference.search(model, TINY, tokens[0].tolist(), inference.GREEDY))
    assert found == expected[0].tolist()


def generated(prompt: str, variant: str = "bert") -> str:
    config = replace(
        VARIANTS[variant]["small"], dataset="topics", vocab_size=300, length=16, max_position_embeddings=16
    )
    made = build(config, generator(0))
    return "".join(
        inference.generate(
            lambda tokens, options: inference.search(made, config, tokens, options),
            config, prompt, inference.OPTIONS, data.vocabularies(config),
        )
    )  # fmt: skip


def test_text_with_gaps_becomes_text_without() -> None:
    text = generated("The [MASK] is a class.")
    assert text.startswith("the")
    assert text.endswith(" is a class.")
    assert len(text) > len("the is a class.")
    assert not any(special.lower() in text.lower() for special in SPECIAL)


@pytest.mark.parametrize(
    ("prompt", "variant", "message"),
    [
        ("The class", "bert", r"a prompt needs a \[MASK\] to fill, got 'The class'"),
        ("[MASK] " * 15, "bert", "a prompt may have 14 tokens, this one has 15"),
        ("The [MASK]", "left-to-right", "a model for the task 'left-to-right' fills no gaps"),
    ],
)
def test_prompts_that_cannot_be_filled_are_refused(prompt: str, variant: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generated(prompt, variant)


def test_only_masked_models_are_compared_at_filling() -> None:
    asked = {name: bool(inference.example_tokens(sizes["tiny"], generator(0))) for name, sizes in VARIANTS.items()}
    assert asked == {"bert": True, "no-nsp": True, "left-to-right": False, "classification": False}
    assert all("[MASK]" in prompt for prompt in inference.prompts(TINY))
