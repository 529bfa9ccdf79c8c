"""What became of the claims about time and memory, judged from the result files alone."""

from tinygrad_lab.study import Claim, Finding, Lab, out_of_reach

# Bounds of ratios; ``timed`` asks for room by a factor of 1.25 on either side of them, and rows print what is left.
CONSTANT = 1.5  # the slowest position to the fastest
FRACTION = 0.5  # the fused scan to the other


def writing(lab: Lab) -> Claim:
    """Whether a character costs as much at the end of a long text as at its beginning."""
    cost, config = lab.results("cost"), lab.runs("text", arm="selective")[0]["config"]
    (first, *_, last), times, again = cost["positions"], cost["written"]["milliseconds"], cost["reread"]
    level = lab.judge.timed(max(times) / min(times), CONSTANT)
    return Claim(
        "a token is written in constant time and memory, however many there were before",
        "section 3.4 and figure 8",
        f"the language model ({config['layers']} layers of width {config['hidden_size']}) writes to position "
        f"{last:,}; processor time, medians over 50 characters",
        numpy=f"{times[0]:.2f} ms at position {first:,}, {times[-1]:.2f} ms at {last:,} (reading all again: "
        f"{again[0]:.0f} and {again[-1]:,.0f} ms); {cost['written']['kilobytes'][0]:.0f} kB are kept at both",
        finding=lab.judge.all_of(level, lab.judge.counted(len(set(cost["written"]["kilobytes"])) == 1)),
        why=f"the slowest of {len(times)} positions takes {level.estimate:.2f} times as long as the fastest, "
        f"{asked(level, CONSTANT)} at most are asked for; what is kept are three inputs and the states of every "
        "channel",
    )


def scanning(lab: Lab) -> Claim:
    """Whether the scan as one operation takes less than step by step."""
    steps = lab.results("scan")["steps"]
    fused, plain = (steps[max(steps, key=int)][form] for form in ("fused", "step by step"))
    time, memory = (lab.judge.timed(fused[cost] / plain[cost], FRACTION) for cost in ("milliseconds", "megabytes"))
    return Claim(
        "one fused scan, which runs forward again on the way back, needs a fraction of the time and memory of the "
        "standard one (20 to 40 times faster)",
        "sections 3.3.2 and 4.5, figure 8",
        "forward and backward of 128 channels with 16 states, one sequence, processor time; the scan as one "
        f"operation and as its definition, step by step, both on the engine; lengths {', '.join(steps)}",
        numpy="; ".join(f"{n}: {against(cost['fused'], cost['step by step'])}" for n, cost in steps.items()),
        finding=lab.judge.all_of(time, memory),
        why=f"at the longest {time.estimate:.2f} times the time and {memory.estimate:.2f} times the memory, "
        f"{asked(time, FRACTION)} at most is asked for; the paper's factor is a GPU's, where what counts is the "
        "traffic between its memories",
    )


def asked(found: Finding, bound: float) -> str:
    """What a ratio has to come down to: its bound, less the room for other processors."""
    assert found.margin is not None
    return f"{bound / found.margin:g}"


def against(fused: dict[str, float], plain: dict[str, float]) -> str:
    """Time and memory of both forms."""
    units = {"milliseconds": "ms", "megabytes": "MB"}
    return ", ".join(f"{fused[cost]:.1f} against {plain[cost]:.1f} {unit}" for cost, unit in units.items())


THROUGHPUT = out_of_reach(
    "Mamba writes four to five times as many tokens a second as a Transformer of its size",
    "section 4.5, figure 8",
    "hardware",
    "an A100 with 80 GB, whose memory sets how many texts are written at once (up to 128, of 2,048 tokens and 128 "
    "more, from memory); 6.9 billion parameters are 14 GB at two bytes each, 28 GB in the engine's float32; keys and "
    "values of 128 such texts are 110 GB in float32 at 1.4 billion (24 layers of width 2,048), and to read these texts "
    "is 7e14 operations, two hours of a core at 1e11 a second, ten at 6.9 billion",
)
