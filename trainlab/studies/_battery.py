"""The tests of the battery: what each looks at, its number, its limit and its verdict. Most are judged by rules on the base."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainlab import plugins
from trainlab.config import Config
from trainlab.report import Finding, Skipped, Trace
from trainlab.studies._changes import Kind, Trial
from trainlab.studies._first_cause import Tried
from trainlab.studies._levels import FITS, GAIN, HELD_OUT, find_level, read_mean, say_gain

Row = tuple[str, str | None, str | None, Literal["passed", "failed", "not judged"]]
"""Test, measured, limit, verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test.

    Attributes:
        test: what must hold.
        codes: of the rules that judge it.
        read: its number, where one number says it.
        rule: whose threshold `limit` is the limit of that number.
        limit: see `rule`.
        unit: behind the number.
        kinds: of the findings that count; all if empty.
    """

    test: str
    codes: tuple[str, ...]
    read: Callable[[Trace], float | None] = lambda _: None
    rule: str = ""
    limit: str = ""
    unit: str = ""
    kinds: tuple[str, ...] = ()


def _metric(name: str) -> Callable[[Trace], float | None]:
    return lambda trace: trace.metrics.get(name)


def _ratio(over: str, under: str) -> Callable[[Trace], float | None]:
    def read(trace: Trace) -> float | None:
        top, bottom = trace.metrics.get(over), trace.metrics.get(under)
        return top / bottom if top is not None and bottom else None

    return read


def _read_noise(trace: Trace) -> float | None:
    return trace.metrics.get("oob_outside" if trace.task == "regression" else "sure_wrong")


def _read_imbalance(trace: Trace) -> float | None:
    counts = trace.arrays.get("train-class-count", np.empty(0))
    counts = counts[counts > 0]
    return float(counts.max() / counts.min()) if len(counts) else None


def _read_holes(trace: Trace) -> float | None:
    counts = [trace.metrics.get(f"{part}_nonfinite_{what}") for part in ("train", "test") for what in ("inputs", "targets")]
    return sum(each for each in counts if each is not None)


def _read_start(trace: Trace) -> float | None:
    losses, even = trace.series.get("batch-loss"), trace.metrics.get("zero_output_loss")
    return float(losses.values[0]) / even if losses is not None and even else None


CHECKS = (
    Check(test="all numbers of the data are finite", codes=("D006",), read=_read_holes, unit=" samples"),
    Check(
        test="features have one scale",
        codes=("D001",),
        read=_metric("feature_spread"),
        rule="unscaled-features",
        limit="spread",
        unit=" times",
    ),
    Check(test="no outliers rule the loss", codes=("D005", "G009")),
    Check(test="batches are shuffled", codes=("D002",), read=_metric("batch_purity"), rule="unshuffled-data", limit="purity"),
    Check(test="labels agree with alike samples", codes=("D003",), read=_read_noise, rule="label-noise", limit="wrong"),
    Check(test="inputs tell about the targets", codes=("D008",), read=_metric("oob_skill")),
    Check(test="classes are balanced", codes=("D004",), read=_read_imbalance, rule="class-imbalance", limit="ratio", unit=" times"),
    Check(test="the loss goes with the task", codes=("M001", "M008")),
    Check(
        test="the output can reach the targets",
        codes=("M002",),
        read=_ratio("reachable_loss", "constant_loss"),
        rule="output-mismatch",
        limit="share",
    ),
    Check(test="samples do not mix in a batch", codes=("M003",), read=_metric("mixing"), rule="batch-mixing", limit="mixing"),
    Check(test="trains and evaluates alike", codes=("M011",)),
    Check(
        test="does better than on zeros",
        codes=("M007",),
        read=_ratio("own_loss", "zero_loss"),
    ),
    Check(
        test="loss at step 0 is as expected",
        codes=("G007",),
        read=_read_start,
        rule="poor-initialisation",
        limit="loss",
        unit=" times",
        kinds=("loss",),
    ),
    Check(test="initial weights keep the signal", codes=("G007",), kinds=("signal", "symmetric")),
    Check(test="the gradient does not vanish", codes=("G001", "G005")),
    Check(test="the gradient does not explode", codes=("G002", "G006")),
    Check(test="units are awake", codes=("G003", "G004")),
    Check(test="steps have the right length", codes=("L001", "L002", "L003", "L004", "L008", "G008", "C001")),
    Check(test="penalties leave the weights", codes=("F003",)),
)

GROUPS: dict[Kind, str] = {
    "data": "other data settings do no better",
    "loss": "another loss or output does no better",
    "model": "biases do no better",
    "start": "another start does no better",
    "rate": "other rates do no better",
    "optimizer": "another optimizer does no better",
    "penalty": "without penalties no better",
    "capacity": "more capacity does no better",
}


def judge_checks(config: Config, base: Sequence[Trace], findings: Sequence[Finding], skipped: Sequence[Skipped]) -> list[Row]:
    """A row for each test; `findings` and `skipped` are those of the base."""
    silent = {each.code: each.reason for each in skipped}
    rows = []
    for check in CHECKS:
        found = [each for each in findings if each.code in check.codes and each.severity != "info"]
        found = [each for each in found if not check.kinds or each.evidence.get("kind") in check.kinds]
        reasons = [silent[code] for code in check.codes if code in silent]
        values = [value for trace in base if (value := check.read(trace)) is not None and math.isfinite(value)]
        value = float(np.mean(values)) if values else None
        limit = _find_limit(config, check)
        if check.codes == ("D004",) and value is None:
            continue  # nothing is told apart
        measured = None if value is None else f"{value:.3g}{check.unit}"
        verdict: Literal["passed", "failed", "not judged"] = "passed"
        if found:
            verdict = "failed"
            codes = ", ".join(dict.fromkeys(each.code for each in found))
            measured = f"{measured} ({codes})" if measured else codes
        elif len(reasons) == len(check.codes):
            verdict, measured = "not judged", None
        elif value is not None and limit is not None and value > limit:
            measured = f"{measured}, harmless"
        rows.append((check.test, measured, None if limit is None else f"{limit:g}{check.unit}", verdict))
    return rows


def _find_limit(config: Config, check: Check) -> float | None:
    if not check.rule:
        return None
    module = plugins.load("trainlab.rules", check.rule)
    rule: Any = plugins.find_class(module)
    default = next(field.default for field in dataclasses.fields(rule) if field.name == check.limit)
    return float(config.rules.get(rule.code, {}).get(check.limit, default))


def judge_fits(
    base: Sequence[Trace], trials: Sequence[Trial], tried: Sequence[Tried], own: Sequence[Finding], silent: Sequence[Skipped]
) -> list[Row]:
    """Whether it learns a few samples by heart, more than simple predictors, and less of labels that mean nothing."""
    trace = base[0]
    rows: list[Row] = []
    for kind, test in (("batch", "fits one batch"), ("subset", "fits a tiny subset")):
        trial = next(each for each in trials if each.kind == kind)
        done = next((each for each in tried if each.trial is trial), None)
        if done is None:
            rows.append((test, trial.reason or None, None, "not judged"))
            continue
        level = find_level(done.arm, base)
        rows.append((f"{test} ({trial.what})", _say_level(trace, level), _say_level(trace, FITS), _say(level, FITS)))
    return [
        *rows,
        _judge_baseline(base, "constant", own, silent),
        _judge_baseline(base, "linear", own, silent),
        _judge_labels(base, tried),
    ]


def _judge_baseline(base: Sequence[Trace], name: str, own: Sequence[Finding], silent: Sequence[Skipped]) -> Row:
    """Next to the best constant, or the best linear model, as F002 judges it."""
    loss, limit = read_mean(base, "train_loss"), read_mean(base, f"{name}_loss")
    failed = any(each.code == "F002" and (name == "linear" or each.severity == "error") for each in own)
    judged = loss is not None and limit is not None and (name == "constant" or all(each.code != "F002" for each in silent))
    return (
        "loss below that of a constant" if name == "constant" else "loss near that of a linear model",
        None if loss is None else f"{loss:.4g}",
        None if limit is None else f"{limit:.3g}",
        "failed" if failed else "passed" if judged else "not judged",
    )


def _judge_labels(base: Sequence[Trace], tried: Sequence[Tried]) -> Row:
    test = "random labels cost it something"
    done = next((each for each in tried if each.trial.kind == "labels"), None)
    if done is None:
        return test, None, None, "not judged"
    if find_level(base, base) < GAIN:
        return test, "nothing learned", None, "not judged"
    costs = [find_level(base, base, part) - find_level(done.arm, base, part) for part in ("train", "test")]
    known = [each for each in costs if not math.isnan(each)]
    if not known:
        return test, None, None, "not judged"
    cost = max(known)
    return test, say_gain(base[0], -cost), say_gain(base[0], -HELD_OUT), _say(cost, HELD_OUT)


def judge_groups(base: Sequence[Trace], trials: Sequence[Trial], tried: Sequence[Tried], *, hindered: bool) -> list[Row]:
    """One row a kind of change, passed where none helps; where nothing hinders the base none is tried, and there are no rows."""
    rows: list[Row] = []
    for kind, test in GROUPS.items():
        done = [each for each in tried if each.trial.kind == kind]
        reasons = [each.reason or "was not run" for each in trials if each.kind == kind]
        if done:
            best = max(done, key=lambda each: each.gain)
            rows.append((test, say_gain(base[0], best.gain), say_gain(base[0], GAIN), "failed" if best.helps else "passed"))
        elif reasons and hindered:
            rows.append((test, reasons[0], None, "not judged"))
    return rows


def _say(level: float, limit: float) -> Literal["passed", "failed", "not judged"]:
    return "not judged" if math.isnan(level) else "passed" if level >= limit else "failed"


def _say_level(trace: Trace, level: float) -> str | None:
    if math.isnan(level):
        return None
    return f"R2 {level:.3g}" if trace.task == "regression" else f"{100 * level:.0f} %"
