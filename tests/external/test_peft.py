"""PEFT, an independent implementation of LoRA, as witness: adapters travel in both directions, on both sides."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from torch import nn

from papers.lora.config import ALL_LINEAR, VARIANTS
from papers.lora.model import build, merge
from papers.lora.weights import adapter
from reference.lora import model as reference
from reference.lora.weights import adapter as reference_adapter
from tinygrad_lab import Tensor
from tinygrad_lab.random import generator

BASE = VARIANTS["full"]["tiny"]
SEQUENCE = np.random.default_rng(0).integers(0, BASE.vocabulary, (3, BASE.context))


def bases() -> tuple[Any, Any]:
    """The same decoder on both sides, in float64."""
    ours, theirs = build(BASE, generator(0)).double(), reference.build(BASE).double()
    theirs.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in ours.state_dict().items()})
    return ours, theirs


def by_peft(base: nn.Module, **changes: Any) -> Any:
    """PEFT's own adapters on the PyTorch decoder, with a B that is not 0."""
    settings = {"r": 3, "lora_alpha": 5, "lora_dropout": 0.1, "target_modules": ALL_LINEAR.split(",")} | changes
    model = peft.get_peft_model(base, peft.LoraConfig(**settings), autocast_adapter_dtype=False)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    return model.eval()


def output(model: Any) -> np.ndarray:
    return model(torch.from_numpy(SEQUENCE)).detach().numpy()


def test_an_adapter_of_peft_works_on_both_sides(tmp_path: Path) -> None:
    ours, theirs = bases()
    _, plain = bases()
    witness = by_peft(plain)
    witness.save_pretrained(tmp_path)
    assert len(adapter.load_adapter(tmp_path, ours)) == len(reference_adapter.load_adapter(tmp_path, theirs)) == 12
    expected = output(witness)
    np.testing.assert_allclose(ours.eval()(Tensor(SEQUENCE)).numpy(), expected, rtol=1e-9)
    np.testing.assert_allclose(output(theirs.eval()), expected, rtol=1e-9)
    merge(ours)
    np.testing.assert_allclose(ours(Tensor(SEQUENCE)).numpy(), output(witness.merge_and_unload()), rtol=1e-9)


@pytest.mark.parametrize("side", ["numpy", "torch"])
def test_our_adapters_work_in_peft(side: str, tmp_path: Path) -> None:
    config = VARIANTS["all-linear"]["tiny"]
    if side == "numpy":
        adapted = build(config, generator(1)).double()
        adapter.save_adapter(tmp_path, adapted)
        expected = adapted.eval()(Tensor(SEQUENCE)).numpy()
        weights = {n.replace("base_layer.", ""): torch.from_numpy(a.copy()) for n, a in adapted.state_dict().items()}
    else:
        adapted = reference.build(config).double()
        reference_adapter.save_adapter(tmp_path, adapted)
        expected = output(adapted.eval())
        weights = {name.replace("base_layer.", ""): value for name, value in adapted.state_dict().items()}
    _, base = bases()
    base.load_state_dict({name: value for name, value in weights.items() if "lora_" not in name})
    witness = peft.PeftModel.from_pretrained(base, tmp_path, autocast_adapter_dtype=False).double().eval()
    np.testing.assert_allclose(output(witness), expected, rtol=1e-9)


@pytest.mark.parametrize("changes", [{"use_rslora": True}, {"bias": "all"}, {"rank_pattern": {"q_proj": 2}}])
def test_what_the_paper_does_not_have_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    _, plain = bases()
    by_peft(plain, **changes).save_pretrained(tmp_path)
    with pytest.raises(Exception, match=f"no plain LoRA adapter: unknown settings .*{next(iter(changes))}"):
        adapter.load_adapter(tmp_path, bases()[0])


def saved_by_peft(folder: Path, dtype: torch.dtype = torch.float64, **changes: Any) -> Any:
    """An adapter with an A and a B that are not 0, in its two files; what PEFT itself reads out of them."""
    _, plain = bases()
    by_peft(plain, **changes).to(dtype).save_pretrained(folder)
    _, base = bases()
    return peft.PeftModel.from_pretrained(base, folder, autocast_adapter_dtype=False).double().eval()


@pytest.mark.parametrize("start", [True, False, "gaussian", "orthogonal"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_adapters_of_every_type_that_leave_the_base_alone(tmp_path: Path, dtype: torch.dtype, start: Any) -> None:
    ours, theirs = bases()
    expected = output(saved_by_peft(tmp_path, dtype, init_lora_weights=start, r=2))
    adapter.load_adapter(tmp_path, ours)
    reference_adapter.load_adapter(tmp_path, theirs)
    np.testing.assert_allclose(ours.double().eval()(Tensor(SEQUENCE)).numpy(), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(output(theirs.double().eval()), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "changes",
    [
        {"init_lora_weights": "pissa"}, {"init_lora_weights": "pissa_niter_4"}, {"init_lora_weights": "olora"},
        {"init_lora_weights": "mica"}, {"alora_invocation_tokens": [1, 2]}, {"use_dora": True},
        {"use_rslora": True}, {"lora_bias": True}, {"rank_pattern": {"q_proj": 2}}, {"alpha_pattern": {"q_proj": 2}},
        {"modules_to_save": ["head"]}, {"bias": "lora_only"}, {"trainable_token_indices": [1]},
        {"init_lora_weights": "corda"}, {"init_lora_weights": "lora_ga"}, {"init_lora_weights": "loftq"},
        {"fan_in_fan_out": True}, {"layer_replication": [[0, 1]]}, {"use_qalora": True}, {"use_bdlora": {"nblocks": 1}},
        {"target_parameters": ["x"]}, {"kasa_config": {"a": 1}}, {"ensure_weight_tying": True},
        {"something_of_tomorrow": 1}, {"peft_type": "LOHA"},
    ],
    ids=str,
)  # fmt: skip
def test_adapters_of_other_kinds_are_refused_by_name(tmp_path: Path, changes: dict[str, Any]) -> None:
    """As PEFT writes them where it can make one here; else in the words that it would write."""
    try:
        saved_by_peft(tmp_path, **changes)
    except Exception:
        saved_by_peft(tmp_path)
    path = tmp_path / adapter.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))  # it sets some back where they do nothing
    for side, base in zip((adapter, reference_adapter), bases(), strict=True):
        before = {name: np.array(np.asarray(value)) for name, value in base.state_dict().items()}
        with pytest.raises(Exception, match=rf"no plain LoRA adapter: unknown settings .*{next(iter(changes))}"):
            side.load_adapter(tmp_path, base)
        after = base.state_dict()
        assert after.keys() == before.keys()
        assert all(np.array_equal(np.asarray(after[name]), array) for name, array in before.items())
