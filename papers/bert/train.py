"""Training BERT on the engine, before and for a task: five steps for each batch, and gradients kept short."""

from collections.abc import Iterable, Iterator

import numpy as np

from tinygrad_lab import Tensor, generator, nn, no_grad, optim
from tinygrad_lab.arguments import arguments, program
from tinygrad_lab.data.batches import as_tensors
from tinygrad_lab.optim.optimizer import Group, Params

from .config import VARIANTS, BertBatch, BertConfig
from .data import evaluation_batches, training_batches
from .model import Model, build, loss


class BertAdam(optim.Optimizer):
    """The optimiser of the paper's released code: Adam without the correction of its first steps, decoupled decay.

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  w ← w - lr (m / (√v + ε) + λ w).

    m and v start at zero and nothing makes up for it: the first steps are (1 - β₁) / √(1 - β₂), about three times, as
    long as Adam's, while the rate warms up.

    Args:
        params: parameters or groups.
        lr: learning rate.
        betas: β₁, β₂, both in [0, 1).
        eps: ε.
        weight_decay: λ.
    """

    STATE = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _update(self, parameter: Tensor, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate, shrink = group["lr"], 1.0 - group["lr"] * group["weight_decay"]
        slots = self._slots(parameter, "exp_avg", "exp_avg_sq")
        for w, g, m, v, work in self._blocks(parameter, *slots):
            m += np.multiply(np.subtract(g, m, out=work), 1.0 - beta1, out=work)
            v *= beta2
            v += np.multiply(np.multiply(g, g, out=work), 1.0 - beta2, out=work)
            np.sqrt(v, out=work)
            work += group["eps"]
            np.divide(m, work, out=work)
            work *= rate
            w *= shrink
            w -= work


def parameter_groups(model: nn.Module, weight_decay: float) -> list[Group]:
    """All parameters but biases and those of normalisations decay."""
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        (others if "LayerNorm" in name or name.endswith("bias") else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def rate_at(step: int, steps: int, warmup_share: float) -> float:
    """The share of the learning rate that a step is made with: up in a line, then down in one to zero."""
    rising = max(1, round(warmup_share * steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1, steps - rising))


def configure_optimizer(
    model: Model, config: BertConfig, steps: int
) -> tuple[optim.Optimizer, optim.lr_scheduler.LRScheduler]:
    """The paper's recipe (appendix A.2): Adam with decoupled decay, warm-up, linear decay of the rate."""
    groups = parameter_groups(model, config.weight_decay)
    optimizer = BertAdam(groups, lr=config.learning_rate)
    return optimizer, optim.lr_scheduler.LambdaLR(optimizer, lambda t: rate_at(t, steps, config.warmup_share))


def train(
    model: Model,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    batches: Iterable[BertBatch],
) -> Iterator[float]:
    """Train on every batch; yields the loss after each step, so the caller can watch, save or stop between steps."""
    for batch in batches:
        model.train()
        optimizer.zero_grad()  # 1. forget the last gradients
        value = loss(model, batch)  # 2. forward
        value.backward()  # 3. backward, and all gradients together no longer than the clip
        nn.utils.clip_grad_norm_(model.parameters(), model.clip)
        optimizer.step()  # 4. move the weights
        scheduler.step()  # 5. and the learning rate
        yield value.item()


def evaluate(model: Model, batches: Iterable[BertBatch]) -> dict[str, float]:
    """The metrics of the task in evaluation mode: percent right, loss in nats, pairs of sentences judged rightly."""
    model.eval()
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}
    with no_grad():
        for batch in batches:
            for name, (summed, count) in model.tally(batch).items():
                sums[name] = sums.get(name, 0.0) + summed.item()
                counts[name] = counts.get(name, 0.0) + count
    return {name: summed / counts[name] for name, summed in sums.items()}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, how many hidden tokens of held-out ones are found."""
    config = arguments(VARIANTS, dataset="topics", epochs=30)  # accuracy: 14 % with the commonest, 28 % at the end
    model = build(config, generator(config.seed))
    training = training_batches(config, generator(config.seed))
    optimizer, scheduler = configure_optimizer(model, config, config.epochs * len(training))
    for epoch in range(1, config.epochs + 1):
        losses = list(train(model, optimizer, scheduler, as_tensors(training)))
        metrics = evaluate(model, as_tensors(evaluation_batches(config, "test")))
        print(
            f"epoch {epoch}/{config.epochs}",
            f"training loss {sum(losses) / len(losses):.4f}",
            *(f"{name} {value:.4f}" for name, value in metrics.items()),
            sep="  ",
            flush=True,
        )


if __name__ == "__main__":
    program(main)
