"""How large is the gap between train and test, and what closes it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from trainlab.comparing import compare_accuracy
from trainlab.config import Config
from trainlab.errors import UserError
from trainlab.intervals import newcombe
from trainlab.plan import Conclusion, Options, Plan
from trainlab.report import Answer, Column, Comparison, Finding, Skipped, Table, Trace
from trainlab.settling import find_settling_epoch
from trainlab.studies._arms import by_arm, count_held, drop_fraction, make_arm, plan_runs, say_seeds

PROBES = ("accuracy", "baselines")
RULES = (
    "overfitting",
    "overtraining",
    "underfitting",
    "outlier-gradient",
    "non-finite",
    "diverged",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "unscaled-features",
    "unshuffled-data",
    "label-noise",
    "class-imbalance",
    "outliers",
    "non-finite-data",
    "leakage",
    "uninformative-features",
    "loss-mismatch",
    "output-mismatch",
    "batch-mixing",
    "input-ignored",
    "loss-broadcast",
    "train-eval-disagreement",
    "stalled",
    "loss-spike",
)
DECAY = 0.04
NO_TEST = "these data have no test part to compare with"
STATES = {"diverged": {"G006", "L003"}, "overfits": {"F001"}, "underfits": {"F002"}, "overtrains": {"F004"}}  # the worst first


def first(config: Config, options: Options) -> Plan:
    """The base and what is beside it; with nothing beside it, weight decay.

    Raises:
        UserError: the data have no test part to compare with.
    """
    if not getattr(config.data, "test_fraction", 0.0):
        known = hasattr(config.data, "test_fraction")
        message = "there is no test part to compare with; set it above 0, to 0.2 for example" if known else NO_TEST
        raise UserError(message, key="data.test_fraction" if known else "data", value="0" if known else config.data.name)
    arms = list(options.arms)
    if len(arms) == 1:
        arms.append(make_arm(arms[0].config, {"optimizer.weight_decay": DECAY}))
    return Plan(runs=plan_runs(arms, options.seeds), probes=PROBES, rules=RULES)


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,  # noqa: ARG001
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
) -> Conclusion:
    """The gap of the base, and what each arm does to it and to the test accuracy."""
    arms = by_arm(traces)
    compared = compare_accuracy(list(arms.values()))
    words: dict[str, str] = {each.run: each.verdict for each in compared}
    return Conclusion(
        answer=_answer(arms, compared, findings, skipped),
        tables=(_tabulate(arms, words, findings),),
        comparisons=compared,
        findings=tuple(findings),
    )


def gap_interval(traces: Sequence[Trace]) -> tuple[float, float] | None:
    """95 % interval of train minus test accuracy: Newcombe's, for the samples of one seed; the mean over seeds of its ends."""
    ends = []
    for trace in traces:
        train, test = trace.arrays.get("train-correct"), trace.arrays.get("test-correct")
        if train is None or test is None or not np.isfinite(train).all() or not np.isfinite(test).all():
            return None
        ends.append(newcombe((train.sum(), len(train)), (test.sum(), len(test))))
    low, high = np.mean(ends, axis=0)
    return float(low), float(high)


def _mean(traces: Sequence[Trace], name: str) -> float | None:
    values = [trace.metrics.get(name) for trace in traces]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _verdict(arm: Sequence[Trace], words: Mapping[str, str], findings: Sequence[Finding]) -> str:
    """What the arm does to the test accuracy, and what is wrong with it all the same."""
    name = arm[0].name
    held = ((word, count_held(findings, name, codes)) for word, codes in STATES.items())
    state = next((say_seeds(word, count, len(arm)) for word, count in held if count), "ok")
    effect = words.get(name, "").replace("-", " ")
    return f"{effect}; {state}" if effect and state != "ok" else effect or state


def _answer(
    arms: Mapping[str, Sequence[Trace]], compared: Sequence[Comparison], findings: Sequence[Finding], skipped: Sequence[Skipped]
) -> Answer:
    base = next(iter(arms.values()))
    own = [each for each in findings if each.run == base[0].name]
    measure = "r2" if base[0].task == "regression" else "accuracy"
    train, test = _mean(base, f"train_{measure}"), _mean(base, f"test_{measure}")
    values: dict[str, Any] = {"verdict": _verdict(base, {}, findings)}
    if train is None or test is None:
        broken = next((each for each in own if each.code in ("G006", "L003")), None)
        reason = f": {broken.message}" if broken else ""
        return Answer(text=f"The network could not be measured on both parts{reason}.", values=values)
    values |= {f"train_{measure}": train, f"test_{measure}": test, "gap": train - test, "gap_interval": gap_interval(base)}
    unsure = next((each for each in skipped if each.code == "F001" and each.run == base[0].name), None)
    overfits = next((each for each in own if each.code == "F001"), None)
    if any(each.code in STATES["diverged"] for each in own):
        verdict = "The network diverges"
    elif any(each.code == "F002" for each in own):
        verdict = "The network underfits"
    elif overfits is not None:
        verdict = say_seeds("The network overfits", overfits.seeds["held"], overfits.seeds["of"])
    else:
        verdict = "Whether the network overfits is not certain" if unsure else "The network does not overfit"
    text = f"{verdict}: {_say_gap(base, train, test, values['gap_interval'])}."
    return Answer(text=text + _say_change(arms, compared, values), values=values)


