"""The bootstrap against what can be computed by hand, and Holm's rule against its definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.rules.traces import make_trace
from trainlab.comparing import _holm, compare_accuracy, compare_numbers, widen
from trainlab.config import validate
from trainlab.report import Trace


def make_arm(name: str, right: Sequence[np.ndarray], seeds: Sequence[int] | None = None) -> list[Trace]:
    """One trace a seed, from what each gets right."""
    seeds = range(len(right)) if seeds is None else seeds
    trace = make_trace(name=name)
    return [
        replace(trace, seed=seed, arrays={"test-correct": np.asarray(each, float)}) for seed, each in zip(seeds, right, strict=True)
    ]


def draw(share: float, samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(samples) < share


def test_the_difference_is_that_of_the_means() -> None:
    base, arm = draw(0.7, 200, 1), draw(0.8, 200, 2)
    (found,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [arm])])
    assert found.difference == pytest.approx(arm.mean() - base.mean())
    assert (found.run, found.against, found.metric) == ("a", "base", "test_accuracy")


def test_the_interval_is_that_of_a_paired_mean() -> None:
    base, arm = draw(0.7, 2000, 1), draw(0.75, 2000, 2)
    (found,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [arm])])
    paired = arm.astype(float) - base
    half = 1.96 * paired.std() / math.sqrt(len(paired))
    assert found.interval == pytest.approx((paired.mean() - half, paired.mean() + half), abs=0.06 * half)
    assert found.corrected == found.interval


def test_what_both_get_right_cancels() -> None:
    base = draw(0.7, 400, 1)
    arm = base.copy()
    arm[np.flatnonzero(~base)[:12]] = True
    (paired,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [arm])])
    shuffled = np.random.default_rng(0).permutation(arm)
    (unpaired,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [shuffled])])
    assert paired.verdict == "helps"
    assert unpaired.verdict == "no-difference"
    assert paired.difference == pytest.approx(unpaired.difference)


@pytest.mark.parametrize(("right", "verdict"), [(1.0, "helps"), (0.5, "no-difference"), (0.0, "harms")])
def test_verdicts(right: float, verdict: str) -> None:
    base = np.arange(100) % 2
    arm = base if right == 0.5 else np.full(100, right)
    (found,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [arm])])
    assert found.verdict == verdict


def test_seeds_that_disagree_widen_the_interval() -> None:
    base = [np.zeros(500)] * 4
    same = [draw(0.5, 500, 3)] * 4
    spread = [np.full(500, share) for share in (0.0, 1.0, 0.0, 1.0)]
    (agree,) = compare_accuracy([make_arm("base", base), make_arm("a", same)])
    (differ,) = compare_accuracy([make_arm("base", base), make_arm("a", spread)])
    assert agree.difference == pytest.approx(differ.difference, abs=0.05)
    assert differ.interval[1] - differ.interval[0] > 5 * (agree.interval[1] - agree.interval[0])


def test_runs_are_paired_by_seed_not_by_position() -> None:
    one, two = draw(0.3, 300, 1), draw(0.9, 300, 2)
    base = make_arm("base", [one, two], seeds=[4, 5])
    (found,) = compare_accuracy([base, make_arm("a", [two, one], seeds=[5, 4])])
    assert (found.difference, found.interval) == (0.0, (0.0, 0.0))


def test_seeds_without_a_partner_are_left_out() -> None:
    base = make_arm("base", [draw(0.5, 100, 1)], seeds=[0])
    arm = make_arm("a", [draw(0.5, 100, 1), np.ones(100)], seeds=[0, 1])
    (found,) = compare_accuracy([base, arm])
    assert found.difference == 0.0


def test_an_arm_that_cannot_be_paired_is_left_out() -> None:
    base = make_arm("base", [np.ones(100)])
    other_test_part = make_arm("a", [np.ones(50)])
    without = [make_trace(name="b")]
    assert compare_accuracy([base, other_test_part, without]) == ()
    assert compare_accuracy([base]) == ()


def test_a_diverged_run_gets_nothing_right() -> None:
    (found,) = compare_accuracy([make_arm("base", [np.ones(100)]), make_arm("a", [np.full(100, np.nan)])])
    assert (found.difference, found.verdict) == (-1.0, "harms")


def test_the_same_traces_give_the_same_numbers() -> None:
    arms = [make_arm("base", [draw(0.7, 200, 1)]), make_arm("a", [draw(0.8, 200, 2)])]
    assert compare_accuracy(arms) == compare_accuracy(arms)


def test_holm_tests_the_smallest_p_value_at_a_share_of_the_level() -> None:
    assert _holm({1: 0.001, 2: 0.02, 3: 0.04}) == pytest.approx({1: 0.05 / 3, 2: 0.05 / 2, 3: 0.05})


def test_holm_stops_at_the_first_that_fails() -> None:
    assert _holm({1: 0.03, 2: 0.2, 3: 0.001}) == pytest.approx({3: 0.05 / 3, 1: 0.05 / 2, 2: 0.05 / 2})


def test_more_arms_mean_wider_corrected_intervals() -> None:
    base = make_arm("base", [draw(0.7, 300, 1)])
    arm = make_arm("a", [draw(0.78, 300, 2)])
    others = [make_arm(f"b{index}", [draw(0.7, 300, index + 10)]) for index in range(4)]
    (alone,) = compare_accuracy([base, arm])
    among = compare_accuracy([base, arm, *others])[0]
    assert among.interval == alone.interval
    assert among.corrected[0] < alone.corrected[0]
    assert among.corrected[1] > alone.corrected[1]


def test_chance_alone_seldom_helps_or_harms() -> None:
    verdicts = [
        compare_accuracy([make_arm("base", [draw(0.8, 200, 2 * trial)]), make_arm("a", [draw(0.8, 200, 2 * trial + 1)])])[0].verdict
        for trial in range(100)
    ]
    assert verdicts.count("no-difference") >= 88  # 95 expected; 88 is three standard deviations below


def test_numbers_are_compared_by_what_each_sample_adds_to_r2() -> None:
    trace = make_trace(task="regression")
    base, arm = (np.random.default_rng(seed).random(300) + shift for seed, shift in ((1, 0.0), (2, 0.2)))
    arms = [[replace(trace, name=name, arrays={"test-fit": fit})] for name, fit in (("base", base), ("a", arm))]
    (found,) = compare_accuracy(arms)
    assert (found.metric, found.verdict) == ("test_r2", "helps")
    assert found.difference == pytest.approx(arm.mean() - base.mean())


def test_the_folds_of_a_seed_are_one_test_part() -> None:
    config = validate({"data": {"name": "classification", "folds": 2}})
    base, arm = draw(0.7, 200, 1), draw(0.8, 200, 2)

    def cut(name: str, right: np.ndarray) -> list[Trace]:
        halves = [replace(config, data=replace(config.data, fold=fold)) for fold in range(2)]
        parts = (right[:90], right[90:])  # of unequal sizes
        traces = [
            replace(make_trace(name=name), config=half, arrays={"test-correct": part.astype(float)})
            for half, part in zip(halves, parts, strict=True)
        ]
        return traces[::-1] if name == "base" else traces

    (folded,) = compare_accuracy([cut("base", base), cut("a", arm)])
    (whole,) = compare_accuracy([make_arm("base", [base]), make_arm("a", [arm])])
    assert (folded.difference, folded.interval) == (whole.difference, whole.interval)


def test_draws_that_are_kept_are_those_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [make_arm(name, [draw(0.7, 50, seed), draw(0.8, 50, seed + 1)]) for name, seed in (("base", 1), ("a", 3))]
    kept = [compare_accuracy(arms) for _ in range(2)]
    monkeypatch.setattr("trainlab.comparing.CHUNK", 1000)
    assert kept == [compare_accuracy(arms)] * 2


class TestNumbers:
    def test_it_is_the_paired_t_test(self) -> None:
        first, other = {0: 1.0, 1: 2.0, 2: 4.0, 9: 7.0}, {0: 1.5, 1: 2.2, 2: 4.9, 8: 0.0}
        (found,) = compare_numbers({"a": first, "b": other}, "x")
        expected = stats.ttest_rel([1.5, 2.2, 4.9], [1.0, 2.0, 4.0]).confidence_interval()
        assert found.interval == pytest.approx((expected.low, expected.high))
        assert found.corrected == found.interval
        assert (found.run, found.against, found.metric) == ("b", "a", "x")

    def test_holm_over_the_arms_and_which_side_is_better(self) -> None:
        arms = {"a": {0: 0.0, 1: 0.0, 2: 0.0}, "b": {0: 1.0, 1: 1.01, 2: 0.99}, "c": {0: 1.0, 1: -1.0, 2: 0.5}}
        more = compare_numbers(arms, "x")
        assert [each.verdict for each in more] == ["helps", "no-difference"]
        assert more[0].corrected[0] < more[0].interval[0]
        assert [each.verdict for each in compare_numbers(arms, "x", higher=False)] == ["harms", "no-difference"]

    def test_one_seed_says_nothing_and_equal_ones_all(self) -> None:
        assert compare_numbers({"a": {0: 1.0}, "b": {0: 2.0}}, "x") == ()
        (found,) = compare_numbers({"a": {0: 1.0, 1: 2.0}, "b": {0: 2.0, 1: 3.0}}, "x")
        assert (found.corrected, found.verdict) == ((1.0, 1.0), "helps")
        (found,) = compare_numbers({"a": {0: 1.0, 1: 2.0}, "b": {0: 1.0, 1: 2.0}}, "x")
        assert (found.corrected, found.verdict) == ((0.0, 0.0), "no-difference")

    def test_the_wider_counts(self) -> None:
        base, arm = draw(0.7, 2000, 1), draw(0.8, 2000, 2)
        (sharp,) = compare_accuracy([make_arm("a", [base] * 3), make_arm("b", [arm] * 3)])
        (vague,) = compare_numbers({"a": {0: 0.0, 1: 0.0, 2: 0.0}, "b": {0: 0.3, 1: -0.1, 2: 0.1}}, "test_accuracy")
        (found,) = widen([sharp], [vague])
        assert sharp.verdict == "helps"
        assert found.verdict == "no-difference"
        assert found.corrected == vague.corrected
        assert widen([sharp], []) == ()
