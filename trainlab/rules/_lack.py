"""Why a rule cannot judge a run."""

from __future__ import annotations

import math

from trainlab.report import Trace
from trainlab.rules._series import read_metric, say_count


def find_lack(trace: Trace, *metrics: str, updates: float = 1, finite: bool = True) -> str:
    """The reason, or the empty string.

    Args:
        trace: of the run.
        metrics: names that must have been measured.
        updates: before that nothing can have been learned.
        finite: the run must not have left the finite numbers.
    """
    if not trace.updates:
        return "no update was made"
    if finite and trace.nonfinite:
        return "the run left the finite numbers"
    if trace.updates < updates:
        return f"{say_count(trace.updates, 'update')} cannot have taught it anything (at least {updates:g})"
    missing = [name for name in metrics if not math.isfinite(read_metric(trace, name))]
    return f"not defined or not measured here: {', '.join(missing)}" if missing else ""


def find_share(trace: Trace, signal: float) -> float:
    """(constant - network)/(constant - linear), of training losses: 0 is the best constant, 1 the best linear model.

    NaN where they are not all known, or the linear model lowers the constant's loss by no more than `signal` of it.
    """
    loss, constant, linear = (read_metric(trace, f"{name}_loss") for name in ("train", "constant", "linear"))
    gain = constant - linear
    if not (math.isfinite(loss) and math.isfinite(gain)) or gain <= signal * abs(constant) or gain <= 0:
        return math.nan
    return (constant - loss) / gain
