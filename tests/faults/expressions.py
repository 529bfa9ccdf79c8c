"""Expressions that want to do harm: each is a trace or one clear line, in no time, whatever it is made of."""

import time
from collections.abc import Iterator
from itertools import chain
from random import Random

from tests.faults.part import REFUSED, RIGHT, Outcome
from tests.lab.command import Result, run
from tinygrad_lab.complaints import LONGEST
from tinygrad_lab.lab.stepping.functions import FUNCTIONS

SECONDS = 2.0  # of processor time, the longest that any expression may take
OPERATORS = ["+", "-", "*", "/", "+", "-", "*", "**", "@"]
COLUMN, ROW = f"x={[[1.5]] * 9_000}", f"y={[[0.5] * 9_000]}"

BY_HAND = [
    ("x*y", COLUMN, ROW), ("x@y", COLUMN, ROW), ("maximum(x, y)", COLUMN, ROW), ("matmul(x, y)", COLUMN, ROW),
    ("x**y", COLUMN, ROW), ("linear(x, x)", COLUMN), ("mse_loss(x, y)", COLUMN, ROW), ("x*x.T*x", COLUMN),
    ("a = x*x.T; b = a@a; c = b*sum(b); c**c", f"x={[[2.0] * 90]}"), ("a=x+x;" * 200 + "a", f"x={[1.0] * 10_000}"),
    ("*".join("x" * 900), "x=2"), ("*".join("x" * 120), f"x={[1.0] * 10_000}"), ("-" * 1900 + "x", "x=1"),
    ("(" * 900 + "x" + ")" * 900, "x=1"), ("x" * 1990, "x=1"), ("9**9**9**9**9*x", "x=1"), ("x**9**9**9", "x=-2"),
    ("x*" + "9" * 400, "x=1"), ("x*" + "9" * 1900, "x=1"), ("x*0x" + "f" * 1900, "x=1"), ("x", "x=" + "9" * 400),
    ("x", "x=" + "9" * 90_000), ("x", "x=0x" + "f" * 90_000), ("x", "x=" + "[" * 90_000), ("x", "x=1e999"),
    ("x", f"x={[1.0] * 20_000}"), ("x*2", "x=" + "[" * 64 + "1" + "]" * 64), ("x*2", "x=" + "[" * 65 + "1" + "]" * 65),
    ("sum(x, dim=1e18)", "x=[1]"), ("sum(x, dim=10000000000000000000000)", "x=[1]"), ("sum(x, dim=-x)", "x=[1]"),
    ("sum(x, dim=" + "9" * 400 + ")", "x=[1]"), ("softmax(x, 64)", "x=[1]"),
    ("cross_entropy(x, t)", "x=[1]", "t=1e300"), ("cross_entropy(x, t)", "x=[1, 2]", "t=-100"),
    ("norm(x, 9)", "x=[1]"), ("softplus(x, 0)", "x=1"),
    ("x;" * 900, "x=1"), ("\n" * 1900 + "x*x", "x=1"), ("x*\x00x", "x=1"), ("x\x1b[2J*x", "x=1"), ("\ufeffx*x", "x=1"),
    ("'" + "a" * 1900, "x=1"), ("f'{x}'" * 200, "x=1"), ("1(x)(x)(x)", "x=1"), ("'\\d'*x", "x=1"), ("0777*x", "x=1"),
    ("x if x else x", "x=1"), ("[x for x in x]", "x=1"), ("x.__class__.__mro__", "x=1"), ("lambda: x", "x=1"),
    ("x", "x=1", "x=2"), ("x", "lambda=1"), ("x", "=" * 900), ("x", ""), ("", "x=1"), ("x x", "x=1"), ("-x", "x"),
]  # fmt: skip


def made_up(count: int, draw: Random) -> list[tuple[str, ...]]:
    """Expressions of random pieces."""
    names = [*FUNCTIONS, "x", "y", "w", "T", "µ", "__class__", "9", "1e300", "-1", "True", "'a'", "None", "0.1"]
    joints = ["(", ")", "(", ")", ",", "+", "*", "@", "**", "/", "-", ";", "=", ".T", "[", "]", "dim=", "keepdim=", " "]
    values = [
        "1", "2", "-3", "0.5", "[1, 2]", "[[1, 2], [3, 4]]", "1e300", "[[1]]", "[]", "True", "[[1], [2]]", "1e-320",
        "-0.0",
    ]  # fmt: skip

    def formula(depth: int) -> str:
        if depth == 0 or draw.random() < 0.2:
            return draw.choice(["x", "y", "w", "x", "0.5", "3", "-x", "w.T"])
        if draw.random() < 0.5:
            return f"({formula(depth - 1)} {draw.choice(OPERATORS)} {formula(depth - 1)})"
        name = draw.choice([*FUNCTIONS])
        inner = ", ".join(formula(depth - 1) for _ in range(FUNCTIONS[name].values[0]))
        odd = draw.choice([", 0", ", w", ", dim=-1", ", dim=0.5", ", keepdim=x", ", dim=99", ", x, y, w"])
        return f"{name}({inner}{odd if draw.random() < 0.15 else ''})"

    def noise() -> str:
        return "".join(draw.choice(names if place % 2 else joints) for place in range(draw.randrange(1, 30)))

    texts = [formula(draw.randrange(1, 4)) if number % 3 else noise() for number in range(count)]
    return [(text, *(f"{name}={draw.choice(values)}" for name in "xyw" if name in text)) for text in texts]


def traced(words: tuple[str, ...]) -> Outcome:
    """What ``step`` says to an expression."""
    start = time.process_time()
    result = run("step", "--", *words)
    seconds = time.process_time() - start
    if seconds >= SECONDS:
        return Outcome("slow", f"{words}: {seconds:.1f} s")
    if result.code == 0:
        return Outcome(RIGHT if "backward" in result.out else "no trace", str(words))
    return Outcome(REFUSED if is_one_line(result) else "unclear", f"{words}: {result}")


def is_one_line(result: Result) -> bool:
    """Whether a command was refused by one line that somebody has put into words."""
    line = result.err.removesuffix("\n")
    return (
        (result.code, result.out) == (2, "")
        and line.startswith("tinygrad-lab: ")
        and result.err == f"{line}\n"
        and "\n" not in line
        and len(line) <= LONGEST
        and "TINYGRAD_LAB_DEBUG" not in line  # else nobody has
        and "\x1b" not in line
    )


def tries(draw: Random) -> Iterator[Outcome]:
    """Those by hand, and then made-up ones."""
    more = (words for _ in iter(int, 1) for words in made_up(50, draw))
    return (traced(words) for words in chain(BY_HAND, more))
