"""The tests of the battery that rules judge on the base alone: what each looks at, its number and its limit."""

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

Verdict = Literal["passed", "failed", "not judged"]
Row = tuple[str, str | None, str | None, str]
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
    Check(
        test="batches are shuffled", codes=("D002",), read=_metric("batch_purity"), rule="unshuffled-data", limit="purity"
    ),
    Check(test="labels agree with alike samples", codes=("D003",), read=_read_noise, rule="label-noise", limit="wrong"),
    Check(test="inputs tell about the targets", codes=("D008",), read=_metric("oob_skill")),
    Check(
        test="classes are balanced", codes=("D004",), read=_read_imbalance, rule="class-imbalance", limit="ratio", unit=" times"
    ),
    Check(test="the loss goes with the task", codes=("M001", "M008")),
    Check(
        test="the output can reach the targets",
        codes=("M002",),
        read=_ratio("reachable_loss", "constant_loss"),
        rule="output-mismatch",
        limit="share",
    ),
    Check(
        test="samples do not mix in a batch", codes=("M003",), read=_metric("mixing"), rule="batch-mixing", limit="mixing"
    ),
    Check(test="trains and evaluates alike", codes=("M011",)),
    Check(test="does better than on zeros", codes=("M007",), read=_ratio("own_loss", "zero_loss"), unit=" of the loss"),
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
        verdict: Verdict = "passed"
        if found:
            verdict = "failed"
            codes = ", ".join(dict.fromkeys(each.code for each in found))
            measured = f"{measured} ({codes})" if measured else codes
        elif len(reasons) == len(check.codes):
            verdict, measured = "not judged", measured and None
        elif value is not None and limit is not None and value > limit:
            measured = f"{measured}, harmless"
        rows.append((check.test, measured, None if limit is None else f"{limit:g}{check.unit}", verdict))
    return rows


def _find_limit(config: Config, check: Check) -> float | None:
    if not check.rule:
        return None
    module = plugins.load("trainlab.rules", check.rule)
    rule: Any = getattr(module, "".join(part.capitalize() for part in check.rule.split("-")))
    default = next(field.default for field in dataclasses.fields(rule) if field.name == check.limit)
    return float(config.rules.get(rule.code, {}).get(check.limit, default))
