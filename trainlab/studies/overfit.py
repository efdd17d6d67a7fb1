"""How large is the gap between train and test, and what closes it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from trainlab.comparing import compare_accuracy
from trainlab.config import Config
from trainlab.errors import UserError
from trainlab.plan import Conclusion, Find, Options, Plan
from trainlab.report import Answer, Column, Comparison, Finding, Skipped, Table, Trace
from trainlab.settling import find_settling_epoch
from trainlab.studies import _effects
from trainlab.studies._arms import by_arm, count_held, draw_loss, find_median, make_arm, mean, plan_runs, say_seeds
from trainlab.studies._effects import STATES, say_difference
from trainlab.studies._gap import gap_interval, judge_base, name_measure, read_parts, say_gap
from trainlab.studies._trials import PROBES as TRIED
from trainlab.studies._trials import cut_folds, plan_chosen, plan_trials, wants_trials

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


def first(config: Config, options: Options) -> Plan:
    """The base and the remedies; or what is named beside the base; or, where it is to be quick, weight decay.

    Raises:
        UserError: the data have no test part to compare with, or a remedy that was asked for has no use.
    """
    data, folds = config.data, options.chosen.get("folds")
    if folds and not hasattr(data, "folds"):
        raise UserError("these data cannot be cut into folds", key="--folds", value=str(folds))
    if not getattr(data, "test_fraction", 0.0) and not folds and getattr(data, "folds", None) is None:
        known = hasattr(data, "test_fraction")
        message = "there is no test part to compare with; set it above 0, to 0.2 for example" if known else NO_TEST
        raise UserError(message, key="data.test_fraction" if known else "data", value="0" if known else data.name)
    arms = list(options.arms)
    if wants_trials(options):
        runs, groups = plan_trials(config, options, arms)
        return Plan(runs=runs, probes=(*TRIED, "baselines"), rules=RULES, groups=groups)
    if len(arms) == 1:
        arms.append(make_arm(arms[0].config, {"optimizer.weight_decay": DECAY}))
    return Plan(runs=tuple(cut_folds(plan_runs(arms, options.seeds), options)), probes=PROBES, rules=RULES)


def goes_on(options: Options) -> bool:
    """Whether there may be a plan after the first."""
    return wants_trials(options)


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:  # noqa: ARG001  # no rule decides
    """Each remedy at the strength that did best on the validation part, trained on the whole training part."""
    return plan_chosen(config, options, traces) if goes_on(options) else None


def conclude(
    config: Config,
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
) -> Conclusion:
    """The gap of the base, and what each arm or remedy does to it and to the test part."""
    if wants_trials(options):
        return _effects.conclude(config, options, traces, findings, skipped)
    arms = by_arm(traces)
    compared = compare_accuracy(list(arms.values()))
    words: dict[str, str] = {each.run: each.verdict for each in compared}
    return Conclusion(
        answer=_answer(arms, compared, findings, skipped),
        tables=(_tabulate(arms, words, findings),),
        comparisons=compared,
        findings=tuple(findings),
    )


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
    measure = name_measure(base)
    train, test = read_parts(base)
    values: dict[str, Any] = {"verdict": _verdict(base, {}, findings)}
    if train is None or test is None:
        broken = next((each for each in findings if each.run == base[0].name and each.code in ("G006", "L003")), None)
        reason = f": {broken.message}" if broken else ""
        return Answer(text=f"The network could not be measured on both parts{reason}.", values=values)
    values |= {f"train_{measure}": train, f"test_{measure}": test, "gap": train - test, "gap_interval": gap_interval(base)}
    text = f"{judge_base(base, findings, skipped)}: {say_gap(base, train, test, values['gap_interval'])}."
    return Answer(text=text + _say_change(arms, compared, values), values=values)


def _say_change(arms: Mapping[str, Sequence[Trace]], compared: Sequence[Comparison], values: dict[str, Any]) -> str:
    """What closes the gap: the change that helps most, by a difference that is no chance."""
    if not compared:
        return ""
    numbers = compared[0].metric == "test_r2"
    what, points = ("R2", "") if numbers else ("accuracy", " points")
    helps = max((each for each in compared if each.verdict == "helps"), key=lambda each: each.difference, default=None)
    if helps is not None:
        values["helps"] = helps.run
        test = mean(arms[helps.run], helps.metric) or 0.0
        reached = f"{test:.3g}" if numbers else f"{100 * test:.1f} %"
        return f" {helps.run} helps: test {what} {reached}, {say_difference(helps, points)}."
    harms = [each.run for each in compared if each.verdict == "harms"]
    lower = f"{', '.join(harms)} {'lowers' if len(harms) == 1 else 'lower'}"
    if len(harms) == len(compared):
        return f" {lower} the test {what}."
    most = max(compared, key=lambda each: each.difference)
    nearest = f" (most: {most.run}, {say_difference(most, points)})" if most.difference > 0 else ""
    text = f" None of the changes tried raises the test {what} by more than chance could{nearest}."
    return text + (f" {lower} it." if harms else "")


def _tabulate(arms: Mapping[str, Sequence[Trace]], words: Mapping[str, str], findings: Sequence[Finding]) -> Table:
    rows = []
    stops = any(trace.config.train.early_stopping.patience is not None for arm in arms.values() for trace in arm)
    classes = any("train-correct" in trace.arrays for arm in arms.values() for trace in arm)
    for name, arm in arms.items():
        interval = gap_interval(arm)
        train, test = (mean(arm, f"{part}_{'accuracy' if classes else 'r2'}") for part in ("train", "test"))
        rows.append(
            (
                name,
                train,
                test,
                train - test if train is not None and test is not None else None,
                *([f"{100 * interval[0]:.1f} .. {100 * interval[1]:.1f} %" if interval else None] if classes else []),
                *([find_median([trace.stopped for trace in arm])] if stops else []),
                mean(arm, "train_loss"),
                mean(arm, "test_loss"),
                find_median([find_settling_epoch(trace.series["loss"]) for trace in arm]),
                find_median([_find_best_epoch(trace) for trace in arm]),
                draw_loss(arm),
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


def _find_best_epoch(trace: Trace) -> int | None:
    """The epoch with the lowest loss on the validation part, without one on the test part."""
    series = trace.series.get("validation-loss") or trace.series.get("test-loss")
    if series is None or not np.isfinite(series.values).all():
        return None
    return int(series.at[series.values.argmin()])
