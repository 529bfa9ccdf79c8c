"""The judge of claims: each test decides as its definition says, and slips that are easily made would show."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tinygrad_lab.claim import SHORT_RUN, Course, Finding, Rates
from tinygrad_lab.lab.study import judge

NUMBERS = st.floats(-100, 100).map(lambda x: round(x, 3))
RUNS = st.lists(NUMBERS, min_size=2, max_size=8)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=8)
MARGINS = st.floats(0.01, 50)
BRACKETED, AT_THE_END = {"1": 2.0, "2": 1.0, "3": 2.0}, {"1": 2.0, "2": 1.0, "3": 0.5}


def apart(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [first for first, _ in pairs], [second for _, second in pairs]


def differs(pairs: list[tuple[float, float]]) -> bool:
    """Whether the differences have a spread that rounding does not drown."""
    return float(np.std([first - second for first, second in pairs])) > 1e-6


# ---- differences between arms ----------------------------------------------------------------------------------------


@given(PAIRS.filter(differs))
def test_superiority_is_the_two_sided_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    found, test = judge.superiority(*apart(pairs)), stats.ttest_rel(*apart(pairs))
    ends = test.confidence_interval(0.95)
    assert found.p == pytest.approx(test.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-6, abs=1e-9)
    assert found.seeds == len(pairs)


@given(PAIRS.filter(differs))
def test_superiority_is_decided_where_the_interval_leaves_zero(pairs: list[tuple[float, float]]) -> None:
    found = judge.superiority(*apart(pairs))
    expected = "reproduced" if found.low > 0 else "refuted" if found.high < 0 else "inconclusive"
    assert found.verdict == expected
    assert (found.verdict != "inconclusive") == (found.p < 0.05)


def test_p_is_two_sided_at_the_point_where_one_side_would_do() -> None:
    first = [1.0, 2.0, 3.0]  # mean 2, t = 3.46: one-sided p 0.037
    found = judge.superiority(first, [0.0] * 3)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert found.verdict == "inconclusive"


def test_what_all_seeds_share_does_not_widen_the_interval_of_a_difference() -> None:
    seeds = np.array([0.0, 10.0, 20.0, 30.0])
    found = judge.superiority(list(seeds + np.array([1.0, 1.1, 0.9, 1.0])), list(seeds))
    assert found.verdict == "reproduced"
    assert found.high - found.low < 1


@given(PAIRS.filter(differs), MARGINS)
def test_equivalence_needs_the_whole_interval_inside_the_margin(
    pairs: list[tuple[float, float]], margin: float
) -> None:
    difference, found = judge.superiority(*apart(pairs)), judge.equivalence(*apart(pairs), margin)
    inside = -margin < difference.low and difference.high < margin
    outside = difference.high < -margin or difference.low > margin
    assert found.verdict == ("reproduced" if inside else "refuted" if outside else "inconclusive")
    assert found.margin == margin
    assert (found.verdict != "inconclusive") == (found.p < 0.05)


@given(PAIRS.filter(differs), MARGINS)
def test_not_worse_is_superiority_with_the_margin_given(pairs: list[tuple[float, float]], margin: float) -> None:
    first, second = apart(pairs)
    found = judge.not_worse(first, second, margin)
    same = judge.superiority([one + margin for one in first], second)
    assert found.p == pytest.approx(same.p, rel=1e-4, abs=1e-9)
    if abs(same.p - 0.05) > 1e-6:
        assert found.verdict == same.verdict


@pytest.mark.parametrize("finding", [
    judge.superiority([2.0], [1.0]), judge.equivalence([1.0], [1.0], 0.5), judge.not_worse([2.0], [1.0], 0.5),
    judge.at_most(3.0, [1.0]), judge.at_most(3.0, [1.0], 10_000), judge.near(1.0, [1.0], 0.5),
])  # fmt: skip
def test_one_run_decides_nothing(finding: Finding) -> None:
    assert (finding.verdict, finding.low, finding.high, finding.p) == ("inconclusive", None, None, None)


# ---- against a number ------------------------------------------------------------------------------------------------


@given(RUNS.filter(lambda runs: float(np.std(runs)) > 1e-6), NUMBERS)
def test_against_a_number_is_the_t_test_of_one_sample(runs: list[float], number: float) -> None:
    found = judge.at_most(number, runs)
    assert found.p == pytest.approx(stats.ttest_1samp(runs, number).pvalue, rel=1e-6, abs=1e-12)
    assert found.verdict == (
        "reproduced" if found.high < number else "refuted" if found.low > number else "inconclusive"
    )


def test_noise_earns_no_credit() -> None:
    assert judge.at_most(0.95, [0.94, 0.95, 0.96], 10**9).verdict == "inconclusive"
    assert judge.at_most(0.95, [0.7, 0.9, 1.1], 10**9).verdict == "inconclusive"
    assert judge.at_most(0.95, [0.90, 0.91, 0.90], 10**9).verdict == "reproduced"


def test_the_test_items_are_a_sample_too_and_the_same_for_all_seeds() -> None:
    runs = [0.90, 0.91, 0.90, 0.91]
    sampling = 100 * math.sqrt(0.00905 * 0.99095 / 10_000)  # of one test set, however many seeds share it
    found = judge.at_most(0.95, runs, 10_000)
    assert found.verdict == "inconclusive"
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * sampling, rel=0.01)
    assert judge.at_most(0.95, runs, 10**8).verdict == "reproduced"


def test_degrees_of_freedom_are_those_of_welch_and_satterthwaite() -> None:
    runs, items = [1.0, 2.0, 3.0], 5000
    training, sampling = 1 / 3, 2 * 98 / items
    degrees = (training + sampling) ** 2 / (training**2 / 2)
    found = judge.at_most(0.0, runs, items)
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, degrees) * math.sqrt(training + sampling))


# ---- trials that may end unsolved ------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_share_of_trials_has_its_exact_interval(solved: list[bool]) -> None:
    found, count, trials = judge.succeeds(solved), sum(solved), len(solved)
    low = stats.beta.ppf(0.025, count, trials - count + 1) if count else 0.0
    high = stats.beta.ppf(0.975, count + 1, trials - count) if count < trials else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert (found.verdict != "inconclusive") == (found.p < 0.05)


def test_six_of_six_trials_show_that_most_succeed_and_five_of_five_do_not() -> None:
    assert [judge.succeeds([True] * trials).verdict for trials in (3, 5, 6)] == [
        "inconclusive", "inconclusive", "reproduced",
    ]  # fmt: skip
    assert judge.succeeds([False] * 6).verdict == "refuted"


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.lists(st.booleans(), min_size=1, max_size=9))
def test_counts_of_two_arms_are_compared_exactly(first: list[bool], second: list[bool]) -> None:
    found, turned = judge.succeeds_more(first, second), judge.succeeds_more(second, first)
    assert found.low <= found.estimate <= found.high
    assert (found.p, found.low) == pytest.approx((turned.p, -turned.high))
    if found.p >= 0.05:
        assert found.verdict == "inconclusive"


def test_three_against_none_of_three_is_no_verdict_and_four_against_none_of_four_is() -> None:
    assert judge.succeeds_more([True] * 3, [False] * 3).p == pytest.approx(0.1)
    assert judge.succeeds_more([True] * 4, [False] * 4).verdict == "reproduced"


# ---- times, and several at once --------------------------------------------------------------------------------------


def test_a_time_keeps_clear_of_its_bound() -> None:
    verdicts = [judge.timed(ratio, 1.0).verdict for ratio in (0.79, 0.81, 1.24, 1.26)]
    assert verdicts == ["reproduced", "inconclusive", "inconclusive", "refuted"]


HELD, FAILED = Finding("superiority", "reproduced", p=0.01), Finding("superiority", "refuted", p=0.02)
OPEN, COUNTED = Finding("superiority", "inconclusive", p=0.3), Finding("counted", "reproduced")


@pytest.mark.parametrize(("parts", "verdict", "p"), [
    ((HELD, replace(HELD, p=0.03)), "reproduced", 0.03), ((HELD, COUNTED), "reproduced", 0.01),
    ((HELD, OPEN), "inconclusive", 0.3), ((HELD, FAILED), "refuted", 0.04),
    ((OPEN, FAILED, HELD), "inconclusive", 0.06),
    ((HELD, replace(OPEN, p=0.001, held_back="unfair")), "inconclusive", 0.001),
    ((COUNTED, COUNTED), "reproduced", None), ((HELD, Finding("counted", "refuted")), "refuted", None),
])  # fmt: skip
def test_all_parts_must_hold_and_any_may_refute(parts: tuple[Finding, ...], verdict: str, p: float | None) -> None:
    found = judge.all_of(*parts)
    assert (found.verdict, found.p, found.parts) == (verdict, pytest.approx(p), parts)


# ---- Holm's correction -----------------------------------------------------------------------------------------------


def adjusted(ps: list[float | None]) -> list[float | None]:
    return [found.adjusted_p for found in judge.holm([Finding("superiority", "reproduced", p=p) for p in ps])]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_p_keeps_the_order_and_lies_between_none_and_bonferroni(ps: list[float]) -> None:
    found = adjusted(ps)
    assert [found[i] for i in np.argsort(ps)] == sorted(found)
    assert all(p <= after <= min(1.0, len(ps) * p) for p, after in zip(ps, found, strict=True))


def test_holms_p_never_falls_on_the_way_up() -> None:
    """The second is 2 × 0.021 = 0.042 by itself, and would pass where the first, 0.06, did not."""
    assert adjusted([0.02, 0.021, 0.5]) == pytest.approx([0.06, 0.06, 0.5])
    assert adjusted([0.021, None, 0.02]) == pytest.approx([0.04, None, 0.04])


def test_what_the_correction_takes_away_is_inconclusive_and_says_so() -> None:
    kept, lost, counted = judge.holm([replace(HELD, p=0.001), replace(FAILED, p=0.3), COUNTED])
    assert (kept.verdict, lost.verdict, counted) == ("reproduced", "inconclusive", COUNTED)
    assert "chance" in lost.held_back


# ---- handicaps and reservations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("finding", "ours", "theirs", "verdict"), [
    (HELD, BRACKETED, BRACKETED, "reproduced"), (HELD, AT_THE_END, BRACKETED, "reproduced"),
    (HELD, BRACKETED, AT_THE_END, "inconclusive"), (HELD, BRACKETED, {}, "inconclusive"),
    (FAILED, BRACKETED, AT_THE_END, "refuted"), (FAILED, AT_THE_END, BRACKETED, "inconclusive"),
    (FAILED, {"1": 1.0}, BRACKETED, "inconclusive"), (OPEN, {}, {}, "inconclusive"),
])  # fmt: skip
def test_a_rate_that_is_not_bracketed_excuses_the_side_that_lost(
    finding: Finding, ours: dict[str, float], theirs: dict[str, float], verdict: str
) -> None:
    found = finding.tuned(Rates("validation", {"ours": ours, "theirs": theirs}), "ours", "theirs")
    assert found.verdict == verdict
    assert bool(found.held_back) == (verdict != finding.verdict)
    assert (found.rates, found.reservations) == ("validation", ())


def test_a_claim_that_speaks_for_no_arm_has_no_rates_to_excuse_it() -> None:
    rates = Rates("validation", {"theirs": BRACKETED})
    assert FAILED.tuned(rates, theirs="theirs").verdict == "refuted"
    assert HELD.tuned(rates, theirs="other").verdict == "inconclusive"


def test_rates_are_ordered_as_numbers_and_a_largest_score_may_be_the_best() -> None:
    assert "highest of its rates (2, 10)" in Rates("test", {"a": {"10": 1.0, "2": 2.0}}).handicap("a")
    assert "lowest" in Rates("test", {"a": {"10": 1.0, "2": 2.0}}, largest=True).handicap("a")
    assert HELD.tuned(Rates("test", {"a": BRACKETED}), "a").reservations == ("the rates were chosen on test data",)


@pytest.mark.parametrize(("scores", "largest", "guessing", "guesses"), [
    ((2.0796, 2.0795, 2.0796), False, 2.0794, True), ((2.08, 2.07, 2.08), False, 2.0794, True),
    ((2.08, 2.05, 2.08), False, 2.0794, False), ((2.08, 2.0795, 2.08), False, None, False),
    ((50.0, 50.4, 50.0), True, 50.0, True), ((50.0, 51.0, 50.0), True, 50.0, False),
    ((2.079, 2.08, 2.08), False, 2.0794, True), ((2.05, 2.08, 2.08), False, 2.0794, False),
])  # fmt: skip
def test_a_bracket_whose_best_rate_guesses_is_none(
    scores: tuple[float, ...], largest: bool, guessing: float | None, guesses: bool
) -> None:
    tried = dict(zip(("1", "2", "3"), scores, strict=True))
    said = Rates("validation", {"ours": tried}, largest, guessing).handicap("ours")
    assert said.startswith("with none of its rates (1, 2, 3) ours does better than guessing") == guesses


# ---- budgets ---------------------------------------------------------------------------------------------------------
SHARES, CLOSING, CATCHING_UP = 100.0, "the gap was changing", "was catching up"


@pytest.mark.parametrize(("ahead", "behind", "end", "held"), [
    ([3.0, 4.0, 5.0, 5.0], [1.0, 2.0, 3.0, 3.5], None, CLOSING),  # 1.5 apart, and 0.5 a quarter closer
    ([3.0, 4.0, 5.0, 5.0], [1.0, 2.0, 2.6, 3.0], None, ""),  # 2.0 apart, 0.4 a quarter closer: five quarters
    ([3.0, 4.0, 5.0, 5.0], [1.0, 2.0, 2.5, 3.0], None, CLOSING),  # four are as many updates again
    ([0.0, 20.0, 40.0, 52.0], [0.0, 8.0, 24.0, 35.5], SHARES, CATCHING_UP),  # the gap grows, both go where it ends
    ([0.0, 20.0, 40.0, 52.0], [0.0, 8.0, 24.0, 35.5], None, ""),  # a loss ends nowhere that is known
    ([0.0, 20.0, 40.0, 52.0], [0.0, 2.0, 5.0, 7.0], SHARES, ""),
    ([5.0, 5.0, 5.0, 6.0], [1.0, 2.0, 3.0, 2.0], SHARES, ""),  # who falls back does not catch up
    ([5.0], [1.0], None, "was not looked at"),
])  # fmt: skip
def test_no_side_loses_that_was_catching_up(ahead: list[float], behind: list[float], end: float, held: str) -> None:
    first, second = Course("first", ahead), Course("second", behind)
    held_finding = HELD.allowing_for_pace(first, second, end)
    refused = FAILED.allowing_for_pace(second, first, end)
    assert held_finding.verdict == ("inconclusive" if held else "reproduced")
    assert refused.verdict == ("inconclusive" if held else "refuted")
    assert held in held_finding.held_back
    assert held in refused.held_back


def test_of_a_share_that_is_wrong_the_larger_one_is_behind() -> None:
    fewer, more = Course("good", [30.0, 20.0, 14.0, 10.0]), Course("bad", [60.0, 50.0, 26.0, 17.0])
    assert HELD.allowing_for_pace(more, fewer, 0.0).held_back.startswith("between bad and good the gap was changing")
    more = Course("bad", [36.0, 26.0, 20.5, 17.0])
    assert HELD.allowing_for_pace(more, fewer, 0.0).held_back.startswith("bad was catching up with where good is")
    assert HELD.allowing_for_pace(more, fewer).verdict == "reproduced"


def test_a_gap_closes_where_it_reaches_the_margin() -> None:
    alike, far = judge.equivalence([1.0, 1.1], [1.0, 1.2], 5.0), judge.equivalence([1.0, 1.1], [20.0, 20.2], 5.0)
    assert (alike.verdict, far.verdict) == ("reproduced", "refuted")
    near, apart = Course("a", [10.0] * 4), Course("b", [4.0, 5.0, 6.0, 7.0])
    assert alike.allowing_for_pace(near, apart, SHARES).verdict == "reproduced"  # as alike as they ever were
    assert "changing" in alike.allowing_for_pace(Course("a", [7.0, 8.0, 9.0, 10.0]), Course("b", [7.0] * 4)).held_back
    assert "changing" in far.allowing_for_pace(Course("a", [20.0] * 4), Course("b", [1.0, 2.0, 6.0, 8.0])).held_back
    assert far.allowing_for_pace(Course("a", [20.0] * 4), Course("b", [1.0, 2.0, 2.5, 3.0])).verdict == "refuted"


def test_who_is_worse_by_more_than_the_margin_may_have_been_catching_up() -> None:
    """Of wrong answers who is to be not worse comes second, and has more."""
    worse = judge.not_worse([10.0, 10.1], [17.0, 17.2], 5.0)
    assert worse.verdict == "refuted"
    theirs = Course("theirs", [20.0, 15.0, 13.0, 10.0])
    for ours, verdict in (([30.0, 24.0, 18.1, 17.0], "inconclusive"), ([30.0, 24.0, 17.9, 17.0], "refuted")):
        assert worse.allowing_for_pace(theirs, Course("ours", ours), 0.0).verdict == verdict


@pytest.mark.parametrize("looks", [4, 6, 8])
def test_the_last_quarter_is_one_whatever_the_number_of_looks(looks: int) -> None:
    even = Course("even", [10.0 * look / looks for look in range(1, looks + 1)])
    assert [even.later(quarters) for quarters in (0, 1, 4)] == pytest.approx([10.0, 12.5, 20.0])


@pytest.mark.parametrize(("seeds", "seconds", "said"), [
    (5, 10.0, ()), (4, 10.0, ("4 seeds of 10 s, 5 are asked for",)), (3, SHORT_RUN, ()),
    (1, 400.0, ("1 seed of 400 s, 3 are asked for",)), (None, 10.0, ()),
])  # fmt: skip
def test_too_few_seeds_are_said(seeds: int | None, seconds: float, said: tuple[str, ...]) -> None:
    assert replace(HELD, seeds=seeds).run_for(seconds).reservations == said


def test_other_seeds_confirm_a_verdict_or_it_is_none() -> None:
    clear, opposite = judge.superiority([2.0, 2.1], [1.0, 1.1]), judge.superiority([1.0, 1.1], [2.0, 2.1])
    unclear = judge.superiority([2.0, 1.0], [1.0, 1.1])
    confirmed = clear.confirmed_by(clear)
    assert (confirmed.verdict, confirmed.witness) == ("reproduced", "PyTorch under other seeds (2): the same verdict")
    for other in (opposite, unclear):
        found = clear.confirmed_by(other)
        assert (found.verdict, found.witness) == ("inconclusive", f"PyTorch under other seeds (2): {other.verdict}")
        assert found.held_back == "PyTorch does not confirm it under other seeds"
    assert unclear.confirmed_by(clear).held_back == ""
