"""What became of the claims about time and memory, judged from the result files alone."""

from tinygrad_lab.study import Claim, Lab, out_of_reach

CONSTANT = 1.5  # the slowest position may take so many times as long as the fastest


def writing(lab: Lab) -> Claim:
    """Whether a character costs as much at the end of a long text as at its beginning."""
    cost, config = lab.results("cost"), lab.runs("text", arm="selective")[0]["config"]
    (first, *_, last), times, again = cost["positions"], cost["written"]["milliseconds"], cost["reread"]
    return Claim(
        "a token is written in constant time and memory, however many there were before",
        "section 3.4 and figure 8",
        f"the language model ({config['layers']} layers of width {config['hidden_size']}) writes to position "
        f"{last:,}; processor time, medians over 50 characters",
        numpy=f"{times[0]:.2f} ms at position {first:,}, {times[-1]:.2f} ms at {last:,} (reading all again: "
        f"{again[0]:.0f} and {again[-1]:,.0f} ms); {cost['written']['kilobytes'][0]:.0f} kB are kept at both",
        finding=lab.judge.all_of(
            lab.judge.timed(max(times) / min(times), CONSTANT),
            lab.judge.counted(len(set(cost["written"]["kilobytes"])) == 1),
        ),
        why=f"no position may take {CONSTANT:g} times as long as another; what is kept are three inputs and the states "
        "of every channel",
    )


def scanning(lab: Lab) -> Claim:
    """Whether the scan as one operation takes less than step by step."""
    steps = lab.results("scan")["steps"]
    fused, plain = (steps[max(steps, key=int)][form] for form in ("fused", "step by step"))
    return Claim(
        "one fused scan, which runs forward again on the way back, needs a fraction of the time and memory of the "
        "standard one (20 to 40 times faster)",
        "sections 3.3.2 and 4.5, figure 8",
        "forward and backward of 128 channels with 16 states, one sequence, processor time; the scan as one "
        f"operation and as its definition, step by step, both on the engine; lengths {', '.join(steps)}",
        numpy="; ".join(f"{n}: {against(cost['fused'], cost['step by step'])}" for n, cost in steps.items()),
        finding=lab.judge.all_of(
            *(lab.judge.timed(fused[cost] / plain[cost], 0.5) for cost in ("milliseconds", "megabytes"))
        ),
        why="half of the time and half of the memory at most is asked at the longest; the paper's factor is a GPU's, "
        "where what counts is the traffic between its memories",
    )


def against(fused: dict[str, float], plain: dict[str, float]) -> str:
    """Time and memory of both forms."""
    units = {"milliseconds": "ms", "megabytes": "MB"}
    return ", ".join(f"{fused[cost]:.1f} against {plain[cost]:.1f} {unit}" for cost, unit in units.items())


THROUGHPUT = out_of_reach(
    "Mamba writes four to five times as many tokens a second as a Transformer of its size",
    "section 4.5, figure 8",
    "hardware",
    "models of 1.4 and 6.9 billion parameters in large batches on one A100",
)
