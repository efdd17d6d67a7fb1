"""G005: a weight whose gradient is exactly 0 in every update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._depth import read_profile, shrinks
from trainlab.rules._series import read_weights, say_count

RATIO = 1e-3  # of a gradient that vanishes over depth, as in G001


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGradient:
    """A weight whose gradient is exactly 0 in every measured update.

    What it finds:
        Weight matrices and filters that the loss does not reach at all: not a small gradient, which is a matter of units, but
        exactly 0 from the first measured update to the last. Parameters that are frozen on purpose are not trained and not
        judged, nor are biases, whose gradient may cancel by design. Where another fault explains it, the finding names that one.

    Why it matters:
        Such a layer stays as it was initialised. It takes part in the forward pass and so hides what is missing: the loss may
        well fall, on what the other layers can do without it.

    Evidence:
        `layers`: the weights without gradient, input first. `weights`: how many there are in all. `updates`: how many were
        measured.

    See it:
            trainlab gradients --init zeros

        A chain whose weights are all 0: no gradient reaches `29` of `30` weights, and the last one gets `0.125`.

    What to try:
        Look for what cuts the path from the loss: a unit that is dead for all data, weights that start at exactly 0, a `detach`,
        an output that nothing reads. With ReLU, see that the layer behind does not put out 0 for every sample.

    Sources:
        Rumelhart, Hinton & Williams 1986; Glorot, Bordes & Bengio 2011.

    Attributes:
        min_updates: with fewer, a layer that starts at 0 (a common start for the last one) explains it and is waited for.
    """

    code: ClassVar[str] = "G005"
    name: ClassVar[str] = "no-gradient"
    needs: ClassVar[tuple[str, ...]] = ("gradient-norm", "weight-norm", "activations")
    causes: ClassVar[tuple[str, ...]] = ("M004", "G007", "G001", "G003", "G004", "L008", "L001", "M002", "G006")
    min_updates: int = 2

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run, about the weight nearest the output."""
        norms = read_weights(trace, "gradient-norm")
        if not len(norms) or not norms.shape[1]:
            yield Skipped(code=self.code, reason="no gradient of a weight was measured")
            return
        if np.isnan(norms).any():
            norms = norms[~np.isnan(norms).any(axis=1)]
        if not len(norms):
            yield Skipped(code=self.code, reason="the gradients left the finite numbers at once")
            return
        silent = np.flatnonzero(~norms.any(axis=0))
        if not len(silent):
            return
        held = read_weights(trace, "weight-norm")
        zeros = held[0] == 0 if len(held) else np.zeros(norms.shape[1], dtype=bool)
        if len(norms) < self.min_updates and self._waits(norms[0], zeros):
            reason = f"a layer starts at exactly 0 and passes nothing back in its first update; {say_count(len(norms), 'update')} "
            yield Skipped(code=self.code, reason=f"{reason}cannot show more (at least {self.min_updates:g})")
            return
        names = [parameter.name for parameter in trace.parameters if parameter.is_weight]
        layers = [names[position] for position in silent]
        share = "any weight" if len(layers) == len(names) else f"{len(layers)} of {len(names)} weights"
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            where=layers[-1],
            message=f"no gradient reaches {share}, up to {layers[-1]}: exactly 0 in {say_count(len(norms), 'measured update')}; "
            "look for dead units, weights that start at 0, or a path that is cut",
            evidence={"layers": layers, "weights": len(names), "updates": len(norms)},
            because=_find_cause(trace, zeros),
        )

    def _waits(self, norms: np.ndarray, zeros: np.ndarray) -> bool:
        """Whether every layer that is all zeros receives a gradient: then it passes one back from the next update on."""
        return bool(zeros.any() and (norms[zeros] > 0).all())


def _find_cause(trace: Trace, zeros: np.ndarray) -> str | None:
    dead = np.asarray(trace.arrays.get("activation-dead", ()), dtype=float)
    if zeros.any():
        return "G007"
    if (dead >= 1).any():
        return "G003"
    profile = read_profile(trace)
    return "G001" if len(profile.norms) and np.isfinite(profile.norms).all() and shrinks(profile.norms, RATIO) else None
