"""The data of the case study, its experiments at a token size, and training on both sides."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from papers.llama import data, inference
from papers.llama.config import CHARACTERS, PUBLISHED, VARIANTS
from papers.llama.model import build
from papers.llama.study import arms, blocks, experiment, numbers, timing, verdicts
from papers.llama.train import evaluate
from papers.llama.weights.checkpoints import parameters
from papers.llama.weights.tokenizer import Characters, Pieces, learn
from reference.llama import data as reference_data
from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Rates, Verdict

PAPER = registry.find("llama")
CONFIG = replace(
    VARIANTS["llama"]["tiny"], init=0.02, vocab_size=96, context=32, dataset="topics", batch_size=4, windows=12
)
BYTES = replace(CONFIG, tokens="bpe", vocab_size=300)


# ---- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [CONFIG, BYTES], ids=["characters", "bpe"])
def test_every_target_is_the_token_that_follows(config) -> None:
    for batch in (next(iter(data.training_batches(config, generator(0)))), data.evaluation_batches(config, "test")[0]):
        np.testing.assert_array_equal(batch["tokens"][:, 1:], batch["target"][:, :-1])
        assert batch["tokens"].shape[1] == 32
        assert batch["count"] == batch["target"].size
    assert len(data.training_batches(config, generator(0))) == 3


def test_windows_are_of_the_text_and_differ_by_batch_and_epoch() -> None:
    text = data.dataset(CONFIG, "train").text
    batches = data.training_batches(CONFIG, generator(0))
    windows = [Characters().decode(row) for _ in range(2) for batch in batches for row in batch["tokens"].tolist()]
    assert all(window in text for window in windows)
    assert len(set(windows)) == len(windows) == 24


def test_evaluation_reads_the_held_out_text_from_end_to_end() -> None:
    text = data.dataset(CONFIG, "test").text
    batches = data.evaluation_batches(CONFIG, "test")
    read = "".join(Characters().decode(row) for batch in batches for row in batch["target"].tolist())
    assert text[1:].startswith(read)
    assert len(text) - len(read) <= 33
    assert sum(batch["bytes"] for batch in batches) == len(read)
    sampled = sum(batch["count"] for batch in data.evaluation_batches(CONFIG, "train"))
    assert 0.5 * len(read) < sampled < 1.5 * len(read)


def test_bytes_of_pieces_are_the_length_of_the_text() -> None:
    known = Pieces(data.vocabularies(BYTES)["text"])
    batch = data.evaluation_batches(BYTES, "test")[0]
    assert batch["bytes"] == sum(len(known.decode(row)) for row in batch["target"].tolist())
    assert batch["bytes"] > 1.05 * batch["count"]


def test_a_letter_of_several_bytes_is_as_long_as_they_are() -> None:
    text = "naïve façade, 日本語\n" * 3
    known = Pieces(learn(text, 270))
    assert known.lengths()[known.encode(text)].sum() == len(text.encode()) > len(text)


def test_splits_do_not_overlap_and_cover_the_text() -> None:
    train, test = data.dataset(CONFIG, "train"), data.dataset(CONFIG, "test")
    assert len(test) / (len(train) + len(test)) == pytest.approx(0.1, abs=1e-4)
    assert set(train.text) | set(test.text) <= set(CHARACTERS)


@pytest.mark.parametrize("config", [CONFIG, BYTES], ids=["characters", "bpe"])
def test_both_sides_leave_the_end_of_the_training_text_out(config) -> None:
    config = replace(config, validation=5000)
    text = "".join(data.dataset(config, split).text for split in ("train", "validation", "test"))
    assert text == "".join(data.dataset(replace(config, validation=0), split).text for split in ("train", "test"))
    tokens = reference_data.tokenise(text, config)
    np.testing.assert_array_equal(data.encoded(config, "train"), tokens.train.numpy())
    np.testing.assert_array_equal(data.encoded(config, "test"), tokens.test.numpy())


@pytest.mark.parametrize(("validation", "split"), [(0, "validation"), (10**7, "train")])
def test_a_validation_split_that_cannot_be_is_refused(validation: int, split: str) -> None:
    with pytest.raises(ValueError, match="validation must be below the"):
        data.dataset(replace(CONFIG, validation=validation), split)


def test_texts_and_vocabularies_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="context must be less than the"):
        data.training_batches(replace(CONFIG, context=10**6), generator(0))
    with pytest.raises(ValueError, match="vocab_size must be above 9"):
        data.training_batches(replace(CONFIG, vocab_size=50), generator(0))
    with pytest.raises(ValueError, match="vocab_size must be at least 256"):
        data.vocabularies(replace(BYTES, vocab_size=200))


# ---- the other side's data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [CONFIG, BYTES], ids=["characters", "bpe"])
def test_both_sides_read_the_same_held_out_tokens(config) -> None:
    text = data.dataset(config, "train").text + data.dataset(config, "test").text
    tokens = reference_data.tokenise(text, config)
    ours, theirs = data.evaluation_batches(config, "test"), list(reference_data.evaluation_batches(tokens, config))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one["tokens"], other["tokens"].numpy())
        np.testing.assert_array_equal(one["target"], other["target"].numpy())
        assert (one["count"], one["bytes"]) == (other["count"], other["bytes"])


def test_processes_share_a_batch_and_a_step_always_has_the_same() -> None:
    tokens = torch.arange(500)
    whole = reference_data.training_batch(tokens, CONFIG, step=7)
    parts = [reference_data.training_batch(tokens, CONFIG, 7, rank, 2) for rank in range(2)]
    assert sorted(map(tuple, whole["tokens"].tolist())) == sorted(
        tuple(row) for part in parts for row in part["tokens"].tolist()
    )
    assert {part["count"] for part in parts} == {whole["count"]} == {4.0 * 32}
    assert not torch.equal(whole["tokens"], reference_data.training_batch(tokens, CONFIG, 8)["tokens"])
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 processes, got 4"):
        reference_data.training_batch(tokens, CONFIG, 0, 0, 3)
    with pytest.raises(ValueError, match="context must be less than the 20 tokens"):
        reference_data.training_batch(tokens[:20], CONFIG, 0)


def test_a_text_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "text" / "timemachine.txt"
    file.parent.mkdir()
    file.write_text("once upon a time")
    monkeypatch.setenv("TINYGRAD_LAB_DATA", str(tmp_path))
    assert reference_data.read_text("timemachine") == reference_data.read_text("auto", file) == "once upon a time"
    assert len(reference_data.read_text("auto")) > 100_000  # topics: there is no Shakespeare
    with pytest.raises(FileNotFoundError):
        reference_data.read_text("tinyshakespeare")
    with pytest.raises(ValueError, match="characters that are not among the 96 known: \\['é'\\]"):
        reference_data.tokenise("café", CONFIG)


# ---- training --------------------------------------------------------------------------------------------------------


def test_nats_are_for_each_byte_and_perplexity_for_each_token() -> None:
    model, batch = build(BYTES, generator(0)).double(), data.evaluation_batches(BYTES, "test")[0]
    found = evaluate(model, [{k: Tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}])
    assert np.log(found["perplexity"]) * batch["count"] == pytest.approx(found["loss"] * batch["bytes"], rel=1e-9)


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_a_small_model_learns_a_text(side: str) -> None:
    """Within some dozens of steps it has more than the frequencies of single characters."""
    config = replace(CONFIG, hidden_size=32, feed_forward=64, layers=1, windows=480, batch_size=8, learning_rate=1e-2)
    bench = one_side(PAPER, side)
    model = bench.build(config, 0)
    batches = data.training_batches(config, generator(0))
    optimizer, scheduler = bench.optimizer(model, config, len(batches))
    losses = list(bench.train(model, optimizer, scheduler, batches))
    assert losses[0] == pytest.approx(np.log(96), rel=0.05)
    frequency = np.bincount(data.encoded(config, "train")) / len(data.encoded(config, "train"))
    entropy = -(frequency[frequency > 0] * np.log(frequency[frequency > 0])).sum()
    assert np.mean(losses[-10:]) < entropy - 0.1


# ---- the experiments -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = Lab(PAPER, None, True, tmp_path_factory.mktemp("results"))
    experiment.measure(lab)
    return lab


def test_a_quick_run_has_every_verdict_table_and_figure(quick: Lab) -> None:
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert len(found) == 11
    assert all(claim.verdict in get_args(Verdict) and claim.why for claim in found)
    claims.part(PAPER, "figures").figures(quick)
    assert {path.stem for path in quick.folder.glob("*.png")} == {"losses", "parts", "sizes", "speed"}
    readme = (claims.paper_folder(PAPER) / "README.md").read_text(encoding="utf-8")
    filled = claims.fill(readme, claims.blocks(PAPER, quick))
    assert "| grouped queries |" in filled
    assert "Characters, untrained" in filled


def test_the_witness_starts_and_ends_where_the_engine_does(quick: Lab) -> None:
    ours, theirs = quick.results("characters")["runs"]
    assert (ours["side"], theirs["side"]) == ("numpy", "torch")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-4)


def test_nanogpts_recipe_is_its_setting_for_a_cpu() -> None:
    """100 steps of warm-up to 1e-3, down to 1e-4, moments of 0.9 and 0.99, decay 0.1, clipped at 1."""
    config = arms.yardstick(False)
    assert (config.learning_rate, config.final_rate, config.beta2) == (1e-3, 0.1, 0.99)
    assert (config.weight_decay, config.clip, config.warmup * config.epochs * config.windows / 12) == (0.1, 1.0, 100)


def test_what_is_compared_has_as_many_parameters() -> None:
    """Nearly, and GPT's block has rather more, for its table of positions."""
    whole = arms.whole(False)
    assert (whole.layers, whole.heads, whole.hidden_size, whole.context, whole.batch_size) == (4, 4, 128, 64, 12)
    assert whole.epochs * whole.windows == 2000 * 12
    counts = {name: parameters(arms.part(name, 1e-3, False)) for name in arms.PARTS}
    assert counts["gelu"] == counts["llama"] < counts["learned"] < counts["gpt"] < 1.06 * counts["llama"]
    assert 1 < counts["layer-norm"] / counts["llama"] < 1.01
    halved = arms.part("grouped queries", 1e-3, False)
    assert (halved.heads, halved.kv_heads) == (4, 2)


