"""Adapters as files: A and B alone, under names that travel; what does not fit is refused, and nothing changed."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from papers.lora.config import VARIANTS
from papers.lora.model import adapters, attach, build, merge
from papers.lora.weights import adapter
from reference.lora import model as reference
from reference.lora.weights import adapter as reference_adapter
from tests.papers.seeded import seeded
from tests.papers.test_twins import ROOT, outline
from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.random import generator

ADAPTED, BASE = VARIANTS["lora"]["tiny"], VARIANTS["full"]["tiny"]
FIRST = "base_model.model.blocks.0.attention.q_proj.lora_A.weight"

READERS = {
    "numpy": (adapter.load_adapter, CheckpointError),
    "torch": (reference_adapter.load_adapter, ValueError),
}


def base(side: str = "numpy") -> Any:
    """The decoder without adapters."""
    return build(BASE, generator(0)) if side == "numpy" else reference.build(BASE)


def saved(folder: Path) -> dict[str, np.ndarray]:
    """Save the adapters of a decoder; its A and B by the model's own names."""
    model = build(ADAPTED, generator(3))
    adapter.save_adapter(folder, model)
    return {name: array.copy() for name, array in model.state_dict().items() if "lora_" in name}


def factors(model: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in model.state_dict().items() if "lora_" in name}


def test_both_sides_read_alike() -> None:
    ours, theirs = (
        outline(ROOT / file) for file in ("papers/lora/weights/adapter.py", "reference/lora/weights/adapter.py")
    )
    assert ours == theirs


def test_a_file_has_the_adapters_and_nothing_else(tmp_path: Path) -> None:
    state = saved(tmp_path)
    stored = load_file(tmp_path / adapter.WEIGHTS)
    assert stored.keys() == {f"base_model.model.{name}" for name in state}
    assert stored[FIRST].shape == (2, 12)
    assert stored[FIRST.replace("_A", "_B")].shape == (12, 2)
    _, about = checkpoint.load(tmp_path / adapter.WEIGHTS)
    assert about == json.loads((tmp_path / adapter.CONFIG).read_text())
    assert (about["r"], about["lora_alpha"], about["peft_type"]) == (2, 4.0, "LORA")
    assert about["target_modules"] == list(adapters(build(ADAPTED)))


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_adapters_of_the_engine_are_attached_on_both_sides(side: str, tmp_path: Path) -> None:
    state = saved(tmp_path)
    model = base(side)
    names = (adapter if side == "numpy" else reference_adapter).load_adapter(tmp_path, model)
    assert names == list(adapters(build(ADAPTED)))
    found = factors(model)
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name], state[name]) for name in state)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == set(state)


def test_adapters_of_pytorch_are_attached_on_the_engine(tmp_path: Path) -> None:
    theirs = reference.build(ADAPTED)
    reference_adapter.save_adapter(tmp_path, theirs)
    model = base()
    seeded(adapter.load_adapter, tmp_path, model)
    assert all(np.array_equal(array, factors(theirs)[name]) for name, array in factors(model).items())
    assert adapters(model)["blocks.0.attention.q_proj"].lora_dropout.p == ADAPTED.dropout


def test_a_merged_model_saves_the_same_adapters(tmp_path: Path) -> None:
    model = build(ADAPTED, generator(3))
    before = adapter.adapter_state(model)
    merge(model)
    adapter.save_adapter(tmp_path, model)
    stored = load_file(tmp_path / adapter.WEIGHTS)
    assert all(np.array_equal(stored[name], array) for name, array in before.items())
    with pytest.raises(RuntimeError, match=r"merged; unmerge\(\) first"):
        adapter.load_adapter_state(model, before)


# ---- refused ---------------------------------------------------------------------------------------------------------


def without_first(state: dict[str, np.ndarray]) -> None:
    del state[FIRST]


def with_another(state: dict[str, np.ndarray]) -> None:
    state["base_model.model.blocks.7.attention.q_proj.lora_A.weight"] = state[FIRST]


def of_no_layer(state: dict[str, np.ndarray]) -> None:
    state["head.weight"] = state[FIRST]


def transposed(state: dict[str, np.ndarray]) -> None:
    state[FIRST] = np.ascontiguousarray(state[FIRST].T)


def of_another_rank(state: dict[str, np.ndarray]) -> None:
    state[FIRST] = state[FIRST][:1]


BROKEN = [
    (without_first, rf"missing \['{re.escape(FIRST)}'\], unexpected \[\]"),
    (with_another, r"missing \[\], unexpected \['base_model.model.blocks.7.attention.q_proj.lora_A.weight'\]"),
    (of_no_layer, r"unexpected \['head.weight'\]"),
    (transposed, rf"{re.escape(FIRST)} is \(12, 2\), needed is \(2, 12\)"),
    (of_another_rank, rf"{re.escape(FIRST)} is \(1, 12\), needed is \(2, 12\)"),
]


