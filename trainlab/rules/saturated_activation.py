"""G004: a bounded activation stands at its bounds for nearly all data, and nothing behind it learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import read_weights, say, say_count
from trainlab.rules._signals import find_last_layer, read_modules


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedActivation:
    r"""A hidden sigmoid or tanh stands at its bounds for nearly all data, and training suffers.

    What it finds:
        Hidden layers of a bounded activation (sigmoid, tanh and their piecewise kin, the hidden state of a tanh RNN) in which
        nearly every output lies within 3 % of a bound, both before the training and at its end, in a run that has learned less
        than simple predictors do or whose gradient gets lost there. What follows the last weight layer is the network's answer
        and is not judged: a sure classifier saturates its output. Gates of an LSTM or GRU are meant to open and close, and are
        not judged either.

    Why it matters:
        At a bound the curve is flat: the derivative of a sigmoid falls from 0.25 to below 0.03, that of a tanh from 1 to below
        0.12. A saturated layer passes on next to no gradient, so the layers before it stay as they are.

    Evidence:
        `saturated`: share of the outputs of the worst layer, at the end. `initial`: its share before the training. `layers`: the
        modules at or above the limit, input first. `passed`: gradient norm of the weight before the worst layer over that of the
        one behind it, median over the measured updates; null where there is none.

    See it:
            trainlab overfit --quick --act tanh --init normal --set model.init.std=30 \
              --optimizer sgd --epochs 20 --select G004

        Weights 300 times too large: `99`% of the hidden outputs are at -1 or 1, and the network stays worse than a constant.

    What to try:
        Smaller initial weights (Xavier); scaled inputs; normalisation before the activation; ReLU. Inputs in the hundreds
        saturate the first layer whatever its weights are.

    Sources:
        Glorot & Bengio 2010; Ben Braiek & Khomh 2023 (TheDeepChecker).

    Attributes:
        saturated: fires from this share on.
        passed: a gradient that falls below this share from one side of the layer to the other is lost there.
        min_updates: fewer do not show that it persists.
    """

    code: ClassVar[str] = "G004"
    name: ClassVar[str] = "saturated-activation"
    needs: ClassVar[tuple[str, ...]] = ("activations", "gradient-norm", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006", "M001", "D001", "G007", "G002")
    saturated: float = 0.85
    passed: float = 0.01
    min_updates: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run, about its worst layer."""
        shares, initial = (read_modules(trace, name) for name in ("activation-saturated", "initial-saturated"))
        if not len(shares) or not len(initial):
            yield Skipped(code=self.code, reason="the outputs of the modules were not measured")
            return
        both = np.fmin(shares, initial)[: max(find_last_layer(trace), 0)]  # NaN where nothing is bounded
        hit = np.flatnonzero(both >= self.saturated)
        if not len(hit):
            return
        at = int(hit[np.argmax(both[hit])])
        share, where = float(shares[at]), trace.modules[at].name
        fit, passed = judge_fit(trace), _measure_passage(trace, at)
        if trace.nonfinite or trace.updates < self.min_updates:
            few = f"{say_count(trace.updates, 'update')} cannot show whether training suffers (at least {self.min_updates:g})"
            reason = "the run left the finite numbers" if trace.nonfinite else few
            yield Skipped(code=self.code, reason=f"{share:.0%} of {where} is saturated, but {reason}")
            return
        lost = passed is not None and passed < self.passed
        if fit == "unknown" and not lost:
            yield Skipped(code=self.code, reason=f"{share:.0%} of {where} is saturated, but nothing shows whether training suffers")
        elif fit == "stuck" or (lost and fit == "unknown"):
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error" if fit == "stuck" and lost else "warning",
                where=where,
                message=f"{share:.0%} of the outputs of {where} are within 3 % of a bound (limit {self.saturated:.0%}), "
                f"{initial[at]:.0%} before training"
                f"{f', and the gradient before it is {say(passed)} of that behind it' if passed is not None else ''}; "
                "try smaller initial weights, scaled inputs, normalisation or ReLU",
                evidence={
                    "saturated": share,
                    "initial": float(initial[at]),
                    "layers": [trace.modules[position].name for position in hit],
                    "passed": passed,
                },
            )


def _measure_passage(trace: Trace, at: int) -> float | None:
    """Gradient norm of the weight before module `at` over that of the one behind it; None if there is none on one side."""
    names = [parameter.name.rpartition(".")[0] for parameter in trace.parameters if parameter.is_weight]
    places = {module.name: position for position, module in enumerate(trace.modules)}
    before = [weight for weight, owner in enumerate(names) if places.get(owner, at) < at]
    behind = [weight for weight, owner in enumerate(names) if places.get(owner, at) > at]
    norms = read_weights(trace, "gradient-norm")
    norms = norms[np.isfinite(norms).all(axis=1)] if len(norms) else norms
    if not before or not behind or not len(norms):
        return None
    near, far = norms[:, before[-1]], norms[:, behind[0]]
    return float(np.median(near[far > 0] / far[far > 0])) if (far > 0).any() else None
