"""Does a recommended learning rate hold? Fresh runs at it, at multiples of it, and at what to fall back on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainlab.report import Column, Table, Trace
from trainlab.studies._arms import find_end, shorten
from trainlab.studies._band import USEFUL, Band, Scale, fail, find_failure
from trainlab.studies._rates import Sweep

TIMES = (1 / 3, 1.0, 3.0, 10.0)  # what a recommendation is verified at
FRESH = 5  # seeds that the search has not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Fresh runs at a multiple of the rate recommended.

    Attributes:
        lr: the rate.
        times: what it is of the one recommended.
        survived: how many of the runs did not fail; from the lowest rate worth falling back on, how many also came close to the
            lowest loss.
        of: how many there were.
        final: median loss at the end.
        verdict: in words.
    """

    lr: float
    times: float
    survived: int
    of: int
    final: float
    verdict: str


def find_retreat(sweep: Sweep, band: Band, lr: float) -> float | None:
    """What to fall back on if `lr` fails in fresh runs: a third of it; where that is of no use, the lowest rate tried that is good.

    Without a good one the lowest of use; None if there is none below `lr`.
    """
    third = shorten(lr * TIMES[0])
    if band.useful is None or third >= band.useful.rate:
        return third
    of_use = [rate for rate in sweep.rates if band.useful.rate <= rate.lr < lr and not rate.has_failed]
    good = [rate for rate in of_use if rate.verdict == "good"]
    return next((rate.lr for rate in good or of_use), None)


def list_multiples(lr: float) -> dict[float, float]:
    """The rates that fresh runs are made at, and what each is of the one recommended, in order."""
    return {lr if times == 1 else shorten(lr * times): times for times in TIMES}


def check(lr: float, retreat: float | None, fresh: Sequence[Trace], scale: Scale) -> tuple[Check, ...]:
    """What fresh runs at the rate `lr`, at multiples of it and at what to fall back on did, next to what the search saw."""
    rates = list_multiples(lr)
    if retreat is not None:
        rates.setdefault(retreat, shorten(retreat / lr))
    checks = []
    for rate, times in sorted(rates.items()):
        runs = [trace for trace in fresh if trace.config.optimizer.lr == rate]
        if not runs:
            continue
        useful = scale.floor + USEFUL * scale.fall + scale.tolerance if times > TIMES[0] else math.inf
        survived = sum(not fail(trace, scale) and find_end(trace) <= useful for trace in runs)
        final = float(np.median([find_end(trace) for trace in runs]))
        verdict = find_failure(runs, scale)
        if not verdict:
            good = final <= scale.floor + scale.tolerance
            verdict = "good" if good else "too low" if times < 1 else "too high" if times > 1 or survived < len(runs) else "useful"
        checks.append(Check(lr=rate, times=times, survived=survived, of=len(runs), final=final, verdict=verdict))
    return tuple(checks)


def tabulate_checks(checks: Mapping[str, Sequence[Check]]) -> Table:
    """Fresh runs at multiples of each recommendation; of several where there is little room the recommendations themselves."""
    rows = [
        (
            *([name] if len(checks) > 1 else []),
            {1 / 3: "1/3", 1.0: "1"}.get(each.times, f"{each.times:g}"),
            each.lr,
            f"{each.survived} of {each.of}",
            each.final,
            each.verdict,
        )
        for name, several in checks.items()
        for each in several
    ]
    return Table(
        name="verification",
        title="fresh runs at multiples of the recommended rate",
        columns=(
            *([Column(name="run")] if len(checks) > 1 else []),
            Column(name="times"),
            Column(name="learning rate", kind="number"),
            Column(name="survive"),
            Column(name="final loss", kind="number"),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
        shown=tuple(place for place, row in enumerate(rows) if row[1] == "1") if len(checks) > 1 else (),
    )
