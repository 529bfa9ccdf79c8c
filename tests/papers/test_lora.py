"""LoRA: what the update is, what is frozen, merging there and back, and which layers are adapted."""

import math
import tracemalloc
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.bert.model import build as build_bert
from papers.llama.model import build as build_llama
from papers.lora import PAPER, data
from papers.lora.config import ALL_LINEAR, VARIANTS, LoRAConfig
from papers.lora.model import LoRALinear, adapters, attach, build, detach, loss, matches, merge, trainable, unmerge
from papers.lora.train import configure_optimizer, train
from reference.lora import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, nn, optim
from tinygrad_lab.data.characters import decode
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import sides
from tinygrad_lab.random import generator, initialising


def tiny(variant: str = "lora", **changes) -> LoRAConfig:
    return replace(VARIANTS[variant]["tiny"], **changes)


def example(config: LoRAConfig, seed: int = 0) -> dict:
    batch = data.example_batch(config, generator(seed))
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def layer(rank: int = 2, inputs: int = 6, outputs: int = 5, dropout: float = 0.0, alpha: float = 3.0) -> LoRALinear:
    """One adapted layer in float64, with a B that is not 0."""
    with initialising(generator(0)):
        adapted = LoRALinear(nn.Linear(inputs, outputs), rank, alpha, dropout).double()
        nn.init.normal_(adapted.lora_B.weight)
    return adapted


def weights_of(adapted: LoRALinear) -> tuple[np.ndarray, ...]:
    base = adapted.base_layer
    return tuple(p.numpy() for p in (base.weight, base.bias, adapted.lora_A.weight, adapted.lora_B.weight))


# ---- one layer -------------------------------------------------------------------------------------------------------


@given(rank=st.integers(1, 5), leading=st.lists(st.integers(1, 4), max_size=3).map(tuple), alpha=st.floats(0.5, 32))
def test_output_is_that_of_the_weight_with_the_update(rank: int, leading: tuple[int, ...], alpha: float) -> None:
    adapted = layer(rank, alpha=alpha)
    w, b, a_factor, b_factor = weights_of(adapted)
    x = np.random.default_rng(0).standard_normal((*leading, 6))
    expected = x @ (w + alpha / rank * b_factor @ a_factor).T + b
    np.testing.assert_allclose(adapted(Tensor(x)).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_gradients_are_those_of_the_equations() -> None:
    """dB = s dyᵀ u, dA = s (dy B)ᵀ x, dx = dy (W0 + s B A), with u = x Aᵀ; W0 and b have none."""
    adapted = layer(rank=2, alpha=3.0)
    w, _, a, b = weights_of(adapted)
    rng = np.random.default_rng(0)
    x, dy = Tensor(rng.standard_normal((7, 6)), requires_grad=True), rng.standard_normal((7, 5))
    adapted(x).backward(dy)
    np.testing.assert_allclose(adapted.lora_B.weight.grad.numpy(), 1.5 * dy.T @ (x.numpy() @ a.T))
    np.testing.assert_allclose(adapted.lora_A.weight.grad.numpy(), 1.5 * (dy @ b).T @ x.numpy())
    np.testing.assert_allclose(x.grad.numpy(), dy @ (w + 1.5 * b @ a))
    assert adapted.base_layer.weight.grad is None
    assert adapted.base_layer.bias.grad is None


def test_a_fresh_adapter_changes_nothing_and_moves_b_first() -> None:
    base = nn.Linear(6, 5, generator=generator(0))
    x = Tensor(np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32))
    before = base(x).numpy()
    adapted = seeded(LoRALinear, base, 2, 4.0, seed=1)
    np.testing.assert_array_equal(adapted(x).numpy(), before)
    (adapted(x) * x[:, :5]).sum().backward()
    assert np.all(adapted.lora_A.weight.grad.numpy() == 0)
    assert np.all(adapted.lora_B.weight.grad.numpy() != 0)


def test_a_starts_as_the_weight_of_a_linear_layer_does() -> None:
    a = seeded(LoRALinear, nn.Linear(400, 300), 50, 1.0).lora_A.weight.numpy()
    assert np.abs(a).max() <= 1 / math.sqrt(400)
    assert a.std() == pytest.approx(1 / math.sqrt(3 * 400), rel=0.02)


