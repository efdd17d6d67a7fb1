"""M008: prediction and target of different shapes, which the loss makes equal by repeating them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack

ELEMENTWISE = ("mse", "l1", "huber", "bce", "bce_logits")


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBroadcast:
    """Prediction and target have different shapes, and the loss repeats them until they fit.

    What it finds:
        A loss that compares number by number and gets shapes that differ but can be broadcast: a prediction `[N, 1]` against a
        target `[N]` becomes `[N, N]`.

    Why it matters:
        Every prediction is then compared with every target. The best answer to that is the mean of all targets, for every
        sample: the network learns a constant, without any error but a warning.

    Evidence:
        `prediction`, `target`: the shapes. `compared`: the shape that the loss works on.

    See it:
        No network that a config describes does so: their losses get both in one shape. In PyTorch:

            F.mse_loss(torch.zeros(100, 1), torch.zeros(100))

    What to try:
        `target.unsqueeze(-1)`, or `prediction.squeeze(-1)`: give both the same shape, and assert that they have it.

    Sources:
        Karpathy 2019 (silent broadcasting).
    """

    code: ClassVar[str] = "M008"
    name: ClassVar[str] = "loss-broadcast"
    needs: ClassVar[tuple[str, ...]] = ("outputs",)
    causes: ClassVar[tuple[str, ...]] = ()

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace, finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        if trace.task == "none" or trace.config.loss not in ELEMENTWISE:
            return
        prediction, target = (self._read(trace, name) for name in ("prediction", "target"))
        if not prediction or not target:
            yield Skipped(code=self.code, reason="the shapes of prediction and target were not noted")
            return
        if prediction == target:
            return
        try:
            compared = np.broadcast_shapes(prediction, target)
        except ValueError:
            return  # torch refuses these, so they were never compared
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"the loss {trace.config.loss} gets a prediction of shape {list(prediction)} and a target of shape "
            f"{list(target)}, and compares {list(compared)}: every prediction with every target; give both the same shape",
            evidence={"prediction": list(prediction), "target": list(target), "compared": list(compared)},
        )

    @staticmethod
    def _read(trace: Trace, name: str) -> tuple[int, ...]:
        shape = trace.arrays.get(f"{name}-shape", np.empty(0))
        return tuple(int(each) for each in shape) if np.isfinite(shape).all() else ()
