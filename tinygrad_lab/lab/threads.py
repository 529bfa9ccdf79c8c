"""One thread for everything that is computed, and whether PyTorch is one of those who compute."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from threadpoolctl import threadpool_limits


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: tiny models gain nothing from more, and lose much where cores are busy."""
    with threadpool_limits(1), torch_threads(1) if has_torch() else nullcontext():
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch's number of threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