def test_dropout_is_on_the_way_into_a_and_nowhere_else() -> None:
    adapted = layer(dropout=0.5)
    w, b, a, b_factor = weights_of(adapted)
    x = np.ones((1000, 6))
    beside = (adapted(Tensor(x)).numpy() - b - x @ w.T) / 1.5  # B A dropped(x)
    masks = 2.0 * np.array(np.meshgrid(*[[0, 1]] * 6)).reshape(6, -1).T
    possible = masks @ a.T @ b_factor.T
    distances = np.abs(beside[:, None] - possible[None]).max(axis=2).min(axis=1)
    assert distances.max() < 1e-12
    assert len(np.unique(beside.round(9), axis=0)) > 50
    np.testing.assert_allclose(adapted.eval()(Tensor(x)).numpy(), x @ (w + 1.5 * b_factor @ a).T + b)


@pytest.mark.parametrize("rank", [0, -1, 6])
@pytest.mark.parametrize("side", [(LoRALinear, nn.Linear), (reference.LoRALinear, torch.nn.Linear)])
def test_impossible_ranks_are_refused(rank: int, side: tuple) -> None:
    adapt, linear = side
    with pytest.raises(ValueError, match=rf"rank must be from 1 to 5 .* \(5, 8\), got {rank}"):
        adapt(linear(8, 5), rank, 1.0)


# ---- merging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_merged_and_unmerged_models_agree_in_both_modes(training: bool, dtype: str) -> None:
    config = tiny("all-linear", dropout=0.0)
    model = build(config, generator(0)).to(np.dtype(dtype)).train(training)
    sequence = example(config)["sequence"]
    apart = model(sequence).numpy()
    merge(model)
    np.testing.assert_allclose(model(sequence).numpy(), apart, **CLOSE[dtype])
    unmerge(model)
    np.testing.assert_array_equal(model(sequence).numpy(), apart)


CLOSE = {"float32": {"rtol": 1e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


def test_unmerging_gives_the_weights_back_bit_for_bit() -> None:
    model = build(tiny("all-linear"), generator(0))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    for _ in range(3):
        merge(model)
        merged = {name: array.copy() for name, array in model.state_dict().items()}
        unmerge(model)
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    changed = {name for name in before if not np.array_equal(before[name], merged[name])}
    assert changed == {f"{name}.base_layer.weight" for name in adapters(model)}


def test_modes_neither_merge_nor_unmerge() -> None:
    model = build(tiny(), generator(0))
    before = model.blocks[0].attention.q_proj.base_layer.weight.numpy().copy()
    model.eval()
    np.testing.assert_array_equal(model.blocks[0].attention.q_proj.base_layer.weight.numpy(), before)
    merge(model)
    merged = model.blocks[0].attention.q_proj.base_layer.weight.numpy().copy()
    model.train()
    np.testing.assert_array_equal(model.blocks[0].attention.q_proj.base_layer.weight.numpy(), merged)


def test_merging_twice_or_unmerging_what_is_not_merged_is_refused() -> None:
    for model in (build(tiny(), generator(0)), reference.build(tiny())):
        module = reference if isinstance(model, torch.nn.Module) else None
        there, back = (module.merge, module.unmerge) if module else (merge, unmerge)
        with pytest.raises(RuntimeError, match="not in the weight"):
            back(model)
        assert "rank=2, alpha=4, merged=False" in repr(model)
        there(model)
        assert "rank=2, alpha=4, merged=True" in repr(model)
        with pytest.raises(RuntimeError, match="in the weight already"):
            there(model)


def test_nothing_of_a_merged_model_can_be_trained() -> None:
    config = tiny()
    model = build(config, generator(0))
    merge(model)
    with pytest.raises(RuntimeError, match="does not depend on any tensor with requires_grad"):
        loss(model, example(config)).backward()


def test_detached_models_are_plain_again() -> None:
    config = tiny("all-linear", dropout=0.0)
    model = build(config, generator(0)).double()
    sequence = example(config)["sequence"]
    adapted = model(sequence).numpy()
    merge(model)
    detach(model)
    assert not adapters(model)
    assert list(model.state_dict()) == list(build(tiny("full"), generator(0)).state_dict())
    np.testing.assert_allclose(model(sequence).numpy(), adapted, rtol=1e-10, atol=1e-12)


# ---- which layers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("q_proj", True), ("proj", False), ("*proj", True), ("attention.q_proj", True), ("blocks.0.*", True),
        ("0.*.q_proj", True), ("blocks.1.*", False), ("blocks.0.attention.q_proj", True), ("Q_proj", False),
    ],
)  # fmt: skip
def test_patterns_describe_a_name_or_its_last_parts(pattern: str, expected: bool) -> None:
    assert matches("blocks.0.attention.q_proj", pattern) is expected
    assert reference.matches("blocks.0.attention.q_proj", pattern) is expected


