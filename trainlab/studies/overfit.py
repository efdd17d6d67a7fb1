"""How large is the gap between train and test, and what closes it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainlab.comparing import compare_accuracy
from trainlab.config import Config
from trainlab.intervals import newcombe
from trainlab.plan import Conclusion, Options, Plan
from trainlab.report import Answer, Column, Comparison, Finding, Skipped, Table, Trace
from trainlab.settling import find_settling_epoch
from trainlab.studies._arms import by_arm, make_arm, plan_runs

PROBES = ("accuracy", "baselines")
RULES = ("overfitting", "underfitting", "non-finite", "diverged", "learning-rate-too-high", "learning-rate-too-low")
DECAY = 0.04


def first(config: Config, options: Options) -> Plan:
    """The base, each `--vs`, or each change in the config's `vs`; with none of them, weight decay."""
    arms = list(options.arms)
    if len(arms) == 1:
        arms.append(make_arm(arms[0].config, {"optimizer.weight_decay": DECAY}))
    return Plan(runs=plan_runs(arms, options.seeds), probes=PROBES, rules=RULES)


def then(config: Config, options: Options, traces: Sequence[Trace]) -> None:  # noqa: ARG001  # one plan is enough
    """Nothing more."""
    return


def conclude(  # noqa: ARG001
    config: Config, options: Options, traces: Sequence[Trace], findings: Sequence[Finding], skipped: Sequence[Skipped]
) -> Conclusion:
    """The gap of the base, and what each arm does to it and to the test accuracy."""
    arms = by_arm(traces)
    compared = compare_accuracy(list(arms.values()))
    words = {each.run: each.verdict for each in compared}
    return Conclusion(
        answer=_answer(arms, compared, findings),
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


def _verdict(name: str, words: dict[str, str], findings: Sequence[Finding]) -> str:
    codes = {each.code for each in findings if each.run == name}
    state = next(
        (
            word
            for code, word in (("G006", "diverged"), ("L003", "diverged"), ("F001", "overfits"), ("F002", "underfits"))
            if code in codes
        ),
        "ok",
    )
    effect = {"helps": "helps", "harms": "harms", "no-difference": "no difference"}.get(words.get(name, ""), "")
    return f"{effect}; {state}" if effect and state != "ok" else effect or state


def _answer(arms: dict[str, list[Trace]], compared: Sequence[Comparison], findings: Sequence[Finding]) -> Answer:
    base = next(iter(arms.values()))
    train, test = _mean(base, "train_accuracy"), _mean(base, "test_accuracy")
    values: dict[str, Any] = {"verdict": _verdict(base[0].name, {}, findings)}
    if train is None or test is None:
        return Answer(text=_answer_without_accuracy(base, findings), values=values)
    interval = gap_interval(base)
    values |= {"train_accuracy": train, "test_accuracy": test, "gap": train - test, "gap_interval": interval}
    samples = base[0].sizes.get("test")
    overfits = any(each.code == "F001" and each.run == base[0].name for each in findings)
    span = f" (95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f}, {samples} test samples)" if interval else ""
    numbers = f"{100 * train:.1f} % right on the training part, {100 * test:.1f} % on the test part, a gap of {100 * (train - test):.1f} points"
    text = f"The network overfits: {numbers}{span}." if overfits else f"No overfitting to speak of: {numbers}{span}."
    best = max((each for each in compared if each.verdict == "helps"), key=lambda each: each.difference, default=None)
    if best is not None:
        low, high = (100 * end for end in best.corrected)
        reached = _mean(arms[best.run], "test_accuracy")
        text += f" {best.run} helps: test accuracy {100 * (reached or 0):.1f} %, {100 * best.difference:+.1f} points ({low:+.1f} to {high:+.1f})."
        values["helps"] = best.run
    elif compared:
        text += f" None of the changes tried makes a difference that is significant at n = {samples}."
    return Answer(text=text, values=values)


def _answer_without_accuracy(base: Sequence[Trace], findings: Sequence[Finding]) -> str:
    first_finding = next((each for each in findings if each.run == base[0].name), None)
    if first_finding is not None:
        return f"{first_finding.message[0].upper()}{first_finding.message[1:].rstrip('.')}."
    train, test = _mean(base, "train_loss"), _mean(base, "test_loss")
    if train is None or test is None:
        return "There is no test part to compare with: set data.test_fraction."
    return f"Loss {train:.4g} on the training part, {test:.4g} on the test part."


def _tabulate(arms: dict[str, list[Trace]], words: dict[str, str], findings: Sequence[Finding]) -> Table:
    rows = []
    classes = any("test-correct" in trace.arrays for arm in arms.values() for trace in arm)
    for name, arm in arms.items():
        settles = [epoch for trace in arm if (epoch := find_settling_epoch(trace.series["loss"])) is not None]
        interval = gap_interval(arm)
        train, test = (_mean(arm, f"{part}_{'accuracy' if classes else 'r2'}") for part in ("train", "test"))
        rows.append(
            (
                name,
                train,
                test,
                train - test if train is not None and test is not None else None,
                *([f"{100 * interval[0]:.1f} .. {100 * interval[1]:.1f} %" if interval else None] if classes else []),
                _mean(arm, "train_loss"),
                _mean(arm, "test_loss"),
                float(np.median(settles)) if len(settles) == len(arm) else None,
                np.median([trace.series["loss"].values for trace in arm], axis=0).tolist() if _same_length(arm) else None,
                _verdict(name, words, findings),
            )
        )
    kind, what = ("percent", "accuracy") if classes else ("number", "R2")
    seeds = len(next(iter(arms.values())))
    return Table(
        name="arms",
        title="train against test" + (f" (means over {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name=f"train {what}", kind=kind),  # type: ignore[arg-type]  # one of two literals
            Column(name=f"test {what}", kind=kind),  # type: ignore[arg-type]
            Column(name="gap", kind=kind),  # type: ignore[arg-type]
            *((Column(name="95 % interval", priority=1),) if classes else ()),
            Column(name="train loss", kind="number", priority=3),
            Column(name="test loss", kind="number", priority=4),
            Column(name="settles at epoch", kind="number", priority=2),
            Column(name="loss", kind="curve", priority=5),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _same_length(arm: Sequence[Trace]) -> bool:
    return len({len(trace.series["loss"].values) for trace in arm}) == 1