def test_a_block_of_gpt_has_none_of_llamas_parts() -> None:
    config = arms.part("gpt", 1e-3, False)
    assert (config.norm, config.activation, config.positions, config.biases) == ("layer", "gelu", "learned", True)


def test_networks_of_a_column_cost_about_as_much() -> None:
    """And of two the larger costs less, so that its lead is not bought."""
    costs = [
        [steps * parameters(arms.sized(width, steps, 1e-3, False)) for steps in lengths]
        for width, lengths in arms.SIZES.items()
    ]
    for smaller, larger in pairwise(costs):
        for one, other in zip(reversed(smaller), reversed(larger), strict=False):
            assert 0.7 * one < other < one
    places = [lengths.index(arms.TUNED_AT[width]) - len(lengths) for width, lengths in arms.SIZES.items()]
    assert places == [-2, -2, -2]  # every size is tuned in the same column


def test_rates_are_chosen_on_text_that_was_not_trained_on(quick: Lab) -> None:
    config = arms.choosing(arms.part("gpt", 1e-3, False))
    whole = data.dataset(replace(config, validation=0), "train").text
    train, held_back = (data.dataset(config, split).text for split in ("train", "validation"))
    assert len(held_back) == arms.VALIDATION
    assert train + held_back == whole
    assert {run["config"]["validation"] for run in quick.runs("parts", arm="gpt")} == {0}
    found = claims.part(PAPER, "verdicts").claims(quick)
    assert Counter(claim.finding.rates for claim in found) == {"validation": 6, "none to choose": 5}


