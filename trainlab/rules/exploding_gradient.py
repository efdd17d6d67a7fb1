"""G002: the gradient grows from layer to layer on its way to the input, or is out of all proportion from the start."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._depth import find_start, fit_factor, read_profile, shrinks
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import read, read_metric, read_weights, say

HIGH = 5.0  # times the loss of outputs of 0: above this the network itself is out of all proportion, as in G007


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplodingGradient:
    """The gradient grows from layer to layer on its way to the input, or is out of all proportion from the start.

    What it finds:
        Networks that amplify. Either the first weights receive a far larger gradient than the last ones, because every layer
        passes back more than it gets; or, where the forward pass grows as fast as the backward pass shrinks, all weights
        receive the same giant gradient, and the very first update of plain SGD moves the typical weight matrix by many times
        its own size. Neither depends on the units of the loss. Where there is a target, the first loss must be giant as well: else
        it is the rate alone that moves the weights so far. Of a run that has learned less than simple predictors do, the first
        measured update is enough to show the growth: one giant step may end it. A gradient that is smaller at the output only
        because the last layers are saturated is not amplified: there the rule says that it cannot tell.

    Why it matters:
        A hundred layers that each amplify 1.5 times make 4e17. The update throws the weights far away and ends in Inf or NaN.
        Plain feed-forward networks with a sound initialisation seldom do it; recurrent networks, large initial weights and long
        stacks of residual blocks without normalisation do. Batch normalisation keeps the forward pass in bounds, not the
        backward pass.

    Evidence:
        `first`, `last`: gradient norms of the first and the last weight, medians over the measured updates, or those of the
        first one, if only it shows the growth. `ratio`:
        first/last. `per_layer_factor`: the factor of the gradient from one layer to the one before it, a robust mean.
        `starts_at`: the parameter nearest the output from which on, towards the input, the gradient stays above the limit times
        the smallest one (the last parameter if all are alike). `layers`: the parameters so affected. `first_update`:
        norm(change)/norm(weight) in the first measured update, median over the weights.

    See it:
            trainlab gradients --act identity --layers 100 --set model.init.value=1.5

        All hundred weights get a gradient of `2.71e17`, which is 1.5^99; the first update is `1.81e15` times the weight.

    What to try:
        Smaller initial weights, made for the activation (He for ReLU, Xavier for tanh); normalisation; clipping by norm.
        Clipping cannot cure a forward pass that overflows: then the initialisation or the architecture has to change.

    Sources:
        Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013; Philipp, Song & Carbonell 2018.

    Attributes:
        ratio: fires above this first/last gradient norm; at exactly this, not.
        first_update: fires above this relative change of the median weight in the first update; at exactly this, not.
        min_layers: fewer weights than this show no trend.
        saturation: share of saturated values that the last bounded activation may have more than the first.
    """

    code: ClassVar[str] = "G002"
    name: ClassVar[str] = "exploding-gradient"
    needs: ClassVar[tuple[str, ...]] = ("gradient-norm", "update-ratio", "activations", "batch-loss", "zero-output")
    causes: ClassVar[tuple[str, ...]] = ("D006", "G007", "D001", "D005")
    ratio: float = 1e3
    first_update: float = 100.0
    min_layers: int = 3
    saturation: float = 0.5

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        profile = read_profile(trace)
        lack = profile.find_lack(self.min_layers)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        start = read_profile(trace, updates=1)
        if judge_fit(trace) == "stuck" and not self._grows(profile.norms) and self._grows(start.norms):
            profile = start
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / profile.norms
            ratio = float(profile.norms[0] / profile.norms[-1])
        grows, change = self._grows(profile.norms), _measure_first_update(trace)
        typical = float(np.median(change[np.isfinite(change)])) if np.isfinite(change).any() else math.nan
        if math.isinf(inverse[-1]) or (grows and self._is_saturating(trace)):
            yield Skipped(code=self.code, reason="the gradient is lost in the last layers, which does not show that it grows")
            return
        if grows:
            at = find_start(inverse, 1 / np.float64(self.ratio))
            message = f"first/last gradient norm is {say(ratio)} (limit {say(self.ratio)}), growing from {profile.names[at]} on"
        elif typical > self.first_update and trace.config.optimizer.name == "sgd" and _starts_high(trace):
            at = len(change) - 1  # all other optimizers divide by the gradient's own size
            message = f"the first update changes a weight by {say(typical)} times itself (limit {say(self.first_update)})"
        else:
            return
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if trace.nonfinite or typical >= 1 else "warning",
            where=profile.names[at],
            message=f"{message}; try smaller initial weights, normalisation, or clipping by norm",
            evidence={
                "first": float(profile.norms[0]),
                "last": float(profile.norms[-1]),
                "ratio": ratio,
                "per_layer_factor": fit_factor(profile.norms),
                "starts_at": profile.names[at],
                "layers": list(profile.names[: at + 1]),
                "first_update": typical,
            },
        )

    def _grows(self, norms: np.ndarray) -> bool:
        with np.errstate(divide="ignore", invalid="ignore"):  # growth towards the input is decline of the inverse; Inf is its 0
            return shrinks(1 / norms, 1 / np.float64(self.ratio))

    def _is_saturating(self, trace: Trace) -> bool:
        shares = np.asarray(trace.arrays.get("activation-saturated", ()), dtype=float)
        shares = shares[np.isfinite(shares)]
        return len(shares) > 1 and bool(shares[-1] - shares[0] > self.saturation)


def _measure_first_update(trace: Trace) -> np.ndarray:
    """`[weight]`: norm(change)/norm(weight) in the first measured update; not finite for a weight that was 0."""
    return read_weights(trace, "update-ratio")[:1].ravel()


def _starts_high(trace: Trace) -> bool:
    """Whether the first loss is many times that of outputs of 0; where that is not known, as without a target, yes."""
    first, even = read(trace, "batch-loss"), read_metric(trace, "zero_output_loss")
    return not (len(first) and first[0] <= HIGH * even)
