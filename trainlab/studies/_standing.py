"""How well an arm does by the config's own measure, and whether one arm does better than another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainlab.comparing import compare_accuracy, student
from trainlab.report import Finding, Trace

LEAST, MOST = 1e-30, 1e30  # a loss that left the finite numbers is as bad as the last of these
LOGS = 700.0  # a ratio whose logarithm is larger is no float
CLOSE = 0.05  # of what can be gained: to stay behind by less is to do as well

Verdict = Literal["helps", "no difference", "harms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One arm: its runs, one a seed, and what is wrong with them.

    Attributes:
        errors: faults that are errors, without what follows from others.
        warnings: likewise.
        rare: errors that some seeds show, but not most.
        score: by which it is compared where classes are told: `correct`; where a rare class is neglected `balanced`, by which all
            classes count alike.
    """

    name: str
    traces: tuple[Trace, ...]
    findings: tuple[Finding, ...]
    errors: int
    warnings: int
    rare: tuple[Finding, ...] = ()
    score: Literal["correct", "balanced"] = "correct"

    @property
    def faults(self) -> tuple[int, int, int]:
        """The fewer the better, errors first; what only some seeds show last."""
        return self.errors, self.warnings, len(self.rare)

    @property
    def neglects(self) -> bool:
        """It neglects a rare class."""
        return any(each.code == "D004" for each in self.findings)

    @property
    def diverged(self) -> bool:
        """A run left the finite numbers."""
        return any(trace.nonfinite is not None for trace in self.traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an arm reaches next to another, in one measure.

    Attributes:
        metric: `validation_accuracy`, `validation_loss`, `validation_r2`.
        before, after: means over the seeds.
        change: after - before; of a loss after/before, the geometric mean over the seeds.
        interval: 95 %, of `change`; None where there are too few seeds.
        scale: which of the two `change` is.
        verdict: by the interval.
    """

    metric: str
    before: float
    after: float
    change: float
    interval: tuple[float, float] | None
    scale: Literal["difference", "ratio"]
    verdict: Verdict


def find_part(traces: Sequence[Trace]) -> str:
    """Where arms are compared: the validation part, without one the training part; never the test part."""
    return "validation" if any("validation_loss" in trace.metrics for trace in traces) else "train"


def compare(before: Standing, after: Standing) -> list[Effect]:
    """What changes, in the measures that both have, the one that decides first: accuracy or else R2 or loss, then the loss.

    Two losses can be compared where both arms minimise the same one, and no class is neglected: that costs the loss next to
    nothing. Empty where nothing is learned from targets.
    """
    part = find_part(before.traces)
    pairs = _pair(before, after)
    if not pairs or pairs[0][0].task == "none":
        return []
    same = _name_objective(pairs[0][0]) == _name_objective(pairs[0][1]) and before.score == "correct"
    loss = [_compare_losses(f"{part}_loss", pairs)] if same else []
    if pairs[0][0].task != "regression":
        return [*_compare_accuracy(part, before, after), *loss]
    return loss or [_compare_r2(f"{part}_r2", pairs)]


def judge(effects: Sequence[Effect]) -> Verdict:
    """By the first measure that shows a difference."""
    return next((each.verdict for each in effects if each.verdict != "no difference"), "no difference")


def is_better(effect: Effect) -> bool:
    """On average, whatever chance makes of it."""
    if effect.scale == "ratio":
        return effect.change < 1
    return effect.change < 0 if effect.metric.endswith("loss") else effect.change > 0


def count_faults(before: Standing, after: Standing) -> tuple[int, int, int]:
    """Those of `after`, as `Standing.faults`; where it tells a class that `before` neglects no better, at least those of `before`.

    The rule for neglect may then be unable to judge, after too few updates, say, or tell one sample more: that mends nothing.
    """
    if before.neglects and judge(compare(before, after)) != "helps":
        return max(before.faults, after.faults)
    return after.faults


def _name_objective(trace: Trace) -> tuple[Any, ...]:
    """What it minimises, without penalties."""
    return trace.config.loss, getattr(trace.config.data, "class_weights", None)


def _pair(before: Standing, after: Standing) -> list[tuple[Trace, Trace]]:
    """The runs with the same seed."""
    seeds = {trace.seed: trace for trace in before.traces}
    return [(seeds[trace.seed], trace) for trace in after.traces if trace.seed in seeds]


def _compare_accuracy(part: str, before: Standing, after: Standing) -> list[Effect]:
    return [
        Effect(
            metric=each.metric,
            before=read_mean(before, each.metric),
            after=read_mean(after, each.metric),
            change=each.difference,
            interval=each.interval,
            scale="difference",
            verdict="no difference" if each.verdict == "no-difference" else each.verdict,
        )
        for each in compare_accuracy([before.traces, after.traces], part, before.score)
    ]


def _compare_losses(metric: str, pairs: Sequence[tuple[Trace, Trace]]) -> Effect:
    losses = np.array([[read_loss(trace, metric) for trace in pair] for pair in pairs])
    if is_signed(trace for pair in pairs for trace in pair):
        return _tell_difference(metric, losses, sign=-1)
    logs = np.log(losses.clip(LEAST))
    change, interval = _bound(logs[:, 1] - logs[:, 0])
    return Effect(
        metric=metric,
        before=float(np.exp(logs[:, 0].mean())),
        after=float(np.exp(logs[:, 1].mean())),
        change=math.exp(change),
        interval=None if interval is None else (math.exp(max(interval[0], -LOGS)), math.exp(min(interval[1], LOGS))),
        scale="ratio",
        verdict=_decide(interval, sign=-1),
    )


def _compare_r2(metric: str, pairs: Sequence[tuple[Trace, Trace]]) -> Effect:
    return _tell_difference(metric, np.array([[_read_r2(trace, metric) for trace in pair] for pair in pairs]), sign=1)


def _tell_difference(metric: str, values: np.ndarray, *, sign: int) -> Effect:
    """What changes from one column to the other; `sign` is 1 where more is better."""
    change, interval = _bound(values[:, 1] - values[:, 0])
    means = values.mean(axis=0)
    return Effect(
        metric=metric,
        before=float(means[0]),
        after=float(means[1]),
        change=change,
        interval=interval,
        scale="difference",
        verdict=_decide(interval, sign=sign),
    )


def _bound(differences: np.ndarray) -> tuple[float, tuple[float, float] | None]:
    """The mean of paired differences, and Student's 95 % interval of it."""
    mean = float(differences.mean())
    if len(differences) < 2:
        return mean, None
    return mean, student(differences)


def _decide(interval: tuple[float, float] | None, *, sign: int) -> Verdict:
    if interval is None:
        return "no difference"
    low, high = sorted(sign * end for end in interval)
    return "helps" if low > 0 else "harms" if high < 0 else "no difference"


def read_loss(trace: Trace, metric: str) -> float:
    """Finite, whatever became of the run."""
    value = trace.metrics.get(metric)
    if value is None or trace.nonfinite is not None or not math.isfinite(value):
        return MOST
    return max(-MOST, min(value, MOST))


def is_signed(traces: Iterable[Trace]) -> bool:
    """Some losses are below 0, as a likelihood of your own may be: they have no logarithm, and only differences can be told."""
    return any(
        value < 0 for trace in traces for name, value in trace.metrics.items() if name.endswith("_loss") and value is not None
    )


def _read_r2(trace: Trace, metric: str) -> float:
    value = trace.metrics.get(metric)
    return -1.0 if value is None or trace.nonfinite is not None or not math.isfinite(value) else max(value, -1.0)


def read_mean(standing: Standing, metric: str) -> float:
    """Over the seeds; a run without a number got nothing right."""
    return float(np.mean([trace.metrics.get(metric) or 0.0 for trace in standing.traces]))


def choose(standings: Sequence[Standing]) -> Standing:
    """The best of arms with one seed each, the first unchanged: of those about as good as the best, the one with the fewest faults.

    As well is: a share right that the samples cannot tell apart from the best (one standard error of the paired difference), or an
    error within a twentieth of the best's gain. Among equals the lower loss decides, where all arms minimise the same one.
    """
    heads = [each.traces[0] for each in standings]
    part = find_part(heads)
    same = all(_name_objective(head) == _name_objective(heads[0]) for head in heads)
    losses = [read_loss(head, f"{part}_loss") if same else 0.0 for head in heads]
    if heads[0].task == "none":
        return min(standings, key=lambda each: (each.diverged, each.faults))
    if heads[0].task == "regression":
        errors = losses if same else [1 - _read_r2(head, f"{part}_r2") for head in heads]
        best = min(errors)
        room = CLOSE * (errors[0] - best) if errors[0] < MOST else CLOSE * abs(best)
        close = [error <= best + room for error in errors]
        losses = errors
    else:
        close = _find_close([head.arrays.get(f"{part}-{standings[0].score}") for head in heads])
    counts = [count_faults(standings[0], each) for each in standings]
    order = [(counts[place], loss, place) for place, loss in enumerate(losses) if close[place]]
    return standings[min(order)[2]]


def is_ahead(best: Standing, other: Standing) -> bool:
    """Whether an arm of one seed is better than another by more than `choose` leaves to chance, and has no more faults."""
    if other.diverged or best.diverged or best.faults > other.faults:
        return other.diverged and not best.diverged
    one, two = best.traces[0], other.traces[0]
    part = find_part([one, two])
    if one.task == "regression":
        errors = [1 - _read_r2(trace, f"{part}_r2") for trace in (one, two)]
        return errors[1] - errors[0] > CLOSE * max(1 - errors[0], CLOSE)
    return not _find_close([one.arrays.get(f"{part}-{best.score}"), two.arrays.get(f"{part}-{best.score}")])[1]


def leaves_room(standing: Standing) -> bool:
    """Whether much is left to gain: an arm of one seed misses more than a twentieth, and more than chance."""
    head = standing.traces[0]
    part = find_part([head])
    if head.task == "regression":
        return _read_r2(head, f"{part}_r2") < 1 - CLOSE
    right = head.arrays.get(f"{part}-{standing.score}")
    return right is not None and float(np.mean(right)) < 1 - CLOSE and not _find_close([np.ones(len(right)), right])[1]


def _find_close(right: Sequence[np.ndarray | None]) -> list[bool]:
    """Which arms the samples cannot tell apart from the best one: one standard error, and one sample as in McNemar's test."""
    size = max((len(each) for each in right if each is not None), default=0)
    if not size:
        return [True] * len(right)
    filled = [np.zeros(size) if each is None or len(each) != size else np.nan_to_num(each) for each in right]
    best = max(filled, key=np.mean)
    close = []
    for each in filled:
        behind = best - each
        close.append(bool(behind.mean() - 1 / size <= behind.std() / math.sqrt(size)))
    return close


def list_values(effects: Sequence[Effect]) -> dict[str, Any]:
    """The measure that decides, as a report gives it."""
    if not effects:
        return {}
    first = next((each for each in effects if each.verdict != "no difference"), effects[0])
    values: Mapping[str, Any] = {
        "metric": first.metric,
        "control": first.before,
        "with": first.after,
        first.scale: first.change,
        "interval": first.interval,
    }
    return dict(values)
