"""Several processes on one model: each has its part of a batch, and gradients are averaged over all.

``torchrun`` starts the processes and tells each its number.  With DDP every process has the whole model; with FSDP2
each keeps only its part of every weight, and borrows the others' while a block is at work.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

KINDS = ("ddp", "fsdp")


@contextmanager
def processes() -> Iterator[torch.device]:
    """Meet the other processes that ``torchrun`` has started, if there are any; gives the device of this one."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if "RANK" not in os.environ:
        yield device
        return
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def ranks() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(model: nn.Module, blocks: list[nn.Module], kind: str, device: torch.device) -> nn.Module:
    """The model on its device and, if there are several processes, shared among them.

    Args:
        model: the same on all of them.
        blocks: the parts whose weights are gathered together, for FSDP.
        kind: "ddp" or "fsdp".
        device: of this process.
    """
    model = model.to(device)
    if ranks() == 1:
        return model
    if kind == "ddp":
        return DistributedDataParallel(model)
    mesh = init_device_mesh(device.type, (ranks(),))
    for part in (*blocks, model):
        fully_shard(part, mesh=mesh)
    return model


def exchange(model: nn.Module, now: bool) -> Any:
    """A context for a forward and a backward pass; gradients go to the other processes after it only if ``now``."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(now)
    elif isinstance(model, DistributedDataParallel) and not now:
        return model.no_sync()
    return nullcontext()


def largest(value: int) -> int:
    """The largest of what the processes have."""
    if not dist.is_initialized():
        return value
    found = torch.tensor(value, device="cuda" if dist.get_backend() == "nccl" else "cpu", dtype=torch.int64)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found.item())


def summed(value: torch.Tensor) -> float:
    """The sum over all processes."""
    total = value.detach().clone()
    if dist.is_initialized():
        dist.all_reduce(total)
    return total.item()
