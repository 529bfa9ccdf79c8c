"""Beam search: one beam is greedy, enough beams find the best of all sequences, a batch changes nothing."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from papers.seq2seq_attention import inference
from papers.seq2seq_attention import model as engine
from papers.seq2seq_attention.config import VARIANTS, Seq2SeqConfig
from papers.seq2seq_attention.model import BOS, EOS
from reference.seq2seq_attention import inference as torch_search
from reference.seq2seq_attention import model as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.data.translation.data import padded
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator

TINY = {name: replace(sizes["tiny"], target_vocabulary=6, init=1.0) for name, sizes in VARIANTS.items()}


def built(config: Seq2SeqConfig, seed: int = 0) -> engine.Seq2Seq:
    return engine.build(config, generator(seed)).double().eval()


def sources(config: Seq2SeqConfig, lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    return Tensor(rng.integers(3, config.source_vocabulary, (len(lengths), max(lengths)))), Tensor(np.array(lengths))


def log_p(model: engine.Seq2Seq, source: Tensor, length: Tensor, rows: list[list[int]]) -> list[float]:
    """log p of each row of tokens, given the one source, under teacher forcing."""
    y = padded([[BOS, *row] for row in rows])
    each = np.zeros(len(rows), int)
    with no_grad():
        logits = model(source[each], length[each], Tensor(y[:, :-1]))
        found = F.log_softmax(logits, dim=-1).numpy()
    return [sum(float(found[n, t, token]) for t, token in enumerate(row)) for n, row in enumerate(rows)]


@pytest.mark.parametrize("variant", ["general", "input-feeding", "none"])
def test_one_beam_takes_the_likeliest_token_at_every_step(variant: str) -> None:
    model = built(TINY[variant])
    source, length = sources(TINY[variant], [5])
    ((found,),) = inference.beam_search(model, source, length, width=1, limit=8)
    written = [BOS]
    while len(written) <= 8 and written[-1] != EOS:
        with no_grad():
            logits = model(source, length, Tensor(np.array([written]))).numpy()[0, -1].copy()
        logits[[0, BOS]] = -np.inf
        written.append(int(logits.argmax()))
    assert found.tokens == [token for token in written[1:] if token != EOS]
    assert found.finished == (EOS in written)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_enough_beams_find_the_best_of_all_sequences(alpha: float, seed: int) -> None:
    """All sequences of up to four tokens are 1 + 3 + 9 + 27 finished ones; a beam for each of them loses none."""
    config = TINY["general"]
    model = built(config, seed)
    source, length = sources(config, [4], seed)
    letters = range(3, 6)
    everything = [[*body, EOS] for n in range(4) for body in itertools.product(letters, repeat=n)]
    score = {
        tuple(tokens): total / len(tokens) ** alpha
        for tokens, total in zip(everything, log_p(model, source, length, everything), strict=True)
    }
    best = max(score, key=score.__getitem__)
    (found,) = inference.beam_search(model, source, length, width=400, limit=4, alpha=alpha)
    finished = [hypothesis for hypothesis in found if hypothesis.finished]
    assert (*finished[0].tokens, EOS) == best
    assert finished[0].score == pytest.approx(score[best], rel=1e-10)
    assert {(*h.tokens, EOS) for h in finished if np.isfinite(h.score)} == set(score)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_wider_beams_find_no_worse_sequences() -> None:
    config = TINY["input-feeding"]
    gains = []
    for seed in range(5):
        model = built(config, seed)
        source, length = sources(config, [6, 3], seed)
        narrow, wide = (inference.beam_search(model, source, length, width, 5, alpha=0.0) for width in (1, 50))
        gains += [w[0].score - n[0].score for n, w in zip(narrow, wide, strict=True)]
    assert min(gains) >= -1e-12
    assert max(gains) > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_finds_what_each_source_alone_finds(variant: str) -> None:
    model = built(TINY[variant])
    source, length = sources(TINY[variant], [7, 2, 5])
    together = inference.beam_search(model, source, length, width=3, limit=6)
    for row, n in enumerate(length.tolist()):
        (alone,) = inference.beam_search(model, source[row : row + 1, :n], length[row : row + 1], width=3, limit=6)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        np.testing.assert_allclose([h.score for h in alone], [h.score for h in together[row]], rtol=1e-10)


@pytest.mark.parametrize("variant", ["general", "local-p", "input-feeding"])
@pytest.mark.parametrize("width", [1, 4])
def test_both_sides_find_the_same(variant: str, width: int) -> None:
    config = TINY[variant]
    ours, theirs = built(config), reference.build(config).double().eval()
    theirs.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in ours.state_dict().items()})
    source, length = sources(config, [7, 1, 4])
    mine = inference.beam_search(ours, source, length, width, limit=9, alpha=0.6)
    other = torch_search.beam_search(
        theirs, torch.tensor(source.numpy()), torch.tensor(length.numpy()), width, limit=9, alpha=0.6
    )
    assert [[h.tokens for h in found] for found in mine] == [[h.tokens for h in found] for found in other]
    for first, second in zip(mine, other, strict=True):
        np.testing.assert_allclose([h.score for h in first], [h.score for h in second], rtol=1e-10)
        assert [h.finished for h in first] == [h.finished for h in second]


def test_length_penalty_favours_longer_translations() -> None:
    model = built(TINY["general"])
    source, length = sources(TINY["general"], [5, 6, 7, 5, 6, 7, 3, 4])

    def mean_length(alpha: float) -> float:
        found = inference.beam_search(model, source, length, width=6, limit=8, alpha=alpha)
        return float(np.mean([len(hypotheses[0].tokens) for hypotheses in found]))

    assert mean_length(0.0) < mean_length(2.0)


def test_what_the_limit_cuts_off_is_not_finished() -> None:
    model = built(TINY["general"])
    found = inference.beam_search(model, *sources(TINY["general"], [5]), width=2, limit=1)[0]
    assert all(len(h.tokens) <= 1 for h in found)
    assert all(h.finished == (h.tokens == []) for h in found)


@pytest.mark.parametrize("module", [inference, torch_search])
@pytest.mark.parametrize(("width", "limit"), [(0, 5), (3, 0)])
def test_no_beam_and_no_tokens_are_errors(module: object, width: int, limit: int) -> None:
    engines = module is inference
    model = built(TINY["general"]) if engines else reference.build(TINY["general"])
    tensor = Tensor if engines else torch.from_numpy
    with pytest.raises(ValueError, match=f"width and limit must be at least 1, got {width} and {limit}"):
        module.beam_search(model, tensor(np.ones((1, 2), int)), tensor(np.array([2])), width, limit)


def test_options_check_themselves() -> None:
    with pytest.raises(ValueError, match="beam must be at least 1, got 0"):
        inference.SearchOptions(beam=0)
    with pytest.raises(ValueError, match="max_length must be at least 1, got -1"):
        inference.SearchOptions(max_length=-1)


def test_a_hundred_sentences_with_five_beams_take_seconds() -> None:
    config = VARIANTS["input-feeding"]["small"]
    model = engine.build(config, generator(0))
    rng = np.random.default_rng(0)
    source, length = rng.integers(3, 400, (100, 40)), rng.integers(10, 41, 100)
    start = time.perf_counter()
    inference.beam_search(model, Tensor(source), Tensor(length), width=5, limit=30)
    assert time.perf_counter() - start < 20  # about 1 s on an idle core; the machine may be busy
