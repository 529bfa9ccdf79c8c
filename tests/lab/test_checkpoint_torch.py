"""Weights travel engine → file → torch and back, bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tinygrad_lab.checkpoint import CheckpointError, load, load_weights, save
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.tensor import Tensor


class Linear(Module):
    def __init__(self, rng: np.random.Generator, dtype: type) -> None:
        super().__init__()
        self.weight = Parameter(rng.standard_normal((4, 3)).astype(dtype))
        self.bias = Parameter(rng.standard_normal(4).astype(dtype))


class Net(Module):
    def __init__(self, seed: int, dtype: type = np.float32) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.first = Linear(rng, dtype)
        self.second = Linear(rng, dtype)
        self.second.weight._data = np.asfortranarray(self.second.weight._data)  # the layout must not matter
        self.register_buffer("count", Tensor(np.array(seed)))


class TorchNet(torch.nn.Module):
    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 4, dtype=dtype)
        self.second = torch.nn.Linear(3, 4, dtype=dtype)
        self.register_buffer("count", torch.tensor(0))


def test_engine_to_torch_to_engine(tmp_path: Path) -> None:
    for dtype, torch_dtype in ((np.float32, torch.float32), (np.float64, torch.float64)):
        ours, theirs = Net(1, dtype), TorchNet(torch_dtype)
        save(tmp_path / "ours", ours.state_dict())
        theirs.load_state_dict(load_file(tmp_path / "ours"))
        for name, array in ours.state_dict().items():
            assert theirs.state_dict()[name].numpy().tobytes() == array.tobytes()
        save_file(theirs.state_dict(), tmp_path / "theirs")
        back = Net(2, dtype)
        load_weights(tmp_path / "theirs", back)
        assert list(back.state_dict()) == list(theirs.state_dict())
        for name, array in ours.state_dict().items():
            assert back.state_dict()[name].tobytes() == array.tobytes()


def test_special_values_and_integers(tmp_path: Path) -> None:
    arrays = {
        "odd": np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324, np.finfo(np.float64).max]),
        "half": np.arange(5, dtype=np.float16) / 3,
        "ids": np.array([[2**62, -1]]),
        "mask": np.array([True, False]),
        "scalar": np.array(1.5, np.float32),
    }
    save(tmp_path / "file", arrays)
    loaded = load_file(tmp_path / "file")
    for name, array in arrays.items():
        assert loaded[name].numpy().tobytes() == array.tobytes()
        assert loaded[name].shape == array.shape
    save_file(loaded, tmp_path / "back")
    for name, array in load(tmp_path / "back")[0].items():
        assert array.tobytes() == arrays[name].tobytes()


def test_every_bfloat16_is_read_as_the_same_float32(tmp_path: Path) -> None:
    """All 65,536 of them, infinities and each NaN included."""
    every = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)
    save_file({"every": every, "one": every[3].clone(), "none": every[:0].clone()}, tmp_path / "half")
    tensors, _ = load(tmp_path / "half")
    bits = every.view(torch.int16).numpy().view(np.uint16).astype(np.uint32) << 16
    np.testing.assert_array_equal(tensors["every"].view(np.uint32), bits)
    assert tensors["every"].dtype == tensors["one"].dtype == tensors["none"].dtype == np.float32
    assert (tensors["one"].shape, tensors["none"].shape) == ((), (0,))


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_float8_is_refused_by_name(tmp_path: Path, kind: torch.dtype) -> None:
    save_file({"whole": torch.ones(2), "small": torch.ones(2).to(kind)}, tmp_path / "file")
    with pytest.raises(
        CheckpointError, match=r"file: tensor 'small' is of type 'F8_E[45]M[23]' \(float8\), which is n"
    ):
        load(tmp_path / "file")
