"""On what a time was measured: no figure says anything without it."""

import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab.cores import BOUND, blas_threads
from tinygrad_lab.lab.measuring.alike import set_aside
from tinygrad_lab.workers.paying import described

PROCESSORS = Path("/proc/cpuinfo")
WIDEST = (
    "AVX512F",
    "AVX2",
    "AVX",
    "SVE",
    "ASIMD",
    "NEON",
    "VSX",
    "VX",
)  # one kind of machine has one line of them
SETTINGS = (
    "OPENBLAS_",
    "OMP_",
    "MKL_",
    "ATEN_CPU_CAPABILITY",
    BOUND,
)  # how names begin that change speed
TORCH_BLAS = r"(?:oneAPI )?Math Kernel Library Version (?P<mkl>[\d.]+)|BLAS_INFO=(?P<other>\w+)"


def machine() -> dict[str, Any]:
    """Return processor, instructions, cores, both BLAS, versions, threads and workers, as plain data."""
    import torch

    return {
        "processor": processor(),
        "instructions": instructions(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": {"version": np.__version__, "blas": numpy_blas(), "threads": blas_threads()},
        "torch": {
            "version": str(torch.__version__),
            "blas": torch_blas(),
            "threads": torch.get_num_threads(),
        },
        "workers": described(),
        "settings": {n: value for n, value in sorted(os.environ.items()) if n.startswith(SETTINGS)},
        "set_aside": set_aside(),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the last entry of a report: the geometric mean of its ratios, and where it was measured."""
    return {
        "geomean_ratio": statistics.geometric_mean(row["ratio"] for row in rows),
        "machine": machine(),
    }


def line(about: dict[str, Any]) -> str:
    """Write what ``machine`` found in two lines, for the title of a table."""
    numpy, torch = about["numpy"], about["torch"]
    settings = "".join(f", {name}={value}" for name, value in about["settings"].items())
    if about["set_aside"]:
        settings += f"; set aside, since it holds one side only: {about['set_aside']}"
    return (
        f"{about['processor']}, {', '.join(about['instructions'])}, {about['cores']} cores, {about['system']}\n"
        f"Python {about['python']}; NumPy {numpy['version']} on {numpy['blas']}, {_threads(numpy)}, "
        f"{about['workers']}; PyTorch {torch['version']} on {torch['blas']}, {_threads(torch)}{settings}"
    )


def _threads(side: dict[str, Any]) -> str:
    return f"{side['threads']} thread{'s' * (side['threads'] != 1)}"


def processor(file: Path = PROCESSORS) -> str:
    """Return the processor's name; on Linux with family and model, which some names leave out."""
    if not file.exists():
        return platform.processor() or platform.machine()
    text = file.read_text(encoding="utf-8")
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.M))
    if "model name" not in found:
        return platform.machine()
    kind = f"family {found.get('cpu family', '?')}, model {found.get('model', '?')}"
    return f"{found['model name']} ({kind})"


def instructions() -> list[str]:
    """Return the vector instructions that NumPy finds, the widest first."""
    features = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    return [name for name in WIDEST if features.get(name)]


def numpy_blas() -> str:
    """Return the library, its version and the processor that its kernels are written for."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    loaded = [pool for pool in pools if "numpy" in pool["filepath"]]
    if not loaded:
        return "an unknown BLAS"
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
    pool = loaded[0]
    kernels = f", {pool['architecture']} kernels" if pool.get("architecture") else ""
    return f"{names.get(pool['internal_api'], pool['internal_api'])} {pool['version']}{kernels}"


def torch_blas() -> str:
    """Return the library that PyTorch was built with, and the instructions of its own loops."""
    import torch

    found = re.search(TORCH_BLAS, torch.__config__.show())
    mkl, other = found.groups() if found else (None, "an unknown BLAS")
    name = f"MKL {mkl}" if mkl else other
    return f"{name}, {torch.backends.cpu.get_cpu_capability()} loops"