@pytest.mark.parametrize(("breaking", "message"), BROKEN)
@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_an_adapter_that_does_not_fit_changes_nothing(side: str, breaking: Any, message: str, tmp_path: Path) -> None:
    saved(tmp_path)
    state = load_file(tmp_path / adapter.WEIGHTS)
    breaking(state)
    save_file(state, tmp_path / adapter.WEIGHTS)
    model = base(side)
    before = {name: np.array(np.asarray(value)) for name, value in model.state_dict().items()}
    with pytest.raises((KeyError, ValueError), match=message):
        (adapter if side == "numpy" else reference_adapter).load_adapter(tmp_path, model)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(np.array_equal(np.asarray(after[name]), array) for name, array in before.items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("breaking", [without_first, transposed])
def test_values_that_do_not_fit_the_adapters_change_none_of_them(breaking: Any) -> None:
    model = build(ADAPTED, generator(3))
    before, other = adapter.adapter_state(model), adapter.adapter_state(build(ADAPTED, generator(4)))
    breaking(other)
    with pytest.raises((KeyError, ValueError), match="the adapter does not fit"):
        adapter.load_adapter_state(model, other)
    assert all(np.array_equal(array, before[name]) for name, array in adapter.adapter_state(model).items())


@pytest.mark.parametrize(("load", "error"), [(adapter, CheckpointError), (reference_adapter, ValueError)])
def test_files_that_cannot_be_read_are_named(load: Any, error: type[Exception], tmp_path: Path) -> None:
    model = base("numpy" if load is adapter else "torch")
    with pytest.raises(error, match=rf"{adapter.CONFIG} cannot be read"):
        load.load_adapter(tmp_path, model)
    saved(tmp_path)
    content = (tmp_path / adapter.WEIGHTS).read_bytes()
    (tmp_path / adapter.WEIGHTS).write_bytes(content[:-8])
    with pytest.raises(error, match=adapter.WEIGHTS):
        load.load_adapter(tmp_path, model)
    about = json.loads((tmp_path / adapter.CONFIG).read_text())
    for changes, message in (({"use_dora": True}, r"settings \['use_dora'\]"), ({"r": None}, "")):
        changed = {k: v for k, v in (about | changes).items() if v is not None or k not in changes}
        (tmp_path / adapter.CONFIG).write_text(json.dumps(changed))
        with pytest.raises(error, match=message or r"missing \['r'\]"):
            load.load_adapter(tmp_path, model)


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("kind", ["VERA", "IA3", "LOKR", "ADALORA", "LOHA", "BOFT", 7])
def test_another_kind_of_adapter_is_refused_by_its_name(kind: Any, side: str, tmp_path: Path) -> None:
    saved(tmp_path)
    about = json.loads((tmp_path / adapter.CONFIG).read_text())
    (tmp_path / adapter.CONFIG).write_text(json.dumps({**about, "peft_type": kind}))
    load, error = READERS[side]
    with pytest.raises(error, match=f"adapter_config.json is no plain LoRA adapter: .*peft_type={kind!r}"):
        load(tmp_path, base(side))


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize(
    "name",
    [
        "embed_tokens.lora_embedding_A",
        "embed_tokens.base_layer.weight",
        "lm_head.lora_A.weight",
        "lm_head.base_layer.weight",
        "blocks.0.attention.q_proj.lora_embedding_A",
    ],
)
def test_adapters_of_embeddings_are_refused_by_their_name(name: str, side: str, tmp_path: Path) -> None:
    saved(tmp_path)
    state = load_file(tmp_path / adapter.WEIGHTS) | {f"{adapter.PREFIX}{name}": np.zeros((2, 3), np.float32)}
    save_file(state, tmp_path / adapter.WEIGHTS)
    load, error = READERS[side]
    layer = re.split(r"\.(?:lora|base)", name)[0]
    with pytest.raises(error, match=f"adapter_config.json: target_modules: {layer} is no linear layer"):
        load(tmp_path, base(side))


def test_a_model_without_adapters_has_none_to_save(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no adapters"):
        adapter.save_adapter(tmp_path / "none", base())
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="has no adapters"):
        reference_adapter.save_adapter(tmp_path, base("torch"))


def test_an_adapter_on_an_adapted_model_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    model = base()
    attach(model, ["k_proj"], 1, 1.0)
    with pytest.raises((ValueError, KeyError)):
        adapter.load_adapter(tmp_path, model)


# ---- the pretrained base ---------------------------------------------------------------------------------------------


def test_a_base_comes_from_a_checkpoint_of_either_side(tmp_path: Path) -> None:
    model = build(BASE, generator(5))
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    checkpoint.save(ours, model.state_dict())
    checkpoint.save(theirs, {f"model.{name}": array for name, array in model.state_dict().items()})
    for path in (ours, theirs):
        config = replace(ADAPTED, base=str(path))
        for adapted in (build(config, generator(0)), reference.build(config)):
            key = "blocks.1.attention.v_proj.base_layer.weight"
            np.testing.assert_array_equal(
                np.asarray(adapted.state_dict()[key]), model.blocks[1].attention.v_proj.weight.numpy()
            )


def test_a_base_of_another_size_or_of_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    checkpoint.save(path, build(replace(BASE, width=8), generator(5)).state_dict())
    for make in (build, reference.build):
        with pytest.raises(ValueError, match=r"base: .* has no weights that fit token\.weight"):
            make(replace(ADAPTED, base=str(path)))
    for make, error in ((build, CheckpointError), (reference.build, ValueError)):
        with pytest.raises(error, match="nowhere"):
            make(replace(ADAPTED, base=str(tmp_path / "nowhere.safetensors")))
