"""docs/performance.md, with its figures and numbers, measured on this machine.

    python -m tinygrad_lab.lab.measuring.report    # make performance; half an hour, quiet

The numbers land in docs/performance/: steps.json and scaling.json with the machine and the day.  A
row of the first is stored as bench.json with each paper's results, too, where the site's front page
finds it.
"""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinygrad_lab import files
from tinygrad_lab.cores import BOUND
from tinygrad_lab.lab import bench, console, registry
from tinygrad_lab.lab.measuring import inference, machine, peers, scaling
from tinygrad_lab.lab.measuring.alike import on_equal_terms
from tinygrad_lab.lab.measuring.spread import quartiles_beside
from tinygrad_lab.lab.study import claims
from tinygrad_lab.study import table

DOCS = Path(__file__).parents[3] / "docs"
REPEATS = 7
Row = dict[str, Any]
Record = dict[str, Any]

PAGE = """# How fast the engine is

`make performance` (`python -m tinygrad_lab.lab.measuring.report`) measured and wrote this page on
{made}, on

> {processor}
> {versions}

Another machine gives other numbers: `tinygrad-lab bench` measures on yours, and names it.

## A training step

Forward, backward and optimiser at size `small`, both sides on all cores in one process, in turns:
blocks of 0.3 s with pauses between them, in which thread pools go to sleep; of each block the
median, of these the median and in brackets the quartiles. PyTorch runs as it is written, eagerly,
not compiled, and counts with the faster of two forms, the one written out for reading and the one
with torch's own modules. Memory is the most that
all processes of a side hold at once: on top of what one process holds when everything is imported,
the engine's two further interpreters with it (about 40 MB where a step is shared among processes);
and as a whole. A ratio below 1 says that the engine is faster.

{steps}

Geometric mean of the ratios: **{mean}**. {missed}

The ratios under other conditions: one core for each side; and, where the processor has AVX-512, NumPy's BLAS and all of
PyTorch held to AVX2 (NumPy's own loops are not, which favours the engine a little). These are of three blocks a side.

{conditions}

![Ratio of each paper's training step, engine over PyTorch](performance/steps.png)

`tinygrad-lab bench --profile SLUG` shows which operations a step's time goes to.

## A trained model

Forward alone, in evaluation mode; and writing, greedily, from one prompt, with the same weights on
both sides (`tinygrad-lab bench --inference`).

{inference}

Geometric mean of the ratios: **{inference_mean}**.

## How it grows

LLaMA of size `small`, made larger along one axis at a time. The exponent says by what power of the
size time or memory grows, fitted to the three largest (of workers there are as many as cores): 1 is
in proportion. With one worker the engine's step is whole, and its matrix products still have all of
BLAS's threads, while PyTorch has one thread.

![Time and memory of a step against batch, width, length and workers](performance/scaling.png)

{scaling}

## Other engines

Loss and all gradients of two models in elementary operations only, the same formulas for everybody
(`tinygrad-lab bench --peers`).

{peers}

## What keeps it so

A clock says little on a busy machine. So a test counts what a step of each paper does: operations,
bytes that arrays are given, large blocks among them, copies. It fails where a step comes to do 15 %
more than was counted last (`make step-counts` counts anew).
"""


# ---- measuring -----------------------------------------------------------------------------------


def measured() -> tuple[Record, Record]:
    """Measure steps, trained models and peers, and how steps grow."""
    about = {"made": datetime.now(UTC).date().isoformat(), "machine": machine.machine()}
    steps = {
        **about,
        "steps": quartiles_beside(bench.run((), None, "small", (), REPEATS)),
        "conditions": {name: under(settings) for name, settings in conditions().items()},
        "inference": quartiles_beside(inference.run((), None, "small", (), REPEATS)),
        "peers": quartiles_beside(peers.run((), None, "small", (), REPEATS)),
    }
    return steps, {
        **about,
        "axes": scaling.measure(lambda point: console.stderr.print(f"scaling: {point}")),
    }


def conditions() -> dict[str, dict[str, str]]:
    """Other settings under which the steps are measured, by their name."""
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", BOUND)
    found = {"one core each": dict.fromkeys(threads, "1")}
    if machine.instructions()[:1] == ["AVX512F"]:
        torch = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
        found["AVX2 only"] = {"OPENBLAS_CORETYPE": "Haswell", **torch}
    return found


