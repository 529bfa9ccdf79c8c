"""Our Mamba and the one of transformers: random weights, the same file, the same logits."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import MambaConfig as TheirConfig
from transformers import MambaForCausalLM

from papers.mamba.config import MambaConfig
from papers.mamba.model import State, build
from tests.numerics import relative_error, tolerance
from tinygrad_lab import Tensor, checkpoint, no_grad
from tinygrad_lab.random import generator

# The other one normalises and scans in float32 whatever its dtype is.
BOUND = tolerance(np.dtype(np.float32), 80)
SIZES = {"vocab_size": 31, "hidden_size": 40, "state_size": 5, "expand": 2, "conv_kernel": 3}


def pair(folder: Path) -> tuple:
    torch.manual_seed(0)
    theirs = MambaForCausalLM(TheirConfig(**SIZES, num_hidden_layers=3, layer_norm_epsilon=1e-5)).double().eval()
    theirs.save_pretrained(folder)
    config = MambaConfig(**SIZES, layers=3)
    ours = build(config, generator(0)).double().eval()
    tensors, _ = checkpoint.load(folder / "model.safetensors")
    ours.load_state_dict({name: value for name, value in tensors.items() if name != "lm_head.weight"})
    return ours, theirs, config


def test_logits_and_generation_agree(tmp_path: Path) -> None:
    ours, theirs, config = pair(tmp_path)
    tokens = np.random.default_rng(0).integers(0, 31, (2, 17))
    with torch.no_grad(), no_grad():
        expected = theirs(torch.from_numpy(tokens)).logits.numpy()
        assert relative_error(ours(Tensor(tokens)).numpy(), expected) < BOUND
        states = [State(config, 2, np.float64) for _ in range(config.layers)]
        one_by_one = [ours(Tensor(tokens[:, t : t + 1]), states).numpy() for t in range(17)]
    assert relative_error(np.concatenate(one_by_one, axis=1), expected) < BOUND


def test_gradients_agree(tmp_path: Path) -> None:
    ours, theirs, _ = pair(tmp_path)
    tokens = np.random.default_rng(0).integers(0, 31, (2, 17))
    (theirs(torch.from_numpy(tokens)).logits ** 2).sum().backward()
    (ours(Tensor(tokens)) ** 2).sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert relative_error(parameter.grad.numpy(), expected[name].grad.numpy()) < BOUND, name


def test_the_other_way_our_file_loads_there(tmp_path: Path) -> None:
    ours, theirs, _ = pair(tmp_path)
    checkpoint.save(tmp_path / "ours.safetensors", ours.state_dict(), {})
    result = theirs.load_state_dict(load_file(tmp_path / "ours.safetensors"), strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["lm_head.weight"], [])
