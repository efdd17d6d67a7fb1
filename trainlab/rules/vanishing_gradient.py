"""G001: the gradient shrinks from layer to layer on its way to the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._depth import find_start, fit_factor, read_profile, shrinks
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import read_weights, say


@dataclass(frozen=True, slots=True, kw_only=True)
class VanishingGradient:
    """The gradient shrinks from layer to layer on its way to the input.

    What it finds:
        Networks in which the first weights receive a far smaller gradient than the last ones, because every layer on the way
        passes on less than it gets. The verdict is about the slope over depth, never about size: a network whose gradients are
        all small, because it has converged or because its loss is counted in small units, has none; one odd layer is no slope
        either; nor is a gradient that is lost in the last layers, where saturation is the fault. If the optimizer makes up for
        it (Adam divides each gradient by its own size), the first weights still move, though by a signal scaled up many times
        over: that is a warning, not an error. Of a run that has learned less than simple predictors do, the first measured update
        is enough: weights that grow bring the gradient back, too late.

    Why it matters:
        A weight's gradient is a product of one factor a layer. The derivative of a sigmoid is at most 0.25, so with weights
        near 1 thirty of them leave less than 1e-18: the layers near the input stay as they were initialised and the network
        cannot learn features.

    Evidence:
        `first`, `last`: gradient norms of the first and the last weight, medians over the measured updates, or those of the
        first one, if only it shows the fault. `ratio`:
        first/last. `per_layer_factor`: what is left of the gradient after one layer towards the input, a robust mean over all
        layers. `starts_at`: the parameter nearest the output from which on, towards the input, the gradient stays below the
        limit times the largest one. `layers`: the parameters so affected. `update_ratio`: norm(change)/norm(weight) of the
        first weight over that of the last one; null if it was not measured.

    See it:
            trainlab gradients

        Thirty sigmoids of one unit: `2.999e-20` at the first weight, `0.1481` at the last.

    What to try:
        An activation that does not saturate (ReLU and its variants); normalisation; residual connections; fewer layers.
        Initialisation to fit the activation helps tanh and ReLU; Xavier or He do not save deep sigmoid networks. With ReLU, see
        that its inputs are not all negative: its derivative is 1 only above 0.

    Sources:
        Hochreiter 1991; Bengio, Simard & Frasconi 1994; Glorot & Bengio 2010.

    Attributes:
        ratio: fires below this first/last gradient norm; at exactly this, not.
        min_layers: fewer weights than this show no trend.
    """

    code: ClassVar[str] = "G001"
    name: ClassVar[str] = "vanishing-gradient"
    needs: ClassVar[tuple[str, ...]] = ("gradient-norm", "update-ratio")
    causes: ClassVar[tuple[str, ...]] = ("D001", "G007", "G004", "L001")
    ratio: float = 1e-3
    min_layers: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        profile = read_profile(trace)
        norms = profile.norms
        lack = profile.find_lack(self.min_layers)
        if lack or not np.isfinite(norms).all():
            yield Skipped(code=self.code, reason=lack or "gradients left the finite numbers in most measured updates")
            return
        if not shrinks(norms, self.ratio):
            norms = read_profile(trace, updates=1).norms
            if judge_fit(trace) != "stuck" or not np.isfinite(norms).all() or not shrinks(norms, self.ratio):
                return
        start = find_start(norms, self.ratio)
        factor, ratio = fit_factor(norms), float(norms[0] / norms[-1])
        moves = _compare_updates(trace)
        makes_up = moves is not None and moves >= self.ratio
        where = profile.names[start]
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning" if makes_up else "error",
            where=where,
            message=f"first/last gradient norm is {say(ratio)} (limit {say(self.ratio)}): each layer towards the input leaves "
            f"{say(factor)} of it, too little from {where} on{', even if the optimizer scales it up' if makes_up else ''}; "
            "try a ReLU-like activation, normalisation or residual connections",
            evidence={
                "first": float(norms[0]),
                "last": float(norms[-1]),
                "ratio": ratio,
                "per_layer_factor": factor,
                "starts_at": where,
                "layers": list(profile.names[: start + 1]),
                "update_ratio": moves,
            },
        )


def _compare_updates(trace: Trace) -> float | None:
    """Relative change an update of the first weight over that of the last one, median over updates; None if not measured."""
    ratios = read_weights(trace, "update-ratio")
    ratios = ratios[np.isfinite(ratios).all(axis=1)]
    moving = ratios[ratios[:, -1] > 0]
    return float(np.median(moving[:, 0] / moving[:, -1])) if len(moving) else None
