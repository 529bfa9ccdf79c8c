"""Training BERT on the engine, before and for a task: five steps for each batch, and gradients kept short."""

from collections.abc import Iterable, Iterator

from papers.bert.config import BertConfig
from papers.bert.model import Model, loss
from papers.bert.optimizer import BertAdam, parameter_groups
from tinygrad_lab import nn, no_grad, optim


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
    batches: Iterable[dict],
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


def evaluate(model: Model, batches: Iterable[dict]) -> dict[str, float]:
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
