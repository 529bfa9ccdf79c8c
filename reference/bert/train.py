"""Training BERT in PyTorch, before and for a task: five steps for each batch, and gradients kept short."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn, optim

from ..arguments import arguments
from .config import BertBatch, BertConfig, Run
from .data import evaluation_batches, training_batches
from .model import Model, build, loss


class _EachGroup(optim.Optimizer):
    """An optimiser whose ``_update`` moves all tensors of a group at once, as torch's own do."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moved:
                self._update(moved, group)

    @abstractmethod
    def _update(self, w: list[Tensor], group: dict[str, Any]) -> None:
        """Move the parameters ``w`` of a group, all of which have a gradient."""

    def _slots(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        """Tensors of the parameters' shapes that persist from step to step, zero at first."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return [state[name] for state in states]


class BertAdam(_EachGroup):
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

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _update(self, w: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        g = [parameter.grad for parameter in w if parameter.grad is not None]
        m, v = self._slots(w, "exp_avg"), self._slots(w, "exp_avg_sq")
        torch._foreach_lerp_(m, g, 1.0 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, g, g, 1.0 - beta2)
        scale = torch._foreach_sqrt(v)
        torch._foreach_add_(scale, group["eps"])
        torch._foreach_mul_(w, 1.0 - group["lr"] * group["weight_decay"])
        torch._foreach_addcdiv_(w, m, scale, -group["lr"])


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
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
    with torch.no_grad():
        for batch in batches:
            for name, (summed, count) in model.tally(batch).items():
                sums[name] = sums.get(name, 0.0) + summed.item()
                counts[name] = counts.get(name, 0.0) + count
    return {name: summed / counts[name] for name, summed in sums.items()}


def main() -> None:
    """Train on Python's help texts and print, after every epoch, how many hidden tokens of held-out ones are found."""
    config = arguments(Run())
    torch.manual_seed(config.seed)
    model = build(config)
    training, test = training_batches(config), evaluation_batches(config)
    optimizer, scheduler = configure_optimizer(model, config, config.epochs * len(training))
    for epoch in range(1, config.epochs + 1):
        losses = list(train(model, optimizer, scheduler, training))
        metrics = evaluate(model, test)
        print(
            f"epoch {epoch}/{config.epochs}",
            f"training loss {sum(losses) / len(losses):.4f}",
            *(f"{name} {value:.4f}" for name, value in metrics.items()),
            sep="  ",
            flush=True,
        )


if __name__ == "__main__":
    main()
