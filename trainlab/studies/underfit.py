"""Why does it not learn at all?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from trainlab.config import Config
from trainlab.config.data import Ones
from trainlab.errors import UserError
from trainlab.plan import Conclusion, Find, Options, Plan
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.settling import find_settling_epoch
from trainlab.studies._arms import by_arm, plan_runs
from trainlab.studies._battery import Row, judge_checks, judge_fits, judge_groups
from trainlab.studies._changes import MENDS, list_trials
from trainlab.studies._first_cause import Cause, Tried, find_cause, find_nothing
from trainlab.studies._levels import (
    FITS,
    LEARNED,
    find_gain,
    find_level,
    find_measure,
    read_mean,
    say_score,
)

HALF = 0.5  # of what can be learned: what has learned less than this does not learn
COMPARED = ("accuracy", "batch-loss", "total-norm")
PROBES = ("baselines", *COMPARED)
RULES = (
    "non-finite-data",
    "unscaled-features",
    "unshuffled-data",
    "label-noise",
    "class-imbalance",
    "outliers",
    "uninformative-features",
    "loss-mismatch",
    "loss-broadcast",
    "output-mismatch",
    "batch-mixing",
    "train-eval-disagreement",
    "input-ignored",
    "poor-initialisation",
    "vanishing-gradient",
    "exploding-gradient",
    "dead-units",
    "saturated-activation",
    "no-gradient",
    "non-finite",
    "update-ratio",
    "outlier-gradient",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "diverged",
    "stalled",
    "collapsed",
    "clipping-too-much",
    "underfitting",
    "over-regularised",
)


def first(config: Config, options: Options) -> Plan:
    """The base and what is beside it, to their end: the rest depends on what it shows.

    Raises:
        UserError: there is no target to learn.
    """
    if isinstance(config.data, Ones) and config.data.target is None:
        raise UserError("these data have no target, so nothing is learned from them", key="data.name", value="ones")
    if config.loss == "sum":
        raise UserError(
            "does not depend on the target, so nothing is learned from it; take mse or cross_entropy", key="loss", value="sum"
        )
    return Plan(runs=plan_runs(options.arms, options.seeds), probes=PROBES, rules=RULES)


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:
    """What looks closer; and where something hinders it or there is more to learn, what may mend it."""
    arms = by_arm(traces)
    if not set(arms) <= {arm.name for arm in options.arms}:
        return None
    base = arms[options.arms[0].name]
    hindered = bool(_find_faults(find(base), base)) or not find_level(base, base) >= LEARNED
    trials = [each.arm for each in list_trials(config, base[0]) if each.arm and (hindered or each.kind not in MENDS)]
    runs = plan_runs([arm for arm in trials if arm.name not in arms], options.seeds)
    return Plan(runs=tuple(replace(run, judged=False) for run in runs), probes=COMPARED)


def conclude(
    config: Config,
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
) -> Conclusion:
    """The first cause, the battery of tests, and what was tried."""
    arms = by_arm(traces)
    base = arms[options.arms[0].name]
    own = [each for each in findings if each.run == base[0].name]
    silent = [each for each in skipped if each.run == base[0].name]
    trials = list_trials(config, base[0])
    tried = [
        Tried(trial=trial, arm=arms[trial.arm.name], gain=find_gain(arms[trial.arm.name], base))
        for trial in trials
        if trial.arm and trial.arm.name in arms
    ]
    faults = _find_faults(own, base)
    cause = find_cause(faults, tried) or find_nothing(base, tried)
    hindered = bool(faults) or not find_level(base, base) >= LEARNED
    rows = [
        *judge_fits(base, trials, tried, own, silent),
        *judge_checks(config, base, own, silent),
        *judge_groups(base, trials, tried, hindered=hindered),
    ]
    cost = sum(trace.updates for trace in traces) / max(1, base[0].planned)
    tables = [_tabulate_tests(rows), _tabulate_tried(arms, options, tried, base, cost), *_tabulate_losses(base, tried)]
    return Conclusion(
        answer=_answer(base, cause, rows, tried, own, cost),
        tables=tuple(tables),
        findings=tuple(findings),
    )


def _find_faults(findings: Sequence[Finding], base: Sequence[Trace]) -> list[Finding]:
    return [each for each in findings if each.run == base[0].name and each.severity != "info"]


def _tabulate_tests(rows: Sequence[Row]) -> Table:
    counts = {word: sum(row[3] == word for row in rows) for word in ("passed", "failed", "not judged")}
    return Table(
        name="tests",
        title=f"the battery: {', '.join(f'{count} {word}' for word, count in counts.items())}",
        columns=(
            Column(name="test"),
            Column(name="measured"),
            Column(name="limit"),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _tabulate_tried(
    arms: dict[str, list[Trace]], options: Options, tried: Sequence[Tried], base: Sequence[Trace], cost: float
) -> Table:
    measure = find_measure(base[0])
    what = {"r2": "R2", "accuracy": "right"}.get(measure, measure)
    kind: Literal["number", "percent"] = "percent" if measure == "accuracy" else "number"
    given = [(arm.name, arms[arm.name], "") for arm in options.arms if arm.name in arms]
    rows = [*given, *((each.trial.what, each.arm, _say_effect(each, base)) for each in tried)]
    return Table(
        name="tried",
        title=f"what was tried ({cost:.3g} trainings of the config)",
        columns=(
            Column(name="change"),
            Column(name=f"train {what}", kind=kind),
            Column(name=f"test {what}", kind=kind),
            Column(name="loss", kind="curve", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(
            (name, read_mean(arm, f"train_{measure}"), read_mean(arm, f"test_{measure}"), _draw(arm), verdict)
            for name, arm, verdict in rows
        ),
    )


def _say_effect(done: Tried, base: Sequence[Trace]) -> str:
    if done.trial.kind in MENDS:
        return "helps" if done.helps else "no help"
    return "" if done.trial.kind in ("labels", "contrast") else "fits" if find_level(done.arm, base) >= FITS else "fails"


def _draw(arm: Sequence[Trace]) -> list[float] | None:
    losses = [trace.series["loss"].values for trace in arm]
    return np.median(losses, axis=0).tolist() if len({len(each) for each in losses}) == 1 else None


def _tabulate_losses(base: Sequence[Trace], tried: Sequence[Tried]) -> list[Table]:
    """The gradient at the start and what is reached, under each loss; nothing where there is only one."""
    other = next((each for each in tried if each.trial.kind == "contrast" or each.trial.what == "cross-entropy"), None)
    if other is None:
        return []
    rows = []
    for arm in (base, other.arm):
        norms = [trace.series["total-norm"].values[0] for trace in arm if "total-norm" in trace.series]
        start = [trace.series["batch-loss"].values[0] for trace in arm if "batch-loss" in trace.series]
        rows.append(
            (
                arm[0].config.loss,
                float(np.mean(start)) if start else None,
                float(np.mean(norms)) if norms else None,
                read_mean(arm, "train_loss"),
                read_mean(arm, "train_accuracy"),
            )
        )
    return [
        Table(
            name="losses",
            title="cross-entropy against the squared error, on the same network",
            columns=(
                Column(name="loss"),
                Column(name="at the start", kind="number"),
                Column(name="gradient there", kind="number"),
                Column(name="at the end", kind="number"),
                Column(name="train right", kind="percent"),
            ),
            rows=tuple(rows),
        )
    ]


def _answer(
    base: Sequence[Trace], cause: Cause | None, rows: Sequence[Row], tried: Sequence[Tried], own: Sequence[Finding], cost: float
) -> Answer:
    level = find_level(base, base)
    settled = [find_settling_epoch(trace.series["loss"]) for trace in base]
    settles = float(np.median([each for each in settled if each is not None])) if None not in settled else None
    subset = _find_outcome(tried, base)
    underfits = any(each.code == "F002" for each in own)
    outgrown = cause is not None and _is_outgrown(cause, level, own)
    if cause is not None:
        verdict = "limited" if outgrown else "hindered"
    elif underfits:
        verdict = "unexplained"
    else:
        verdict = "healthy" if level >= HALF else "limited"
    values: dict[str, Any] = {
        "verdict": verdict,
        "cause": cause.code or cause.kind if cause else None,
        "learned": None if math.isnan(level) else level,
        "subset": subset,
        "settled_at": settles,
        "proof": None,
        "trainings": cost,
        **{word.replace(" ", "_"): sum(row[3] == word for row in rows) for word in ("passed", "failed", "not judged")},
    }
    reached = _say_reached(base)
    mends = [each for each in tried if each.trial.kind in MENDS]
    if cause is None and not underfits:
        text = "Nothing hinders it" if verdict == "healthy" else "Nothing that was tried gets it further"
        beyond = ", and none of {} changes gets it further: what is left is noise, or not in the inputs" if mends else ""
        return Answer(text=f"{text}: {reached}{beyond.format(len(mends))}.", values=values)
    if cause is not None and outgrown:
        return Answer(text=f"Nothing hinders it but its size: {reached}.{_say_proof(base[0], cause, values)}", values=values)
    state = "It learns" if level >= LEARNED else "It learns less than it could" if level >= HALF else "It does not learn"
    if cause is None:
        text = f"{state} ({reached}), and none of {len(mends)} changes tried mends it."
    else:
        learned = ", with a fault" if level >= LEARNED else ""
        text = f"{state} ({reached}){learned}: {cause.words}{f' ({cause.code})' if cause.code else ''}."
        text += _say_proof(base[0], cause, values)
    text += _say_subset(cause, tried, base) + (_say_course(settles, base) if level < LEARNED else "")
    return Answer(text=text, values=values)


def _is_outgrown(cause: Cause, level: float, findings: Sequence[Finding]) -> bool:
    """Only a larger network gets further, the base at least half as far, and no rule finds a fault: so it is with most networks."""
    faultless = all(each.severity == "info" for each in findings)
    return faultless and cause.kind == "capacity" and cause.proof is not None and level >= HALF * (level + cause.proof.gain)


def _say_proof(trace: Trace, cause: Cause, values: dict[str, Any]) -> str:
    if cause.proof is None:
        return ""
    measure = find_measure(trace)
    score = read_mean(cause.proof.arm, f"train_{measure}")
    name = cause.proof.arm[0].name
    values["proof"] = {"patch": dict(cause.proof.arm[0].patch), f"train_{measure}": score, "gain": cause.proof.gain}
    doubt = f" To mend {cause.doubt} alone gains less than half of that." if cause.doubt else ""
    return f" With {name}: {say_score(trace, score)}.{doubt}"


def _find_outcome(tried: Sequence[Tried], base: Sequence[Trace]) -> str | None:
    """Of the few samples: `fails`, `fits`, or None where they were not trained."""
    few = [each for each in tried if each.trial.kind in ("batch", "subset")]
    return None if not few else "fits" if min(find_level(each.arm, base) for each in few) >= FITS else "fails"


def _say_subset(cause: Cause | None, tried: Sequence[Tried], base: Sequence[Trace]) -> str:
    """Which of three: it fails on few samples, it learns these and not all, or it learns both, which needs no words."""
    few = [each for each in tried if each.trial.kind in ("batch", "subset")]
    if not few or find_level(base, base) >= LEARNED:
        return ""
    failed = next((each for each in few if not find_level(each.arm, base) >= FITS), None)
    if failed is None:
        return f" It learns {few[-1].trial.what} by heart, but not all."
    larger = any(each.helps for each in tried if each.trial.kind == "capacity") or (cause is not None and cause.kind == "capacity")
    return f" It cannot even learn {failed.trial.what} by heart{'' if larger else ': more units would not help'}."


def _say_course(settles: float | None, base: Sequence[Trace]) -> str:
    """Underfitting is not the same as not converging."""
    if any(trace.nonfinite for trace in base):
        return ""
    epochs = len(base[0].series["loss"].values)
    return f" It settled at epoch {settles:g} of {epochs}." if settles is not None else " Its loss has not settled."


def _say_reached(base: Sequence[Trace]) -> str:
    trace, measure = base[0], find_measure(base[0])
    if any(each.nonfinite for each in base):
        first = min(each.nonfinite.update for each in base if each.nonfinite)
        return f"its numbers are no longer finite from update {first} on"
    own = say_score(trace, read_mean(base, f"train_{measure}"))
    if measure == "loss":
        return f"{own} on the training part, {100 * find_level(base, base):.0f} % less than at the start"
    if measure == "r2":
        return f"{own} on the training part"
    beside = [
        f"a {'constant' if name == 'constant' else 'linear model'} {100 * value:.1f} %"
        for name in ("constant", "linear")
        if (value := read_mean(base, f"{name}_accuracy")) is not None
    ]
    return ", ".join([f"{own.removesuffix(' right')} of the training part right", *beside])