def _say_gap(base: Sequence[Trace], train: float, test: float, interval: tuple[float, float] | None) -> str:
    samples = base[0].sizes.get("test")
    if base[0].task == "regression":
        parts = f"R2 is {train:.3g} on the training part and {test:.3g} on the test part"
        return f"{parts}, a gap of {train - test:.3g} ({samples} test samples)"
    span = f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f}, " if interval else ""
    return (
        f"{100 * train:.1f} % right on the training part, {100 * test:.1f} % on the test part, "
        f"a gap of {100 * (train - test):.1f} points ({span}{samples} test samples)"
    )


def _say_change(arms: Mapping[str, Sequence[Trace]], compared: Sequence[Comparison], values: dict[str, Any]) -> str:
    """What closes the gap: the change that helps most, by a difference that is no chance."""
    if not compared:
        tests = {name: test for name, arm in arms.items() if (test := _mean(arm, "test_r2")) is not None}
        best = max(tests, key=lambda name: tests[name], default="")
        if len(tests) < 2 or best == next(iter(arms)):
            return " None of the changes tried raises the test R2." if len(tests) > 1 else ""
        return f" The highest test R2 is that of {best}, {tests[best]:.3g}."
    helps = max((each for each in compared if each.verdict == "helps"), key=lambda each: each.difference, default=None)
    if helps is not None:
        low, high = (100 * end for end in helps.corrected)
        values["helps"] = helps.run
        reached = f"test accuracy {100 * (_mean(arms[helps.run], 'test_accuracy') or 0):.1f} %"
        return f" {helps.run} helps: {reached}, {100 * helps.difference:+.1f} points ({low:+.1f} to {high:+.1f})."
    harms = [each.run for each in compared if each.verdict == "harms"]
    lower = f"{', '.join(harms)} {'lowers' if len(harms) == 1 else 'lower'}"
    if len(harms) == len(compared):
        return f" {lower} the test accuracy."
    most = max(compared, key=lambda each: each.difference)
    low, high = (100 * end for end in most.corrected)
    nearest = f" (most: {most.run}, {100 * most.difference:+.1f} points, {low:+.1f} to {high:+.1f})" if most.difference > 0 else ""
    text = f" None of the changes tried raises the test accuracy by more than chance could{nearest}."
    return text + (f" {lower} it." if harms else "")


def _tabulate(arms: Mapping[str, Sequence[Trace]], words: Mapping[str, str], findings: Sequence[Finding]) -> Table:
    rows = []
    stops = any(trace.config.train.early_stopping.patience is not None for arm in arms.values() for trace in arm)
    classes = any("train-correct" in trace.arrays for arm in arms.values() for trace in arm)
    for name, arm in arms.items():
        interval = gap_interval(arm)
        train, test = (_mean(arm, f"{part}_{'accuracy' if classes else 'r2'}") for part in ("train", "test"))
        rows.append(
            (
                name,
                train,
                test,
                train - test if train is not None and test is not None else None,
                *([f"{100 * interval[0]:.1f} .. {100 * interval[1]:.1f} %" if interval else None] if classes else []),
                *([_median([trace.stopped for trace in arm])] if stops else []),
                _mean(arm, "train_loss"),
                _mean(arm, "test_loss"),
                _median([find_settling_epoch(trace.series["loss"]) for trace in arm]),
                _median([_find_best_epoch(trace) for trace in arm]),
                np.median([trace.series["loss"].values for trace in arm], axis=0).tolist() if _same_length(arm) else None,
                _verdict(arm, words, findings),
            )
        )
    kind: Literal["percent", "number"] = "percent" if classes else "number"
    what = "accuracy" if classes else "R2"
    seeds = max(map(len, arms.values()))
    return Table(
        name="arms",
        title="train against test" + (f" (means over {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name=f"train {what}", kind=kind),
            Column(name=f"test {what}", kind=kind),
            Column(name="gap", kind=kind),
            *((Column(name="95 % interval", priority=1),) if classes else ()),
            *((Column(name="stopped at epoch", kind="number"),) if stops else ()),
            Column(name="train loss", kind="number", priority=3),
            Column(name="test loss", kind="number", priority=4),
            Column(name="settles at epoch", kind="number", priority=2),
            Column(name="best epoch", kind="number", priority=2),
            Column(name="loss", kind="curve", priority=5),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _median(epochs: Sequence[int | None]) -> float | None:
    """None if a seed has none."""
    known = [epoch for epoch in epochs if epoch is not None]
    return drop_fraction(float(np.median(known))) if len(known) == len(epochs) else None


def _find_best_epoch(trace: Trace) -> int | None:
    """The epoch with the lowest loss on the validation part, without one on the test part."""
    series = trace.series.get("validation-loss") or trace.series.get("test-loss")
    if series is None or not np.isfinite(series.values).all():
        return None
    return int(series.at[series.values.argmin()])


def _same_length(arm: Sequence[Trace]) -> bool:
    return len({len(trace.series["loss"].values) for trace in arm}) == 1
