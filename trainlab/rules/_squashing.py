"""Whether outputs are squashed before a loss that does so itself."""

from __future__ import annotations

from trainlab.report import Trace
from trainlab.rules._series import read_metric

KINDS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "Hardsigmoid": "sigmoid"}


def find_squashing(trace: Trace) -> str:
    """`softmax` or `sigmoid`, if one stands before `cross_entropy` or `bce_logits`; else the empty string."""
    if trace.config.loss not in ("cross_entropy", "bce_logits"):
        return ""
    last = KINDS.get(trace.modules[-1].kind, "") if trace.modules else ""
    return last or ("softmax" if read_metric(trace, "sums_to_one") == 1 else "")
