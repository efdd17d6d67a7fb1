"""G007: the initial weights are copies of each other, lose the signal on its way, or start with a giant loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._depth import shrinks
from trainlab.rules._fit import judge_fit, read_end
from trainlab.rules._series import read, read_metric, read_weights, say
from trainlab.rules._signals import read_signals

GRADIENT = 1e-3  # of a gradient that vanishes over depth, as in G001
CLEAR = 0.5  # of the loss of a network that puts out 0: at or below this a run has got over its start
GAP = 0.05  # between the accuracy in training and in test: from here on a giant start was learned around, not got over
STILL = 1e-6  # a first update that changes the typical weight by less than this share moves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class PoorInitialisation:
    """The initial weights are copies of each other, lose the signal on its way, or start with a giant loss.

    What it finds:
        Three faults of the start. *Symmetry*: the units of a layer are copies of each other (all weights 0, or one constant), and
        still are after the measured updates, so that the layer is no wider than one unit. *A lost signal*: from layer to layer
        the outputs differ less and less between samples, until the network's answer no longer depends on its input; then all
        gradients are equally tiny, and nothing shows over depth. *A giant first loss*: many times that of a network which puts
        out 0 everywhere, log(C) for C classes. A layer of one unit has no copies; a signal that fades together with the gradient
        is told as vanishing gradient; a run that has got over its start is told as information only.

    Why it matters:
        Copies receive the same gradient and stay copies: width 64 computes what width 1 does. A signal that is lost leaves the
        loss on a plateau where no gradient points anywhere. A giant first loss makes the first steps giant.

    Evidence:
        `kind`: `symmetric`, `signal` or `loss`. `layers`: those whose units are copies. `signal`: spread of the last hidden
        layer's outputs over the samples, as a share of the size of the inputs (of tokens: of the first layer's spread); null if not
        measured. `first_loss`: of the first batch.
        `zero_output_loss`: of a network that puts out 0; null without a target. `first_update`: norm(change)/norm(weight) of the
        typical weight in the first update.

    See it:
            trainlab gradients gradients-deep --act tanh --init normal

        Weights drawn with a spread of 0.01: the signal ends at `2.29e-31` of itself, and all gradients are equally small.

    What to try:
        `init: auto`: Xavier for sigmoid and tanh, He for ReLU and its kin, LeCun for SELU; normalisation; for a giant loss also
        scaled inputs and targets. Biases may start at 0, weights may not.

    Sources:
        Glorot & Bengio 2010; He, Zhang, Ren & Sun 2015; Mishkin & Matas 2016.

    Attributes:
        signal: fires below this spread of the last hidden layer over the inputs; at exactly this, not.
        loss: fires above this multiple of the loss at outputs of 0; at exactly this, not.
        min_layers: fewer show no trend, the inputs counted as one.
    """

    code: ClassVar[str] = "G007"
    name: ClassVar[str] = "poor-initialisation"
    needs: ClassVar[tuple[str, ...]] = (
        "activations",
        "accuracy",
        "batch-loss",
        "features",
        "gradient-norm",
        "twin-units",
        "update-ratio",
        "weight-norm",
        "zero-output",
    )
    causes: ClassVar[tuple[str, ...]] = ("D006", "D001", "D005", "M001", "M002")
    signal: float = 1e-3
    loss: float = 5.0
    min_layers: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run: of the three, the first that holds."""
        twins = read_weights(trace, "twin-units")
        if not len(twins):
            yield Skipped(code=self.code, reason="the weights were not measured")
            return
        spread = np.array([*_read_inputs(trace), *np.sqrt(read_signals(trace, "initial-variance").values)])
        first = read(trace, "batch-loss")
        even = read_metric(trace, "zero_output_loss")
        start = float(first[0]) if len(first) else math.nan
        changes = read_weights(trace, "update-ratio")[:1].ravel()
        changes = changes[np.isfinite(changes)]
        names = [parameter.name for parameter in trace.parameters if parameter.is_weight]
        copies = [name for name, share in zip(names, twins.min(axis=0), strict=True) if share >= 1]  # NaN never is
        evidence: dict[str, Any] = {
            "layers": copies,
            "signal": float(spread[-1] / spread[0]) if len(spread) > 1 and spread[0] > 0 else None,
            "first_loss": start if math.isfinite(start) else None,
            "zero_output_loss": even if math.isfinite(even) else None,
            "first_update": float(np.median(changes)) if len(changes) else None,
        }
        if copies:
            yield self._find(
                "symmetric",
                "error",
                copies[0],
                f"the units of {copies[0]} are copies of each other, before and after the measured updates: "
                f"the layer is as good as one unit; try init: auto",
                evidence,
            )
        elif self._loses_signal(trace, spread):
            still = evidence["first_update"] is not None and evidence["first_update"] < STILL
            yield self._find(
                "signal",
                _weigh(trace, even, "error" if still else "warning"),
                read_signals(trace, "initial-variance").names[-1],
                "the initial weights lose the signal: its spread over the samples falls to "
                f"{say(evidence['signal'] or 0)} of itself on its way to the last hidden layer "
                f"(limit {say(self.signal)}); try init: auto, or normalisation",
                evidence,
            )
        elif start > self.loss * even > 0:
            yield self._find(
                "loss",
                _weigh(trace, even, "warning"),
                (names or [trace.parameters[-1].name])[-1],
                f"the first loss is {say(start)}, {say(start / even)} times that of a network that puts out 0 everywhere "
                f"(limit {say(self.loss)}); try init: auto, scaled inputs and targets",
                evidence,
            )

    def _loses_signal(self, trace: Trace, spread: np.ndarray) -> bool:
        if len(spread) < self.min_layers or not np.isfinite(spread).all() or not spread.any():
            return False
        norms = read_weights(trace, "gradient-norm")[:1].ravel()
        fades = len(norms) > 1 and bool(np.isfinite(norms).all()) and shrinks(norms, GRADIENT)
        return not fades and shrinks(spread[::-1], self.signal)

    def _find(self, kind: str, severity: Severity, where: str, message: str, evidence: dict[str, Any]) -> Finding:
        return Finding(
            code=self.code, name=self.name, severity=severity, where=where, message=message, evidence={"kind": kind, **evidence}
        )


def _read_inputs(trace: Trace) -> list[float]:
    """Root mean square of the inputs, where they are numbers."""
    size = math.sqrt(read_metric(trace, "feature_power") / max(read_metric(trace, "feature_count"), 1.0))
    return [size] if size > 0 else []


def _weigh(trace: Trace, even: float, severity: Severity) -> Severity:
    """`severity`, or `info` where the run has got over its start, and by more than learning its samples by heart."""
    end = read_end(trace)
    over = trace.updates > 1 and not trace.nonfinite and (end <= CLEAR * even or judge_fit(trace) == "learned")
    gap = read_metric(trace, "train_accuracy") - read_metric(trace, "test_accuracy")
    return "info" if over and not gap > GAP else severity
