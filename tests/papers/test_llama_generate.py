"""Text out of a LLaMA: how tokens are chosen, the same on both sides; the context's end; streams and conversations."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.llama import inference
from papers.llama.config import VARIANTS
from papers.llama.inference import GREEDY, Options, candidates, choose, penalised, read, until
from papers.llama.model import KVCache, Llama, build
from papers.llama.weights.chat import asked
from papers.llama.weights.tokenizer import Characters, Pieces, learn, stream, tokenizer
from reference.llama import inference as reference_inference
from reference.llama import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.libraries import open_tokenizer
from tinygrad_lab.random import generator

CONFIG = VARIANTS["smollm2"]["tiny"]
LONG = replace(CONFIG, context=16, layers=1)
EVERY = Options(temperature=1.0, top_p=1.0)


@pytest.fixture(scope="module")
def model() -> Llama:
    """Untrained, but with logits far enough apart to choose between."""
    return build(LONG, generator(0)).double()


@pytest.fixture(scope="module")
def twin(model: Llama) -> reference.Llama:
    made = reference.build(LONG).double()
    made.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.state_dict().items()})
    return made


# ---- choosing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        GREEDY,
        Options(length=24, seed=3),  # runs over the end of the context
        Options(length=10, temperature=2.0, top_k=3),
        Options(length=10, temperature=1.5, top_p=0.5, repetition_penalty=1.7),
        Options(length=10, temperature=0.0, repetition_penalty=1.3),
    ],
)
def test_both_sides_write_the_same(model: Llama, twin: reference.Llama, options: Options) -> None:
    ours = list(inference.search(model, LONG, [3, 1, 4], options))
    assert ours == list(reference_inference.search(twin, LONG, [3, 1, 4], options))
    assert len(ours) == options.length


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature: float) -> None:
    logits = np.array([0.0, 1.0, 2.0, -1.0])
    expected = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    rng = generator(0)
    counts = Counter(choose(logits, [], replace(EVERY, temperature=temperature), rng) for _ in range(600))
    assert [counts[k] / 600 for k in range(4)] == pytest.approx(expected.tolist(), abs=0.07)


def test_top_k_leaves_the_others_out() -> None:
    logits = np.array([0.0, 1.0, 2.0, -1.0])
    assert candidates(logits, replace(EVERY, top_k=2))[0].tolist() == [2, 1]
    assert candidates(logits, replace(EVERY, top_k=99))[0].tolist() == [2, 1, 0, 3]


@pytest.mark.parametrize(
    ("top_p", "kept"), [(1.0, [0, 1, 2, 3]), (0.85, [0, 1, 2]), (0.7, [0, 1]), (0.5, [0]), (1e-9, [0])]
)
def test_top_p_keeps_the_token_that_crosses_the_line(top_p: float, kept: list[int]) -> None:
    logits = np.log([0.6, 0.2, 0.15, 0.05])
    assert candidates(logits, replace(EVERY, top_p=top_p))[0].tolist() == kept


def test_top_p_keeps_the_fewest_tokens() -> None:
    """Two of four equal ones have 0.5 together; a token of no weight beside the others is kept by 1 only."""
    for candidates_of in (candidates, lambda logits, o: reference_inference.candidates(torch.tensor(logits), o)):
        for top_p, count in ((0.25, 1), (0.5, 2), (0.51, 3), (1.0, 4)):
            assert len(candidates_of(np.log([0.25] * 4), replace(EVERY, top_p=top_p))[0]) == count
        assert len(candidates_of(np.array([0.0, -50.0]), EVERY)[0]) == 2


@given(
    st.lists(st.floats(-20, 20), min_size=1, max_size=30),
    st.floats(0.01, 1.0),
    st.integers(0, 5),
    st.floats(1.0, 3.0),
)
def test_both_sides_have_the_same_candidates(logits: list[float], top_p: float, top_k: int, penalty: float) -> None:
    options = Options(top_p=top_p, top_k=top_k)
    seen = list(range(0, len(logits), 3))
    ours = candidates(penalised(np.array(logits), seen, penalty), options)
    theirs = reference_inference.candidates(
        reference_inference.penalised(torch.tensor(logits, dtype=torch.float64), seen, penalty), options
    )
    assert ours[0].tolist() == theirs[0].tolist()
    np.testing.assert_allclose(ours[1], theirs[1].numpy(), rtol=1e-12)
    assert len(ours[0]) >= 1
    assert (np.diff(ours[1]) <= 0).all()


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=30), st.floats(0.01, 1.0), st.integers(0, 5))
def test_sorting_few_is_sorting_all(logits: list[float], top_p: float, top_k: int) -> None:
    order = np.argsort(-np.array(logits), kind="stable")[: top_k or None]
    probabilities = np.exp(np.array(logits)[order])
    probabilities /= probabilities.sum()
    before = probabilities.cumsum() - probabilities
    surely, perhaps = order[before <= top_p - 1e-12], order[before <= top_p + 1e-12]
    tokens = candidates(np.array(logits), Options(top_p=top_p, top_k=top_k))[0].tolist()
    assert tokens[: len(surely)] == surely.tolist()
    assert tokens == perhaps[: len(tokens)].tolist()


def test_penalty_makes_what_was_there_less_likely_whatever_its_sign() -> None:
    logits = np.array([2.0, -2.0, 1.0, 0.0])
    assert penalised(logits, [0, 1, 1], 2.0).tolist() == [1.0, -4.0, 1.0, 0.0]
    assert logits.tolist() == [2.0, -2.0, 1.0, 0.0]
    assert choose(logits, [0], replace(GREEDY, repetition_penalty=3.0), generator(0)) == 2


# ---- reading and writing ---------------------------------------------------------------------------------------------


def test_the_cache_is_reading_everything_again(model: Llama) -> None:
    tokens = [5, 6]
    for token in inference.search(model, LONG, tokens, replace(GREEDY, length=10)):
        with no_grad():
            logits = model(Tensor(np.array([tokens])))
        assert token == logits[0, -1].argmax().item()
        tokens = [*tokens, token]


def test_long_prompts_are_read_in_pieces(model: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = generator(0).integers(0, 11, 13).tolist()
    found = []
    for piece in (256, 5, 2):
        monkeypatch.setattr(inference, "PIECE", piece)
        caches = [KVCache(LONG, 13, dtype=np.float64) for _ in range(LONG.layers)]
        found.append(read(model, tokens, caches))
        assert caches[0].length == 13
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-9)


def test_at_the_end_of_the_context_its_last_half_is_read_anew(model: Llama) -> None:
    written = list(inference.search(model, LONG, [1, 2], replace(GREEDY, length=18)))
    full = 16 - 2  # so many tokens written and read fill the context; the next is predicted from them still
    half = [1, 2, *written][: 2 + full + 1][-8:]
    assert written[full + 1] == next(iter(inference.search(model, LONG, half, GREEDY)))


def test_pieces_come_one_by_one(model: Llama) -> None:
    tokens = inference.search(model, LONG, [0], Options(length=10**6))
    assert all(0 <= next(tokens) < 11 for _ in range(3))


def test_the_seed_decides(model: Llama) -> None:
    options = [Options(length=12, temperature=1.5, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (list(inference.search(model, LONG, [0], each)) for each in options)
    assert first == again != other


def test_writing_leaves_the_gradient_mode_alone(model: Llama) -> None:
    next(inference.search(model, LONG, [0], Options(length=5)))
    assert (Tensor([1.0], requires_grad=True) * 2).requires_grad


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "the prompt must have at least one token, got none"),
        ([0] * 17, "the prompt has 17 tokens, the context 16"),
        ([0, 11], "token 11 is none of the 11 in the vocabulary"),
        ([-1], "token -1 is none of the 11 in the vocabulary"),
    ],
)
def test_impossible_prompts_are_refused(model: Llama, twin: reference.Llama, tokens: list[int], message: str) -> None:
    for module, network in ((inference, model), (reference_inference, twin)):
        with pytest.raises(ValueError, match=message):
            list(module.search(network, LONG, tokens, GREEDY))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"temperature": -0.1}, "temperature must be at least 0, got -0.1"),
        ({"top_k": -1}, "top_k must be at least 0, got -1"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\], got 0.0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0, got 0.0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_impossible_options_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(**changes)


# ---- text ------------------------------------------------------------------------------------------------------------


def generated(tokens: list[int], vocabularies: dict[str, str], prompt: str) -> tuple[list[str], list[int]]:
    """The pieces of text, and the tokens that the search was given."""
    given: list[int] = []

    def search(prompt_tokens: list[int], options: Options) -> list[int]:
        given.extend(prompt_tokens)
        return tokens

    return list(inference.generate(search, CONFIG, prompt, GREEDY, vocabularies)), given


def test_characters_come_after_the_prompt() -> None:
    known = Characters()
    pieces, given = generated(known.encode("not").tolist(), {}, "to be or ")
    assert pieces == ["to be or ", "n", "o", "t"]
    assert known.decode(given) == "to be or "


def test_a_character_of_several_tokens_waits_for_the_last() -> None:
    json = learn("plain text without any accents", 256)
    known = Pieces(json)
    assert [len(known.encode(text)) for text in ("é", "€", "a")] == [2, 3, 1]
    tokens = known.encode("aé€b").tolist()
    assert list(stream(tokens, known)) == ["a", "é", "€", "b"]
    assert list(stream(tokens[:4], known)) == ["a", "é", "\N{REPLACEMENT CHARACTER}"]  # cut off within a character
    assert "".join(generated(tokens, {"text": json}, "x")[0]) == "xaé€b"


@given(st.text(max_size=40))
def test_there_is_no_text_that_pieces_cannot_spell(text: str) -> None:
    known = Pieces(PIECES)
    assert known.decode(known.encode(text).tolist()) == text
    assert known.lengths()[known.encode(text)].sum() == len(text.encode())


PIECES = learn("the cat and the hat and the bat " * 3, 270)


def test_pieces_are_merged_where_the_text_repeats_itself() -> None:
    assert len(Pieces(PIECES).encode("the hat and the cat")) < 12
    with pytest.raises(ValueError, match="vocab_size must be at least 256, one for each byte, got 255"):
        learn("text", 255)


TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_question_is_put_into_the_template_and_only_the_answer_shown() -> None:
    known = Pieces(PIECES)
    stop = known.encode("!")[0]
    tokens = [*known.encode("blue").tolist(), int(stop), *known.encode("more").tolist()]
    pieces, given = generated(tokens, {"text": PIECES, "chat": TEMPLATE, "stop": str(stop)}, "Why?")
    assert "".join(pieces) == "blue"
    assert known.decode(given) == "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "template", ["{% for %}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ messages.append(1) }}"]
)
def test_templates_are_not_trusted(template: str) -> None:
    with pytest.raises(ValueError, match="the chat template cannot be filled in"):
        asked("Why?", template)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(ValueError, match="the prompt must not be empty"):
        asked(" \n", TEMPLATE)


def test_markers_are_no_part_of_the_text() -> None:
    """As the library leaves them out, which says of a token whether it is one."""
    made = open_tokenizer(PIECES, "the pieces")
    made.add_special_tokens(["<|start|>", "<|end|>"])
    made.add_tokens(["<br>"])  # a word like any other
    known = Pieces(made.to_str())
    start, end, line = (made.token_to_id(token) for token in ("<|start|>", "<|end|>", "<br>"))
    assert known.markers == {start, end}
    the, cat = known.encode("the").tolist(), known.encode(" cat").tolist()
    pieces, _ = generated([start, *the, end, *cat, line, start], {"text": made.to_str()}, "<|start|>and ")
    assert pieces[0] == "<|start|>and "  # a prompt is written as it was given
    assert "".join(pieces[1:]) == "the cat<br>"
    stopped, _ = generated([*the, end, *cat], {"text": made.to_str(), "stop": str(end)}, "and ")
    assert "".join(stopped) == "and the"


def test_characters_that_are_unknown_are_named() -> None:
    with pytest.raises(ValueError, match="character 'é' at place 3 is not one of the 96 known"):
        generated([], {}, "Café")


def test_the_end_is_not_part_of_the_text() -> None:
    assert list(until([5, 6, 2, 7], 2)) == [5, 6]
    assert list(until([5, 6, 2, 7], None)) == [5, 6, 2, 7]


@pytest.mark.parametrize("variant", VARIANTS)
def test_prompts_and_examples_can_be_read(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    assert all(len(tokenizer({}).encode(prompt)) for prompt in inference.prompts(config))
    inference.check(inference.example_tokens(config, generator(0)), config)