def under(settings: Mapping[str, str]) -> list[Row]:
    """The rows of the steps in a process that begins with these settings."""
    command = [sys.executable, "-m", "tinygrad_lab", "bench", "--repeats", "3", "--json", "-"]
    done = subprocess.run(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[Row] = json.loads(done.stdout)
    return rows


# ---- writing -------------------------------------------------------------------------------------


def write(steps: Record, growth: Record, docs: Path = DOCS) -> None:
    """The page, its figures and its numbers."""
    folder = docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    for name, record in (("steps", steps), ("scaling", growth)):
        files.write(folder / f"{name}.json", json.dumps(console.finite(record), indent=1) + "\n")
    title = "\n".join(textwrap.wrap(f"{growth['made']}, {machine.line(growth['machine'])}", 120))
    with _picture(folder / "steps.png", 8.0, 4.0) as picture:
        draw_ratios(picture, steps["steps"][:-1], title)
    with _picture(folder / "scaling.png", 13.0, 6.0) as picture:
        scaling.draw(picture, growth["axes"], title)
    files.write(docs / "performance.md", page(steps, growth))


def page(steps: Record, growth: Record) -> str:
    """The page in Markdown."""
    processor, versions = machine.line(steps["machine"]).split("\n")
    memory = ("numpy_peak_mb", "torch_peak_mb", "numpy_whole_mb", "torch_whole_mb")
    times = ("numpy_ms", "torch_ms", "ratio")
    return PAGE.format(
        made=steps["made"],
        processor=processor,
        versions=versions,
        mean=f"{steps['steps'][-1]['geomean_ratio']:.2f}",
        missed=_missed(steps["steps"][:-1]),
        inference_mean=f"{steps['inference'][-1]['geomean_ratio']:.2f}",
        steps=_table(steps["steps"][:-1], ("paper", "variant"), times, memory),
        conditions=table(
            ("paper", "all cores", *steps["conditions"]),
            _ratios([steps["steps"], *steps["conditions"].values()]),
            right=1 + len(steps["conditions"]),
        ),
        inference=_table(steps["inference"][:-1], ("paper", "variant", "what"), times),
        scaling=table(
            ("axis", "time, engine", "time, PyTorch", "memory, engine", "memory, PyTorch"),
            scaling.exponents(growth["axes"]),
            right=4,
        ),
        peers=_table(steps["peers"], ("peer", "model"), ("numpy_ms", "peer_ms", "ratio")),
    )


def _missed(rows: Sequence[Row]) -> str:
    """Say where PyTorch is faster, and where it needs less memory on top of a warm process."""
    slower = [row["paper"] for row in rows if row["ratio"] > 1]
    larger = [row["paper"] for row in rows if row["numpy_peak_mb"] > 1.15 * row["torch_peak_mb"]]
    return (
        f"PyTorch is faster in {_listed(slower)}. On top of a warm process it needs less memory, by more than 15 %, "
        f"in {_listed(larger)}."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


TITLES = {
    "numpy_ms": "engine ms", "torch_ms": "PyTorch ms", "peer_ms": "its ms",
    "numpy_peak_mb": "engine MB", "torch_peak_mb": "PyTorch MB",
    "numpy_whole_mb": "whole engine MB", "torch_whole_mb": "whole PyTorch MB",
}  # fmt: skip


def _table(rows: Sequence[Row], words: Sequence[str], times: Sequence[str], whole: Sequence[str] = ()) -> str:
    """Write words as they are, times with their quartiles, and numbers without a fraction."""
    lines = [
        (
            *(row[key] for key in words),
            *(_time(row, key) for key in times),
            *(f"{row[key]:.0f}" for key in whole),
        )
        for row in rows
    ]
    titles = [TITLES.get(key, key) for key in (*words, *times, *whole)]
    return table(titles, lines, right=len(times) + len(whole))


def _ratios(runs: Sequence[Sequence[Row]]) -> list[tuple[str, ...]]:
    """A line for each paper, with its ratio in each run, and one for their means."""
    lines = [
        (rows[0]["paper"], *(f"{row['ratio']:.2f}" for row in rows))
        for rows in zip(*(r[:-1] for r in runs), strict=True)
    ]
    return [*lines, ("geometric mean", *(f"{run[-1]['geomean_ratio']:.2f}" for run in runs))]


def _time(row: Row, key: str) -> str:
    if f"{key}_quartiles" not in row:
        return f"{row[key]:.2f}"
    low, high = row[f"{key}_quartiles"]
    return f"{row[key]:.2f} ({low:.2f}-{high:.2f})"


def draw_ratios(picture: Any, rows: Sequence[Row], title: str) -> None:
    """A bar for each paper; shorter than the line at 1, the engine is faster."""
    axes = picture.subplots()
    names, ratios = [row["paper"] for row in rows], [row["ratio"] for row in rows]
    axes.barh(names, ratios, color=["C0" if ratio <= 1 else "C1" for ratio in ratios])
    axes.axvline(1.0, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("time of a training step, engine / PyTorch")
    axes.set_title(title, fontsize=6)


@contextmanager
def _picture(file: Path, width: float, height: float) -> Iterator[Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(picture)
    yield picture
    with files.written(file) as path:
        picture.savefig(path, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})


def store_with_papers(rows: Sequence[Row]) -> None:
    """Write each paper's row among its results, as ``tinygrad-lab bench SLUG --json`` does."""
    for row in rows[:-1]:
        folder = claims.paper_folder(registry.find(row["paper"])) / "study" / "results"
        console.write_json([row, {**rows[-1], "geomean_ratio": row["ratio"]}], str(folder / "bench.json"))


def main() -> None:
    """Measure everything, then write everything."""
    on_equal_terms()
    steps, growth = measured()
    write(steps, growth)
    store_with_papers(steps["steps"])


if __name__ == "__main__":
    main()
