"""The README's further blocks: the table of methods, and what to see in each picture, all from the results."""

from tinygrad_lab.study import Lab, gallery, table

from .changes import LAYERS
from .experiment import ARMS, DEFAULT, FORGETTING, RANKS, TARGETS
from .findings import (
    DIRECTIONS,
    NAMES,
    base_loss,
    bits,
    forgotten,
    kilobytes,
    loss,
    overlap,
    percent,
    random_share,
    rate,
    spectrum_share,
    trained,
    trained_share,
)

SETS = (*TARGETS, DEFAULT)  # of matrices, with about as many trained numbers each


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "methods" and "pictures"."""
    return {"methods": methods(lab), "pictures": pictures(lab)}


def methods(lab: Lab) -> str:
    """What each arm trains, what it costs, and what becomes of both texts."""
    columns = (
        "trained", "parameters", "share", "optimiser", "file", "rate",
        "target, nats", "target, bits", "source, nats",
    )  # fmt: skip
    target, source = (base_loss(lab, text) for text in ("target", "source"))
    base = ("nothing (the base)", 0, "", "", "", "", f"{target:.3f}", f"{bits(target):.3f}", f"{source:.3f}")
    return table(columns, [base, *(row(lab, arm) for arm in ARMS)], right=8)


def row(lab: Lab, arm: str) -> tuple[str, ...]:
    """One arm's line of the table."""
    cost, found = lab.results("arms")["cost"][arm], loss(lab, arm)
    kept = (kilobytes(cost[part]) for part in ("optimizer", "file"))
    source = f"{forgotten(lab, arm):.3f}" if arm in FORGETTING else ""
    share = percent(trained_share(lab, arm))
    costs = (f"{trained(lab, arm):,}", share, *kept, f"{rate(lab, arm):g}")
    return (NAMES[arm], *costs, f"{found:.3f}", f"{bits(found.mean):.3f}", source)


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "methods": ("Loss by method, and what is forgotten", of_methods(lab)),
        "arms": ("Loss by adapted matrices and by rank", of_arms(lab)),
        "spectra": ("Singular values of what full fine-tuning changes", of_spectra(lab)),
        "subspaces": ("Directions that adapters of two ranks share", of_subspaces(lab)),
    }
    if lab.has("smollm2"):
        told["smollm2"] = ("SmolLM2-135M on Tiny Shakespeare", of_smollm2(lab))
    return gallery(told)


def of_methods(lab: Lab) -> str:
    """Who comes how far with how much, and what it costs the source text."""
    target = ", ".join(f"{loss(lab, arm).mean:.3f} ({NAMES[arm]})" for arm in FORGETTING)
    source = ", ".join(f"{forgotten(lab, arm).mean:.3f} ({NAMES[arm]})" for arm in FORGETTING)
    return (
        f"Left: from the base's {base_loss(lab):.3f} nats a character of the target text, the dashed "
        f"line, to {target}. Right: the source text costs {base_loss(lab, 'source'):.3f} before and "
        f"{source} afterwards; taking LoRA out again restores the base, whatever was learned."
    )


def of_arms(lab: Lab) -> str:
    """Which matrices and which ranks come furthest."""
    best, worst = (pick(SETS, key=lambda arm: loss(lab, arm).mean) for pick in (min, max))
    ranks = ", ".join(f"{loss(lab, f'r = {rank}').mean:.3f} (r = {rank})" for rank in RANKS)
    return (
        f"Left: with about as many trained numbers, {_set(best)} come to the lowest loss, {loss(lab, best).mean:.3f}, "
        f"and {_set(worst)} to the highest, {loss(lab, worst).mean:.3f}. Right: {ranks}; full fine-tuning, the line, "
        f"comes to {loss(lab, 'full').mean:.3f}. Small dots are seeds."
    )


def _set(arm: str) -> str:
    """A set of matrices, in words."""
    return {"q": "queries", "v": "values", DEFAULT: "queries and values", "MLP": "the matrices of the MLP"}.get(
        arm, "all four of the attention"
    )


def of_spectra(lab: Lab) -> str:
    """How low the rank of a change is."""
    found = lab.results("changes")["spectra"]
    shares = {name: sum(spectrum_share(run, name) for run in found) / len(found) for name in LAYERS}
    width = len(found[0][LAYERS[0]][0])
    said = ", ".join(f"{percent(share)} ({name})" for name, share in shares.items())
    return (
        f"The first {DIRECTIONS} of {width} directions hold {said} of the squared norm of what full fine-tuning adds; "
        f"of a random matrix, the dashed curve, {percent(random_share(width))}."
    )


def of_subspaces(lab: Lab) -> str:
    """How much of the first directions both ranks share."""
    said = "; ".join(f"{name}: {_overlaps(lab, 'trained', name)}" for name in LAYERS)
    chance = _overlaps(lab, "random", LAYERS[0])
    return (
        f"As in the paper's figure 3: the similarity of the first i directions of A with r = 8 and the "
        f"first j with r = 64, mean over blocks and pairs of seeds. With i = j = 1 and "
        f"i = j = {DIRECTIONS}, {said}; by chance, the last panel, {chance}."
    )


def _overlaps(lab: Lab, kind: str, name: str) -> str:
    means = (lab.interval(overlap(lab, kind, name, directions)).mean for directions in (1, DIRECTIONS))
    return " and ".join(f"{mean:.2f}" for mean in means)


def of_smollm2(lab: Lab) -> str:
    """What some steps on the published model do."""
    found = lab.results("smollm2")
    low, high = (pick(found["losses"]) for pick in (min, max))
    return (
        f"In {len(found['losses'])} steps the held-out text goes from {found['before']:.3f} to "
        f"{found['after']:.3f} nats a token ({bits(found['before']):.3f} to {bits(found['after']):.3f} "
        f"bits); the training batches lie between {low:.2f} and {high:.2f}, each being other text."
    )
