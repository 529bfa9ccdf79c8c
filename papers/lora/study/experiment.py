"""The claims of LoRA: quality at a hundredth of the parameters, which matrices, which rank, and what it costs.

tinygrad-lab claims lora
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tinygrad_lab import checkpoint
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from ..config import VARIANTS, LoRAConfig
from ..model import trainable
from ..weights.adapter import WEIGHTS, save_adapter
from . import published
from .arms import ARMS, COMPARED, DEFAULT, FORGETTING, RANKS, WITNESSED, method
from .changes import overlaps, spectra
from .times import in_turns, in_use, operations, step_times

# Around the best rates of an earlier study; an arm whose best is at an end is given further ones.
RATES = {
    "full": (5e-4, 1e-3, 2e-3, 4e-3),
    "bias": (2.5e-2, 5e-2, 1e-1, 2e-1),
    "head": (1e-2, 2e-2, 4e-2, 8e-2),
    "lora": (5e-3, 1e-2, 2e-2, 4e-2),
}
RATE_WINDOWS = 800  # 50 steps, a third of one pass: what twelve arms and two cores leave time for

BASE_PASSES = 2
SEEDS = 5  # of every arm, as a run takes seconds
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on
ROUNDS = 60  # in which times are taken alternately

QUICK_WINDOWS = 128
Job = tuple[str, Callable[[], Run]]  # the arm, and what makes the run


# ---- what is trained -------------------------------------------------------------------------------------------------
def base_path(quick: bool) -> str:
    """Where the pretrained decoder is kept meanwhile."""
    return f"runs/lora-base/{'quick' if quick else 'last'}.safetensors"


def base_config(quick: bool) -> LoRAConfig:
    """The decoder on the source text: everything is trained."""
    config = replace(VARIANTS["full"]["small"], text="source", learning_rate=3e-3, epochs=BASE_PASSES)
    return shortened(config, quick)


def configuration(arm: str, rate: float, quick: bool) -> LoRAConfig:
    """One pass over the target text, from the pretrained decoder."""
    config = VARIANTS[method(arm)]["small"]
    config = replace(config, base=base_path(quick), learning_rate=rate, epochs=1, **ARMS[arm])
    return shortened(config, quick)


def tried(arm: str, rate: float, quick: bool) -> LoRAConfig:
    """What a rate is chosen with: the same, but fewer steps, over windows from all of the text."""
    return configuration(arm, rate, quick) if quick else replace(configuration(arm, rate, quick), windows=RATE_WINDOWS)


def shortened(config: LoRAConfig, quick: bool) -> LoRAConfig:
    """The same at a token size, where that is all that is asked for; the width is that of the largest rank."""
    small = replace(config, width=RANKS[-1], layers=1, heads=2, batch_size=32, context=32, windows=QUICK_WINDOWS)
    return replace(small, epochs=1) if quick else config


# ---- running it ------------------------------------------------------------------------------------------------------
def measure(lab: Lab) -> None:
    """Everything, saved piece by piece."""
    measure_base(lab)
    measure_times(lab)
    measure_rates(lab)
    measure_arms(lab)
    measure_published(lab)


def measure_base(lab: Lab) -> None:
    """Pretrain the decoder once; what it makes of both texts."""
    config = base_config(lab.quick)
    run = lab.train(config, 0, label="base, on the source text")
    path = base_path(lab.quick)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, run.model.state_dict())
    losses = {text: text_loss(lab, run, text) for text in ("source", "target")}
    lab.save("base", {"runs": [run.record()], "losses": losses}, config)


def text_loss(lab: Lab, run: Run, text: str) -> float:
    """Nats a character of the test part of a text."""
    batches = lab.data.evaluation_batches(replace(run.config, text=text), "test")
    return float(lab.side("numpy").evaluate(run.model, batches)["loss"])


def measure_times(lab: Lab) -> None:
    """What a step takes in use and in training, before anything else runs on the other core; what it runs in use."""
    rounds = 3 if lab.quick else ROUNDS
    full, lora = (configuration(arm, 1e-3, lab.quick) for arm in ("full", DEFAULT))
    calls = in_use(lab, lora)
    measured = {"use": in_turns(calls, rounds), "training": step_times(lab, full, lora, rounds)}
    counted = {name: operations(call) for name, call in calls.items()}
    lab.save("times", measured | {"operations": counted}, lora)


def measure_rates(lab: Lab) -> None:
    """Every arm's loss on the validation part at every rate, until the best lies between two others."""
    losses = {arm: rate_losses(lab, arm) for arm in ARMS}
    config = tried(DEFAULT, RATES["lora"][0], lab.quick)
    lab.save("rates", {"losses": losses, "steps": -(-config.windows // config.batch_size)}, config)


def rate_losses(lab: Lab, arm: str) -> dict[str, float]:
    """One arm's losses by rate."""
    return lab.bracket(
        lambda rate: tried(arm, rate, lab.quick), RATES[method(arm)], f"rate of {arm}",
        lambda run: lab.evaluate(run, "validation")["loss"],
    )  # fmt: skip


def measure_arms(lab: Lab) -> None:
    """All runs that are judged, on both sides and side by side, and what is seen in the trained weights."""
    jobs = [job for arm in ARMS for job in arm_jobs(lab, arm)]
    found: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for (arm, _), run in zip(jobs, lab.together([call for _, call in jobs]), strict=True):
        found[arm].append(run)
    config = found[DEFAULT][0].config
    runs = {arm: [record(lab, arm, run) for run in made] for arm, made in found.items()}
    lab.save("arms", {"runs": runs, "cost": {arm: cost(made[0]) for arm, made in found.items()}}, config)
    models = {arm: [run.model for run in found[arm] if run.side == "numpy"] for arm in ("full", *COMPARED)}
    adapted = ([model.state_dict() for model in models[arm]] for arm in COMPARED)
    base = checkpoint.load(base_path(lab.quick))[0]
    changes = {"spectra": [spectra(model, base) for model in models["full"]]}
    lab.save("changes", changes | {"overlaps": overlaps(*adapted)}, config)


def arm_jobs(lab: Lab, arm: str) -> list[Job]:
    """The runs of an arm at its best rate; PyTorch's, where it is a witness, under seeds that nothing else has."""
    config = configuration(arm, best_rate(lab.results("rates")["losses"][arm]), lab.quick)
    seeds = [(seed, "numpy") for seed in lab.seeds(SEEDS)]
    if arm in WITNESSED:
        seeds += [(FIRST_WITNESS + seed, "torch") for seed in lab.seeds(SEEDS)]
    return [(arm, partial(lab.train, config, seed, side, arm, at_end=("test",))) for seed, side in seeds]


def record(lab: Lab, arm: str, run: Run) -> Record:
    """The record of a run from the base; of the engine's with how many numbers it trained, and what it left behind."""
    if run.side != "numpy":
        return run.record()
    kept: Record = run.record() | {"trained": sum(p.numel() for p in trainable(run.model).values())}
    return kept | {"source": text_loss(lab, run, "source")} if arm in FORGETTING else kept


def cost(run: Run) -> dict[str, int]:
    """Bytes: the two moments that AdamW keeps, and the file with what was learned."""
    state = 2 * sum(parameter.numel() * parameter.dtype.itemsize for parameter in trainable(run.model).values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if run.config.method == "lora":
            save_adapter(folder, run.model)
        else:
            checkpoint.save(folder / WEIGHTS, trainable(run.model))
        return {"optimizer": state, "file": (folder / WEIGHTS).stat().st_size}


def measure_published(lab: Lab) -> None:
    """LoRA on a published model, where its package is installed; a quick study has a stand-in for it."""
    source = lab.data.dataset(base_config(lab.quick), "train")
    try:
        subject = published.stand_in(source.text) if lab.quick else published.smollm2()
    except (ValueError, ImportError) as error:
        lab.log(f"SmolLM2 is left out: {error}")
        return
    published.measure(lab, subject)


if __name__ == "__main__":
    as_command("lora")