def test_default_targets_are_queries_and_values_of_every_block() -> None:
    names = list(adapters(build(tiny(), generator(0))))
    assert names == [f"blocks.{n}.attention.{which}_proj" for n in range(2) for which in "qv"]
    assert len(adapters(build(tiny("all-linear"), generator(0)))) == 2 * len(ALL_LINEAR.split(","))


def sides_of_decoder():
    config = tiny("full")
    return [(build(config, generator(0)), attach), (reference.build(config), reference.attach)]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    for model, adapt in sides_of_decoder():
        with pytest.raises(ValueError, match=r"'query' matches no linear layer; .* called .*q_proj, up_proj, v_proj"):
            adapt(model, ["q_proj", "query"], 1, 1.0)


def test_a_rank_too_large_for_one_layer_is_refused_and_nothing_changed() -> None:
    for model, adapt in sides_of_decoder():
        with pytest.raises(ValueError, match=r"rank must be from 1 to 11 for head, whose weight is \(11, 12\), got 12"):
            adapt(model, ["q_proj", "head"], 12, 1.0)
        assert not [name for name, _ in model.named_parameters() if "lora" in name]
        assert all(parameter.requires_grad for parameter in model.parameters())


def test_adapters_on_adapters_are_refused() -> None:
    for model, adapt in sides_of_decoder():
        assert adapt(model, ["q_proj"], 1, 1.0) == ["blocks.0.attention.q_proj", "blocks.1.attention.q_proj"]
        with pytest.raises(ValueError, match="has adapters already"):
            adapt(model, ["v_proj"], 1, 1.0)


def test_a_weight_that_is_used_twice_is_refused() -> None:
    """Merging into an output layer that is also the table of embeddings would change both."""
    for model, adapt in sides_of_decoder():
        model.head = type(model.head)(12, 11, bias=False)
        model.head.weight = model.token.weight
        with pytest.raises(ValueError, match=r"the weight of head is also token\.weight"):
            adapt(model, ["head"], 1, 1.0)
    for model, adapt in sides_of_decoder():  # where its other use comes later
        model.blocks[1].up_proj.weight = model.blocks[0].up_proj.weight
        with pytest.raises(ValueError, match=r"the weight of blocks\.0\.up_proj is also blocks\.1\.up_proj\.weight"):
            adapt(model, ["0.up_proj"], 1, 1.0)


def test_nothing_is_dropped_unless_it_is_asked_for() -> None:
    for model, adapt in sides_of_decoder():
        adapt(model, ["up_proj"], 1, 1.0)
        assert {block.up_proj.lora_dropout.p for block in model.blocks} == {0.0}
    for adapted, linear in ((LoRALinear, nn.Linear), (reference.LoRALinear, torch.nn.Linear)):
        assert adapted(linear(3, 4), 1, 1.0).lora_dropout.p == 0.0


@pytest.mark.parametrize(
    ("slug", "build_model", "targets", "layers"),
    [("llama", build_llama, ["q_proj", "v_proj"], 4), ("bert", build_bert, ["query", "value"], 4)],
)
def test_other_papers_models_are_adapted(slug: str, build_model, targets: list[str], layers: int) -> None:
    """The adapted model starts as the base, learns, and gives its merged weights to a plain model."""
    paper = registry.find(slug)
    config = paper.variants[paper.default_variant]["tiny"]
    side = sides(paper)[0]
    batch = side.batch(registry.part(paper, "data").example_batch(config, generator(0)))
    model = build_model(config, generator(0))
    before = side.loss(model.eval(), batch).item()
    names = seeded(attach, model, targets, 2, 8.0, seed=1)
    assert len(names) == layers
    assert side.loss(model.eval(), batch).item() == before
    optimizer = optim.AdamW(trainable(model).values(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        side.loss(model, batch).backward()
        optimizer.step()
    adapted = side.loss(model, batch).item()
    assert adapted < before
    merge(model)
    detach(model)
    plain = build_model(config, generator(5))
    plain.load_state_dict(model.state_dict())
    assert side.loss(plain.eval(), batch).item() == pytest.approx(adapted, rel=1e-5)


# ---- what is trained -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_moves_what_the_method_names_and_nothing_else(variant: str) -> None:
    config = tiny(variant, weight_decay=0.5)
    model = build(config, generator(0))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    optimizer, scheduler = configure_optimizer(model, config, 4)
    list(train(model, optimizer, scheduler, [example(config, seed) for seed in range(4)]))
    moved = {name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])}
    parts = {"lora": "lora_", "all-linear": "lora_", "bias": "bias", "head": "head."}
    assert moved == {name for name in before if parts.get(variant, "") in name} == set(trainable(model))
    assert len(optimizer.state) == len(moved)