def test_seeds_that_confirm_are_no_others() -> None:
    judged = range(max(arms.PART_SEEDS, arms.SIZE_SEEDS, arms.YARDSTICK_SEEDS))
    assert not {*judged, SWEEP_SEED} & set(arms.CONFIRMING)


LONG, SHORT = (16, 16_384), (16, 4096)


@pytest.mark.parametrize(("larger", "longer", "verdict", "reason"), [
    (1.9, 1.8, "reproduced", ""), (1.9, 2.1, "inconclusive", "no rate was tuned for the longest run"),
    (2.1, 1.8, "inconclusive", "not past its optimum"),
])  # fmt: skip
def test_a_small_network_must_be_past_its_optimum_to_improve_beyond_it(
    quick: Lab, monkeypatch: pytest.MonkeyPatch, larger: float, longer: float, verdict: str, reason: str
) -> None:
    losses = {SHORT: 2.0, LONG: longer, (32, 1024): larger}
    wobble = [0.0, 0.001, 0.0, 0.002, 0.001]
    scores = {"0.001": 3.0, "0.01": 2.0, "0.1": 3.0}
    monkeypatch.setattr(verdicts, "at_size", lambda _, *place: [losses[place] + x * losses[place] for x in wobble])
    monkeypatch.setattr(verdicts, "_rates", lambda *_: Rates("validation", {"16": scores, "32": scores}))
    found = verdicts._keeps_improving(quick)
    assert found.verdict == verdict
    assert reason in " ".join(finding.held_back for finding in (found, *found.parts))


def test_a_sentence_below_each_picture_has_the_numbers_of_the_results(quick: Lab) -> None:
    said = blocks.tables(quick)["pictures"].split("\n\n")
    assert [line.partition("results/")[2] for line in said[::2]] == [
        "losses.png)", "parts.png)", "sizes.png)", "speed.png)"
    ]  # fmt: skip
    losses, parts, sizes, speed = said[1::2]
    assert f"end at {quick.runs('characters')[0]['metrics']['loss']:.3f} and" in losses
    mean = np.mean(numbers.nats(quick, "gpt")) - np.mean(numbers.nats(quick, "llama"))
    assert f"lies {mean:+.3f} nats" in parts
    steps = [np.mean(numbers.at_size(quick, 16, count)) for count in (1024, 4096, 16_384)]
    assert " and ".join(f"{after - before:+.3f}" for before, after in pairwise(steps)) in sizes
    times = quick.results("speed")["seconds"]["numpy"]["cached"]
    assert f"{times['512'] / times['16']:.2f} times" in speed


def test_speed_is_measured_at_the_published_size() -> None:
    config = PUBLISHED["SmolLM2 135M"]
    for lengths in timing.SIZES.values():
        inference.check([0] * max(lengths), config)
