"""G003: units that no sample of the data wakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadUnits:
    """Units that put out exactly 0 whatever comes in.

    What it finds:
        Layers of a rectifying activation (ReLU and those that cut at 0) in which a large share of the units is 0 for every
        sample looked at. A unit that is 0 for most samples is selective, not dead; only one that no sample of the training data
        wakes counts. Leaky ReLU, ELU and the like cannot die in this sense and are not judged.

    Why it matters:
        Where the output is 0 for all data the derivative is 0 as well, so no gradient will ever wake the unit: the network is
        as much smaller. A layer that is dead as a whole passes on nothing, forward or backward, and all before it stops
        learning. The usual cause is one giant step (a learning rate that is too high), then biases that start far below 0, then
        inputs that are not scaled.

    Evidence:
        `dead`: share of dead units in the worst layer. `layers`: the modules at or above the limit, input first. `shares`:
        their shares.

    See it:
            trainlab gradients --act relu --set data.value=-1 --layers 4

        Fed with -1, the chain puts out `0` everywhere, and every gradient is `0`.

    What to try:
        A lower learning rate first, or warm-up; then scaled inputs, He initialisation with biases of 0, or leaky ReLU, whose
        small slope below 0 lets a unit recover. After an L1 penalty dead units may be what was wanted: then raise the limit.

    Sources:
        Maas, Hannun & Ng 2013; Lu, Shin, Su & Karniadakis 2020 (Dying ReLU and Initialization).

    Attributes:
        dead: fires from this share of a layer's units on; a layer that is dead as a whole is an error. Where the run is seen to
            have learned all the same (it beats a constant and gains at least half of what a linear model does), less.
        min_samples: with fewer training samples a unit may sleep by chance, and only whole layers are judged.
    """

    code: ClassVar[str] = "G003"
    name: ClassVar[str] = "dead-units"
    needs: ClassVar[tuple[str, ...]] = ("activations",)
    causes: ClassVar[tuple[str, ...]] = ("D006", "F003", "M001", "M002", "G007", "D001", "D005", "G002", "L001", "L008")
    dead: float = 0.5
    min_samples: int = 32

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run, about its worst layer."""
        shares = np.asarray(trace.arrays.get("activation-dead", ()), dtype=float)
        if shares.shape != (len(trace.modules),) or not len(shares):
            yield Skipped(code=self.code, reason="the outputs of the modules were not measured")
            return
        if trace.nonfinite:
            yield Skipped(code=self.code, reason="the run left the finite numbers, so its last outputs say nothing about its units")
            return
        if not np.isfinite(shares).any():
            return  # nothing in this network rectifies
        hit = np.flatnonzero(shares >= self.dead)  # NaN never is
        worst = float(np.nanmax(shares))
        if not len(hit):
            return
        samples = trace.sizes.get("train", 0)
        if worst < 1 and samples < self.min_samples:
            asked = f"too few to call them dead (at least {self.min_samples:g})"
            yield Skipped(code=self.code, reason=f"{worst:.0%} of a layer's units are 0 on {say_count(samples, 'sample')}: {asked}")
            return
        where = trace.modules[int(np.nanargmax(shares))].name
        learned = judge_fit(trace) == "learned"
        yield Finding(
            code=self.code,
            name=self.name,
            severity=("info" if learned else "warning") if worst < 1 else "warning" if learned else "error",
            where=where,
            message=f"{worst:.0%} of the units of {where} are 0 for every sample (limit {self.dead:.0%})"
            f"{', so nothing before it can learn' if worst >= 1 else ''}; try a lower learning rate, scaled inputs or leaky ReLU",
            evidence={
                "dead": worst,
                "layers": [trace.modules[position].name for position in hit],
                "shares": [float(shares[position]) for position in hit],
            },
        )
