"""The claims of LoRA: quality at a hundredth of the parameters, which matrices, which rank, and what it costs.

tinygrad-lab claims lora
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import checkpoint
from tinygrad_lab.data import available
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from ..config import ALL_LINEAR, VARIANTS, LoRAConfig
from ..model import trainable
from ..weights import smollm2
from ..weights.adapter import WEIGHTS, save_adapter

BASE = "runs/lora-base/last.safetensors"  # where the pretrained decoder is kept meanwhile
METHODS = {  # what is trained -> the learning rates that are tried for it
    "full": (3e-4, 1e-3, 3e-3),
    "lora": (3e-3, 1e-2, 3e-2, 1e-1),
    "bias": (1e-2, 3e-2, 1e-1, 3e-1),
    "head": (3e-3, 1e-2, 3e-2, 1e-1),
}
# Table 5: as many trained parameters each, but for the last two, which spread them over matrices of other shapes.
TARGETS: dict[str, tuple[str, int]] = {
    "q": ("q_proj", 8),
    "k": ("k_proj", 8),
    "v": ("v_proj", 8),
    "o": ("out_proj", 8),
    "q, v": ("q_proj,v_proj", 4),
    "q, k, v, o": ("q_proj,k_proj,v_proj,out_proj", 2),
    "MLP": ("up_proj,down_proj", 2),
    "all": (ALL_LINEAR, 1),
}
RANKS = (1, 2, 4, 8, 32)  # table 6
SPECTRUM = ("q_proj", "v_proj")  # whose change in full fine-tuning is looked at


# ---- what each experiment trains -------------------------------------------------------------------------------------


def base_config(quick: bool) -> LoRAConfig:
    """The decoder on the source text: everything is trained."""
    config = replace(VARIANTS["full"]["small"], text="source", learning_rate=3e-3)
    return _short(config) if quick else replace(config, epochs=2)


def method_config(method: str, rate: float, quick: bool) -> LoRAConfig:
    """One pass over the target text, from the pretrained decoder."""
    config = replace(VARIANTS[method]["small"], base=BASE, learning_rate=rate, epochs=1)
    return _short(config) if quick else config


def _short(config: LoRAConfig) -> LoRAConfig:
    return replace(config, width=32, layers=1, heads=2, batch_size=32, context=32, windows=128, epochs=1)


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Everything, saved piece by piece."""
    measure_base(lab)
    measure_rates(lab)
    measure_methods(lab)
    measure_targets(lab)
    measure_ranks(lab)
    if not lab.quick and available("tinyshakespeare"):
        measure_smollm2(lab)


def measure_base(lab: Lab) -> None:
    """Pretrain the decoder once; what it makes of both texts."""
    config = base_config(lab.quick)
    run = lab.train(config, 0, label="base, on the source text")
    Path(BASE).parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(BASE, run.model.state_dict())
    lab.save("base", {"runs": [run.record()], "losses": both_losses(lab, run)}, config)


def both_losses(lab: Lab, run: Run) -> dict[str, float]:
    """Nats per character of the test parts of both texts."""
    side, texts = lab.side("numpy"), ("source", "target")
    parts = {text: lab.data.evaluation_batches(replace(run.config, text=text), "test") for text in texts}
    return {text: side.evaluate(run.model, batches)["loss"] for text, batches in parts.items()}


def measure_rates(lab: Lab) -> None:
    """Every method's loss on the validation part at every learning rate, one seed."""
    losses = {}
    for method, rates in METHODS.items():
        tried = rates[: 1 if lab.quick else None]
        configs = {rate: method_config(method, rate, lab.quick) for rate in tried}
        losses[method] = lab.sweep(configs, method, lambda run: lab.evaluate(run, "validation")["loss"])
    lab.save("rates", {"losses": losses}, configs[tried[-1]])


def tuned(lab: Lab, method: str) -> LoRAConfig:
    """A method with the learning rate that is best for it."""
    return method_config(method, best_rate(lab.results("rates")["losses"][method]), lab.quick)


def adapted(lab: Lab, run: Run) -> Record:
    """The record of a run from the base; with how many numbers it trained, and what it leaves behind."""
    trained = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    return run.record() | {"trained": trained, "after": both_losses(lab, run)}


def measure_methods(lab: Lab) -> None:
    """All methods, each at its own learning rate; LoRA and full fine-tuning on PyTorch too, one seed."""
    for method in METHODS:
        config = tuned(lab, method)
        runs = [lab.train(config, seed, label=method) for seed in lab.seeds(4)]
        records = [adapted(lab, run) for run in runs]
        results: Record = {"cost": cost(config, runs[0].model)}
        if method == "full":
            results["spectra"] = [spectra(run.model) for run in runs]
        if method in ("full", "lora"):
            records.append(lab.train(config, 0, side="torch", label=method).record())
        lab.save(method, {"runs": records, **results}, config)


def cost(config: LoRAConfig, model: Any) -> dict[str, int]:
    """Bytes: the two moments that AdamW keeps, and the file with what was learned."""
    state = 2 * sum(parameter.numel() * parameter.dtype.itemsize for parameter in trainable(model).values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if config.method == "lora":
            save_adapter(folder, model)
        else:
            checkpoint.save(folder / WEIGHTS, trainable(model))
        return {"optimizer": state, "file": (folder / WEIGHTS).stat().st_size}


def spectra(model: Any) -> dict[str, list[list[float]]]:
    """Singular values of what full fine-tuning has added to the attention weights of every block."""
    base = checkpoint.load(BASE)[0]
    return {
        name: [
            np.linalg.svd(array - base[path], compute_uv=False).tolist()
            for path, array in model.state_dict().items()
            if path.endswith(f"{name}.weight")
        ]
        for name in SPECTRUM
    }


def measure_targets(lab: Lab) -> None:
    """Table 5: the same budget of parameters in one, two or four of the attention matrices, or in the MLP."""
    measure_arms(lab, "targets", {n: {"targets": t, "rank": r} for n, (t, r) in TARGETS.items()}, 3)


def measure_ranks(lab: Lab) -> None:
    """Table 6: queries and values at every rank, alpha the same."""
    measure_arms(lab, "ranks", {str(rank): {"rank": rank} for rank in RANKS}, 3)


def measure_arms(lab: Lab, name: str, arms: dict[str, dict[str, Any]], seeds: int) -> None:
    """LoRA with each of several changes, at LoRA's learning rate."""
    records = {}
    for arm, changes in arms.items():
        config = replace(tuned(lab, "lora"), **changes)
        runs = [lab.train(config, seed, label=f"{name}: {arm}") for seed in lab.seeds(seeds)]
        records[arm] = [adapted(lab, run) for run in runs]
    lab.save(name, {"arms": records}, tuned(lab, "lora"))


def measure_smollm2(lab: Lab) -> None:
    """A published model on Tiny Shakespeare, where its package is installed."""
    log: Callable[[str], None] = lambda line: lab.log(f"SmolLM2: {line}")  # noqa: E731
    try:
        found = smollm2.experiment(smollm2.Recipe(), log=log)
    except (ValueError, ImportError) as error:
        log(f"left out: {error}")
        return
    lab.save("smollm2", found, method_config("lora", 1e-2, lab.quick))


if __name__ == "__main__":
    as_command("lora")
