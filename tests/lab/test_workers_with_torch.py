"""Workers and PyTorch in one process: its pools of threads, started before the workers or after, disturb neither."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
STEPS = """
import os
from tests.engine.working import *
os.environ["TINYGRAD_LAB_WORKERS"] = "3"
paying.WORTHWHILE = 0

def engine():
    assert_as_the_whole(model, batch_of(50))

def torch_too():
    import torch
    torch.set_num_threads(2)
    x = torch.randn(300, 300, requires_grad=True)
    ((x @ x).relu().exp().mean()).backward()
    assert x.grad.isfinite().all()

model = Network()
for do in {order}:
    do()
print(len(pids(model)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are threads only")
@pytest.mark.parametrize(
    "order", ["torch_too, engine", "engine, torch_too, engine", "torch_too, engine, torch_too, engine"]
)
def test_torch_may_come_before_or_after(order: str) -> None:
    code = STEPS.format(order=f"({order})")
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.stdout.split() == ["2"], result.stderr
    assert result.stderr == ""