def test_gradients_are_only_made_for_what_is_trained() -> None:
    config = tiny()
    model = build(config, generator(0))
    loss(model, example(config)).backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == set(trainable(model))


def test_frozen_weights_cost_no_memory_in_the_backward_pass() -> None:
    """Few characters and many weights, so that gradients of weights are what memory goes into."""
    peaks = {}
    for variant in ("full", "lora"):
        config = tiny(variant, width=96, context=4, batch_size=1)
        model = build(config, generator(0))
        value = loss(model, example(config))
        tracemalloc.start()
        value.backward()
        peaks[variant] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    weights = sum(array.nbytes for array in build(tiny("full", width=96)).state_dict().values())
    assert peaks["full"] > 0.95 * weights
    assert peaks["lora"] < 0.1 * weights


@pytest.mark.parametrize(("width", "rank"), [(12, 2), (16, 4)])
def test_trainable_count_is_that_of_the_formula(width: int, rank: int) -> None:
    """Section 4.2: 2 L d r for L adapted square matrices."""
    model = build(tiny(width=width, rank=rank), generator(0))
    assert sum(p.numel() for p in trainable(model).values()) == 2 * 4 * width * rank


def test_the_paper_s_count_for_gpt2_medium() -> None:
    """Table 3 prints 0.35 M; 2 L d r gives 393,216."""
    config = VARIANTS["lora"]["paper"]
    with torch.device("meta"):
        model = reference.build(config)
    assert sum(p.numel() for p in reference.trainable(model).values()) == 2 * 48 * 1024 * 4 == 393_216
    assert config.alpha / config.rank == 8


def test_the_learning_rate_rises_and_falls_along_lines() -> None:
    config = tiny(learning_rate=1.0, warmup=0.2)
    optimizer, scheduler = configure_optimizer(build(config, generator(0)), config, 10)
    rates = []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
    assert optimizer.param_groups[0]["lr"] == 0


def test_an_adapter_learns_a_text_that_its_base_does_not_know() -> None:
    config = tiny(vocabulary=96, width=24, context=16, rank=4, initial_b=0.0, dropout=0.0, learning_rate=0.03)
    side, _ = sides(PAPER)
    model = side.build(replace(config, targets="head," + config.targets))
    some = list(islice(data.evaluation_batches(config, "test"), 2))
    optimizer, scheduler = side.optimizer(model, config, 30)
    before = side.evaluate(model, some)["loss"]
    batches = data.training_batches(replace(config, batch_size=32), generator(0))
    list(side.train(model, optimizer, scheduler, islice(batches, 30)))
    assert side.evaluate(model, some)["loss"] < before - 0.3


# ---- the base and the data -------------------------------------------------------------------------------------------


def test_evaluation_reads_in_order_and_no_more_than_it_must() -> None:
    config = tiny(context=200, vocabulary=96)
    text = data.dataset(config, "test").text
    read = np.concatenate([batch["sequence"].reshape(-1) for batch in data.evaluation_batches(config, "test")])
    assert decode(read) == text[: len(read)]
    assert len(text) - len(read) <= 201
    windows = [row for batch in data.evaluation_batches(tiny(context=20), "train") for row in batch["sequence"]]
    whole = data.dataset(config, "train").text
    assert 128 < len(windows) <= 256
    assert whole.index(decode(windows[-1])) > 0.95 * len(whole)


def test_splits_and_texts_are_disjoint() -> None:
    config = tiny()
    parts = [data.dataset(config, split).text for split in ("train", "validation", "test")]
    assert [round(len(part) / sum(map(len, parts)), 3) for part in parts] == [0.8, 0.1, 0.1]
    source = [data.dataset(replace(config, text="source"), split).text for split in ("train", "validation", "test")]
    whole = data.load_text("topics").text
    assert "".join([*source, *parts]) == whole


def test_registered_under_regularisation_and_adaptation() -> None:
    assert PAPER.family == "regularisation and adaptation"
    assert PAPER.default_variant == "lora"
