"""Figure 1, judged: how many times as many updates tanh units need as ReLUs."""

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Record, best_rate

from .pages import data, solved, steps_of_seeds

SEVERAL = 2.0  # how many times as fast is "several times": a third of the paper's six
LEARNT = 50.0  # percent of training errors below which a network has learnt something
COMPARISONS = {  # what is tuned for each unit, the claim's source, and what both units start with
    "paper": ("learning rates", "figure 1", "biases of 1 and raw pixels"),
    "tuned": (
        "learning rates and initial weights", "figure 1, a stricter form", "biases of 0 and pixels of a sixteenth",
    ),
}  # fmt: skip


def speed(lab: Lab, comparison: str) -> Claim:
    """ReLUs against tanh units, from the paper's start or from what is best for each."""
    results, (tuned, source, _) = lab.results("speed"), COMPARISONS[comparison]
    finding = judged(lab, comparison, "numpy")
    why, torch = times(lab, comparison), "-"
    if comparison == "tuned":
        finding = finding.confirmed_by(judged(lab, comparison, "torch"))
        torch = numbers(results, comparison, "torch")
    return Claim(
        f"ReLUs reach {results['level']:g} % training error several times as fast as tanh units (six times in the "
        f"paper), {tuned} tuned for each",
        source, recipe(lab, comparison), numbers(results, comparison, "numpy"), finding, why, torch,
    )  # fmt: skip


def judged(lab: Lab, comparison: str, side: str) -> Finding:
    """The finding from the curves of a side, with the rates that both units were given."""
    results = lab.results("speed")
    relus, tanhs = (results["curves"][comparison][unit][side] for unit in ("relu", "tanh"))
    errors = {unit: found[comparison] for unit, found in lab.results("starts")["errors"].items()}
    found = judge_speed(lab, relus, tanhs, results).tuned(Rates("validation", errors), "relu", "tanh")
    if comparison == "paper":
        return found
    relu = slower_start(results) or spread_at_an_end(lab, "relu")
    return found.allowing_for(ours=relu, theirs=spread_at_an_end(lab, "tanh"))


def judge_speed(lab: Lab, relu: list[list[float]], tanh: list[list[float]], budget: Record) -> Finding:
    """Several times as fast, where both kinds of units learn; a curve that ends unsolved bounds the ratio only."""
    ratios = speed_ratios(relu, tanh, budget)
    found = lab.judge.superiority(ratios, [SEVERAL] * len(ratios))
    if any(min(curve) > LEARNT for curve in tanh):
        return found.hold_back("from these initial values tanh units do not learn at all, let alone slowly")
    if any(min(curve) > budget["level"] for curve in relu):
        return found.hold_back("ReLUs do not arrive within the budget")
    late = any(min(curve) > budget["level"] for curve in tanh)
    return found.allowing_for(
        ours="tanh units do not arrive within the budget, and may need any number" if late else ""
    )


def speed_ratios(relu: list[list[float]], tanh: list[list[float]], budget: Record) -> list[float]:
    """Steps to the level of tanh units over those of ReLUs, one ratio a seed.

    A network that does not arrive counts with the budget, so for tanh the ratio is too small then.
    """
    ours, theirs = (
        [solved(curve, budget, budget["level"]) or budget["steps"] for curve in curves] for curves in (relu, tanh)
    )
    return [late / early for early, late in zip(ours, theirs, strict=True)]


def slower_start(results: Record) -> str:
    """Say so where the start that was tuned is slower for ReLUs than the paper's, which tuning could have kept."""
    means = {
        comparison: sum(
            solved(curve, results, results["level"]) or results["steps"] for curve in units["relu"]["numpy"]
        )
        for comparison, units in results["curves"].items()
    }
    return "ReLUs are faster from the paper's initial values" if means["paper"] < means["tuned"] else ""


def spread_at_an_end(lab: Lab, unit: str) -> str:
    """Say so where a unit's initial weights were not bracketed."""
    spreads = lab.results("starts")["errors"][unit]["spreads"]
    ends = min(map(float, spreads)), max(map(float, spreads))
    return f"{unit} took initial weights at an end of those tried" if best_rate(spreads) in ends else ""


# ---- in words --------------------------------------------------------------------------------------------------------
def recipe(lab: Lab, comparison: str) -> str:
    """What was run of figure 1."""
    curves, starts = lab.results("speed")["curves"][comparison], lab.results("starts")["errors"]
    said = "; ".join(f"{unit}: {settings(errors, comparison)}" for unit, errors in starts.items())
    return (
        f"the eight layers, small, in place of a network of four; {data(lab, 'speed')}, in place of CIFAR-10; no "
        f"regularisation; {COMPARISONS[comparison][2]}; {said}, by the error on held-out images after one pass "
        f"under another seed; {len(curves['relu']['numpy'])} seeds"
    )


def settings(errors: dict[str, dict[str, float]], comparison: str) -> str:
    """A unit's rate, and where it was tuned the spread of its initial weights, of those that were tried."""
    rate = f"learning rate {best_rate(errors[comparison]):g} of {', '.join(errors[comparison])}"
    if comparison == "paper":
        return rate
    return f"{rate}, weights of {best_rate(errors['spreads']):g} of {', '.join(errors['spreads'])}"


def numbers(results: Record, comparison: str, side: str) -> str:
    """Steps of both units to the level."""
    units = results["curves"][comparison]
    return "steps: " + "; ".join(f"{unit} {steps_of_seeds(units[unit][side], results)}" for unit in units)


def times(lab: Lab, comparison: str) -> str:
    """How many times as many steps tanh needs."""
    results = lab.results("speed")
    relu, tanh = (results["curves"][comparison][unit]["numpy"] for unit in ("relu", "tanh"))
    more = "at least " if any(min(curve) > results["level"] for curve in tanh) else ""
    ratio = lab.interval(speed_ratios(relu, tanh, results))
    return f"tanh needs {more}{ratio:.1f} times the steps; at least {SEVERAL:g} times is asked for"
