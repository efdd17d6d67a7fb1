"""C003: clipping changes the direction of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._clipping import read_clipped
from trainlab.rules._series import say


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingTurnsGradient:
    """Clipping changes the direction of the gradient, not only its length.

    What it finds:
        Runs in which the clipped gradient typically points elsewhere than the raw one. Clipping by value cuts each number by
        itself, so the large ones lose more than the small ones; clipping the whole gradient by norm shortens all alike and
        turns by 0 degrees. (Keras' `clipnorm` clips each tensor by itself, and so turns the whole as well.)

    Why it matters:
        [100, 1] cut by value at 1 becomes [1, 1]: 44.4 degrees away. The step then no longer goes where the loss falls fastest,
        and the parameters with small gradients gain a weight that nobody chose.

    Evidence:
        `median`, `max`: degrees between raw and used gradient over the clipped updates. `clipped`, `updates`: how many were
        clipped, of how many.

    See it:
            trainlab clip --set clip.mode=value

        The five clipped updates are turned by `52.4` degrees, by norm at the same threshold none is.

    What to try:
        Clip by norm at a similar threshold; or raise the threshold until only outliers are cut.

    Sources:
        Pascanu, Mikolov & Bengio 2013 (by norm); Mikolov 2012 (by value).

    Attributes:
        degrees: fires above this median angle over the clipped updates; at exactly this, not.
    """

    code: ClassVar[str] = "C003"
    name: ClassVar[str] = "clipping-turns-gradient"
    needs: ClassVar[tuple[str, ...]] = ("total-norm", "used-norm", "clip-angle")
    causes: ClassVar[tuple[str, ...]] = ("C001", "D005", "G009", "G002")
    degrees: float = 10.0

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where clipping is off or never acted."""
        if trace.config.clip.mode == "none":
            return
        clipped = read_clipped(trace)
        if not len(clipped.cut):
            yield Skipped(code=self.code, reason="no update with finite gradients was measured before and after clipping")
            return
        angles = clipped.angle[clipped.cut]
        median = float(np.median(angles)) if len(angles) else 0.0
        if median > self.degrees:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"clipping by {trace.config.clip.mode} turns the gradient by {say(median)} degrees, "
                f"median of {len(angles)} clipped updates (limit {say(self.degrees)}), {say(float(angles.max()))} at most; "
                "clip by norm instead",
                evidence={"median": median, "max": float(angles.max()), "clipped": len(angles), "updates": len(clipped.cut)},
            )
