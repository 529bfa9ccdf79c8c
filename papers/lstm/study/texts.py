"""The claims about language models: an LSTM against a plain network, in nats a character."""

from itertools import takewhile
from math import log
from statistics import median

from tinygrad_lab.study import Claim, Lab, Rates, Record, passes

from .plan import TRAIN_SHARE

PAPERS_PASSES = 50  # of Karpathy et al., section 4.1, from memory; a gated layer is slower to begin with
TEXTS = {"timemachine": "The Time Machine", "tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts"}
LAYERS = {"2000": "LSTM", "rnn": "plain network"}
STEPS = 60  # over which gradients are compared in words
NATS = log(2)  # of a bit


def claims(lab: Lab) -> list[Claim]:
    """One row for each text."""
    return [_better(lab, name) for name in measured_texts(lab)]


def measured_texts(lab: Lab) -> list[str]:
    """The texts that there are results for."""
    return [name for name in TEXTS if lab.has(f"text-{name}")]


def nats(lab: Lab, name: str, arm: str, side: str = "numpy") -> list[float]:
    """Nats a character of a held-out text, one a run."""
    return [NATS * bits for bits in lab.values(f"text-{name}", "metrics", "bits", side=side, arm=arm)]


def said(lab: Lab, values: list[float]) -> str:
    """Nats a character with their interval, bits beside."""
    return f"{lab.interval(values):.3f nats} ({sum(values) / len(values) / NATS:.2f} bits)"


def _better(lab: Lab, name: str) -> Claim:
    runs = {arm: lab.runs(f"text-{name}", arm=arm) for arm in LAYERS}
    lstm, plain = (nats(lab, name, arm) for arm in LAYERS)
    rates = Rates("validation", lab.results(f"text-{name}")["rates"])
    first = runs["2000"][0]
    few = f"{first['config']['epochs']} passes, where the paper makes {PAPERS_PASSES}, refute nothing"
    found = lab.judge.superiority(plain, lstm).tuned(rates, "2000", "rnn").allowing_for(ours=few)
    return Claim(
        f"an LSTM predicts {TEXTS[name]} better than a plain network with as many parameters",
        "Karpathy, Johnson, Fei-Fei 2015, table 1 (other texts, larger networks; from memory)",
        f"{_layer(first, rates, '2000')} against {_layer(runs['rnn'][0], rates, 'rnn')}; {first['steps']:,} updates on "
        f"windows of {first['config']['length']} characters ({passes(first['config'])}), rates chosen on the last "
        f"{1 - TRAIN_SHARE:.0%} of the training text; {len(lstm)} seeds",
        numpy=f"{said(lab, lstm)} against {said(lab, plain)} a character",
        torch=f"LSTM: {said(lab, nats(lab, name, '2000', 'torch'))}",
        finding=found.run_for(lab.spread(f"text-{name}", "seconds", arm="2000").mean),
        why=f"the plain network has {lab.paired_difference(plain, lstm):.3f nats} more",
    )


def _layer(run: Record, rates: Rates, arm: str) -> str:
    config = run["config"]
    kind = "tanh units" if arm == "rnn" else "cells"
    tried = ", ".join(rates.scores[arm])
    return f"{config['hidden']} {kind} ({run['parameters']:,} parameters, Adam {config['learning_rate']:g} of {tried})"


# ---- what the pictures and samples show ------------------------------------------------------------------------------


def seen(lab: Lab) -> str:
    """What the picture of the held-out loss shows."""
    found = [
        f"on {TEXTS[name]} the LSTM ends at {said(lab, nats(lab, name, '2000'))} a character and the plain network at "
        f"{said(lab, nats(lab, name, 'rnn'))}"
        for name in measured_texts(lab)
    ]
    return f"Held out, {'; '.join(found)}; the last panel has the training losses of both sides."


def kept(lab: Lab, name: str, steps: int = STEPS) -> dict[str, list[float]]:
    """What each trained network keeps of a gradient over so many steps, as a share of that at one step."""
    gradients = lab.results(f"text-{name}")["gradients"]
    return {
        arm: [norms["trained"][part][steps] / norms["trained"][part][1] for norms in gradients[arm]]
        for arm, part in (("2000", "c"), ("rnn", "h"))
    }


def ahead(lab: Lab, name: str) -> int:
    """Up to how many steps back the plain network keeps more of a gradient than the LSTM, by medians over seeds."""
    shares = (kept(lab, name, steps) for steps in range(2, STEPS + 1))
    return 1 + sum(1 for _ in takewhile(lambda some: median(some["rnn"]) > median(some["2000"]), shares))


def seen_in_gradients(lab: Lab) -> str:
    """What the last panel of the gradients shows, and what explains it."""
    name = measured_texts(lab)[0]
    results, shares = lab.results(f"text-{name}"), kept(lab, name)
    cells = results["kept"]
    middle, best = (median(one[place] for one in cells) for place in (len(cells[0]) // 2, -1))
    near = ahead(lab, name)
    first = f"the plain network keeps more of it than the LSTM up to {near} steps back, but " if near > 1 else ""
    return (
        f"In the last panel, trained on {TEXTS[name]}, {first}the LSTM keeps {median(shares['2000']):.2g} of it "
        f"over {STEPS} steps and the plain network {median(shares['rnn']):.2g} (medians over seeds): its forget gates "
        f"leave {middle:.2f} of the state a step to the middle one of the cells and {best:.3f} to the one that keeps "
        f"most, which makes {best**STEPS:.2g} in {STEPS} steps; the largest eigenvalue of the plain "
        f"network's recurrent weights is {median(results['eigenvalue']):.2f} after training."
    )


def samples(lab: Lab) -> str:
    """What the networks of the first seed write."""
    blocks = []
    for name in measured_texts(lab):
        for arm, written in lab.results(f"text-{name}")["samples"].items():
            title = f"{TEXTS[name]}, {LAYERS[arm]}, {nats(lab, name, arm)[0]:.2f} nats a character"
            blocks.append(f"{title}:\n\n```text\n{written.strip()}\n```")
    return "\n\n".join(blocks)
