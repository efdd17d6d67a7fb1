"""Which of two arms does better, and by how much, on traces made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.studies.plans import make_finding, make_run
from trainlab.config import validate
from trainlab.config.loss import PythonLoss
from trainlab.report import NonFinite, Trace
from trainlab.studies._standing import Standing, choose, compare, count_faults, is_ahead, is_better, judge, leaves_room, list_values

BROKEN = NonFinite(update=3, direction="forward", where="loss", value="nan", last_finite=1.0)


def classes(name: str, right: Sequence[float], *, loss: float = 1.0, faults: int = 0, size: int = 400) -> Standing:
    """One run a share of the validation part that is right."""
    traces = []
    for seed, share in enumerate(right):
        correct = (np.arange(size) < share * size).astype(float)
        metrics = {"validation_loss": loss, "validation_accuracy": float(correct.mean()), "train_loss": loss}
        traces.append(make_run(name, seed=seed, task="multiclass", metrics=metrics, arrays={"validation-correct": correct}))
    return Standing(name=name, traces=tuple(traces), findings=(), errors=faults, warnings=0)


def numbers(name: str, losses: Sequence[float], *, kind: str = "mse", r2: float = 0.5, broken: bool = False) -> Standing:
    config = validate({"data": {"name": "diabetes"}, "loss": kind})
    traces: list[Trace] = []
    for seed, loss in enumerate(losses):
        metrics = {"validation_loss": loss, "validation_r2": r2 + 0.001 * seed}
        given: dict[str, Any] = {"nonfinite": BROKEN} if broken else {}
        traces.append(make_run(name, seed=seed, config=config, task="regression", metrics=metrics, **given))
    return Standing(name=name, traces=tuple(traces), findings=(), errors=0, warnings=0)


def test_classes_by_what_is_right_then_by_the_loss() -> None:
    first, second = compare(classes("a", [0.5, 0.52, 0.5], loss=2.0), classes("b", [0.9, 0.88, 0.9], loss=1.0))
    assert (first.metric, first.scale, first.verdict) == ("validation_accuracy", "difference", "helps")
    assert first.change == pytest.approx(0.387, abs=1e-3)
    assert first.interval is not None
    assert first.interval[0] < first.change < first.interval[1]
    assert (second.metric, second.scale, second.verdict) == ("validation_loss", "ratio", "helps")
    assert second.change == pytest.approx(0.5)


def test_the_loss_decides_where_as_many_are_right() -> None:
    same = [0.9, 0.9, 0.9]
    assert judge(compare(classes("a", same, loss=2.0), classes("b", same, loss=1.0))) == "helps"
    assert judge(compare(classes("a", same, loss=1.0), classes("b", same, loss=2.0))) == "harms"
    assert judge(compare(classes("a", same), classes("b", same))) == "no difference"


def test_numbers_by_the_ratio_of_losses_and_their_students_t() -> None:
    (effect,) = compare(numbers("a", [10.0, 10.0, 10.0]), numbers("b", [1.0, 2.0, 4.0]))
    logs = np.log([0.1, 0.2, 0.4])
    half = 4.303 * logs.std(ddof=1) / np.sqrt(3)
    assert effect.change == pytest.approx(0.2)
    assert effect.interval == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)), rel=1e-3)
    assert effect.verdict == "no difference"
    assert compare(numbers("a", [10.0, 10.0, 10.0]), numbers("b", [1.0, 1.1, 0.9]))[0].verdict == "helps"


def test_six_seeds_have_the_quantile_of_six() -> None:
    (effect,) = compare(numbers("a", [10.0] * 6), numbers("b", [1.0, 2.0, 4.0, 1.0, 2.0, 4.0]))
    logs = np.log([0.1, 0.2, 0.4, 0.1, 0.2, 0.4])
    half = 2.570582 * logs.std(ddof=1) / np.sqrt(6)
    assert effect.interval == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)), rel=1e-5)


def test_losses_below_0_are_compared_by_their_difference() -> None:
    before, after = numbers("base", [-1.0, -1.1, -0.9]), numbers("arm", [-2001.0, -2001.3, -2000.8])
    (effect,) = compare(before, after)
    assert (effect.scale, effect.verdict) == ("difference", "helps")
    assert effect.change == pytest.approx(-2000.03, abs=0.1)
    assert effect.interval is not None
    assert -2001 < effect.interval[0] < effect.change < effect.interval[1] < -1999
    lost = numbers("lost", [1.0], broken=True)
    assert choose([lost, numbers("a", [-5.0]), numbers("b", [-1.0])]).name == "a"


def test_different_losses_are_compared_by_r2() -> None:
    (effect,) = compare(numbers("a", [10.0, 10.0, 10.0], r2=0.1), numbers("b", [1.0, 1.0, 1.0], kind="huber", r2=0.6))
    assert (effect.metric, effect.verdict) == ("validation_r2", "helps")
    assert effect.change == pytest.approx(0.5)


def test_a_run_that_left_the_finite_numbers_is_worse_than_any_other() -> None:
    broken, sound = numbers("a", [1.0, 1.0, 1.0], broken=True), numbers("b", [50.0, 60.0, 70.0])
    assert judge(compare(broken, sound)) == "helps"
    assert judge(compare(sound, broken)) == "harms"
    assert choose([broken, sound]) is sound


def neglecting(name: str, balanced: Sequence[float], *, loss: float = 1.0, still: bool = True) -> Standing:
    """Compared by the recall of all classes; `still` where the rule finds that it neglects one."""
    standing = classes(name, [0.9] * len(balanced), loss=loss)
    traces = []
    for trace, share in zip(standing.traces, balanced, strict=True):
        told = (np.arange(400) < share * 400).astype(float)
        metrics = {**trace.metrics, "validation_balanced_accuracy": float(told.mean())}
        traces.append(replace(trace, metrics=metrics, arrays={**trace.arrays, "validation-balanced": told}))
    findings = (make_finding("D004"),) if still else ()
    return replace(standing, traces=tuple(traces), findings=findings, errors=len(findings), score="balanced")


def test_a_class_is_neglected_until_it_is_told_better_whatever_the_rule_can_judge() -> None:
    base, stopped = neglecting("a", [0.5] * 3), neglecting("b", [0.5] * 3, loss=0.2, still=False)
    assert [effect.metric for effect in compare(base, stopped)] == ["validation_balanced_accuracy"]
    assert judge(compare(base, stopped)) == "no difference"
    assert count_faults(base, stopped) == base.faults
    weighted = neglecting("c", [0.8] * 3, still=False)
    assert count_faults(base, weighted) == (0, 0, 0)
    one = [replace(each, traces=each.traces[:1]) for each in (base, neglecting("b", [0.5], still=False), weighted)]
    assert choose(one).name == "c"
    assert choose(one[:2]).name == "a"


def test_one_seed_decides_nothing_by_its_loss() -> None:
    (effect,) = compare(numbers("a", [10.0]), numbers("b", [1.0]))
    assert (effect.interval, effect.verdict) == (None, "no difference")


def test_a_loss_of_somebodys_own_is_one_whatever_its_arguments() -> None:
    def own(name: str, loss: float, **args: float) -> Standing:
        standing = numbers(name, [loss], r2=1 - loss / 10)
        kind = PythonLoss(name="python", target="l:l", args=args)
        traces = [replace(trace, config=replace(trace.config, loss=kind)) for trace in standing.traces]
        return replace(standing, traces=tuple(traces))

    assert choose([own("a", 2.0, gamma=1.0), own("b", 1.0, gamma=1.0)]).name == "b"
    assert choose([own("a", 2.0, gamma=1.0), own("b", 1.0, gamma=2.0)]).name == "b"


def test_without_a_target_there_is_no_measure() -> None:
    trace = make_run("a", metrics={"train_loss": 1.0})
    standing = Standing(name="a", traces=(trace,), findings=(), errors=1, warnings=0)
    assert compare(standing, standing) == []
    assert list_values([]) == {}
    assert choose([standing, Standing(name="b", traces=(trace,), findings=(), errors=0, warnings=0)]).name == "b"


def test_the_best_by_what_is_right_beats_one_without_faults() -> None:
    assert choose([classes("a", [0.5]), classes("b", [0.9], faults=1), classes("c", [0.7])]).name == "b"


def test_among_arms_as_good_the_one_with_fewest_faults_then_the_lowest_loss() -> None:
    assert choose([classes("a", [0.9], faults=1), classes("b", [0.9], faults=0)]).name == "b"
    assert choose([classes("a", [0.9], loss=2.0), classes("b", [0.9], loss=1.0)]).name == "b"
    assert choose([classes("a", [0.9]), classes("b", [0.9])]).name == "a"


def test_numbers_are_as_good_within_a_twentieth_of_the_gain() -> None:
    first, good = numbers("a", [10.0]), numbers("b", [1.0])
    near = Standing(name="c", traces=numbers("c", [1.4]).traces, findings=(), errors=-1, warnings=0)
    far = Standing(name="d", traces=numbers("d", [1.6]).traces, findings=(), errors=-1, warnings=0)
    assert choose([first, good, near]).name == "c"
    assert choose([first, good, far]).name == "b"


def test_what_a_report_gives() -> None:
    values = list_values(compare(numbers("a", [10.0] * 3), numbers("b", [1.0, 1.1, 0.9])))
    assert set(values) == {"metric", "control", "with", "ratio", "interval"}
    assert values["control"] == pytest.approx(10.0)


def test_ahead_is_more_than_chance_and_no_more_faults() -> None:
    other = classes("a", [0.80])
    assert is_ahead(classes("b", [0.85]), other)
    assert not is_ahead(classes("b", [0.80], loss=0.1), other)
    assert not is_ahead(classes("b", [0.99], faults=1), other)
    assert is_ahead(numbers("b", [1.0], r2=0.9), numbers("a", [1.0], r2=0.8))
    assert not is_ahead(numbers("b", [1.0], r2=0.81), numbers("a", [1.0], r2=0.8))
    broken = numbers("a", [1.0], broken=True)
    assert is_ahead(numbers("b", [1.0]), broken)
    assert not is_ahead(broken, numbers("b", [1.0]))


def test_room_is_left_by_what_misses_more_than_a_twentieth_and_more_than_chance() -> None:
    assert leaves_room(classes("a", [0.9]))
    assert not leaves_room(classes("a", [0.96]))
    assert not leaves_room(classes("a", [0.9], size=9)), "one of nine samples is chance"
    assert leaves_room(numbers("a", [1.0], r2=0.9))
    assert not leaves_room(numbers("a", [1.0], r2=0.96))
    assert not leaves_room(replace(classes("a", [0.5]), score="balanced")), "nothing to measure it by"


def test_better_on_average_is_a_lower_loss_and_a_higher_share() -> None:
    more, fewer = classes("a", [0.9, 0.9]), classes("b", [0.8, 0.8])
    assert [is_better(compare(*pair)[0]) for pair in ((fewer, more), (more, fewer))] == [True, False]
    low, high = numbers("a", [1.0, 1.1]), numbers("b", [2.0, 2.1])
    assert [is_better(compare(*pair)[0]) for pair in ((high, low), (low, high))] == [True, False]
    deep, flat = numbers("a", [-3.0, -3.1]), numbers("b", [-1.0, -1.1])
    assert [is_better(compare(*pair)[0]) for pair in ((flat, deep), (deep, flat))] == [True, False]
