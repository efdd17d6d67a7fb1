"""M004: parameters that no optimizer steps, and an optimizer that steps none of the model's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric, say_count

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInOptimizer:
    """Parameters that get a gradient are in no optimizer, or those in the optimizer get none.

    What it finds:
        Trainable parameters of the model that received a gradient and that no optimizer of the script holds. And an optimizer none
        of whose parameters ever had a gradient at a step: it holds those of another model, or of one that was replaced.

    Why it matters:
        What no optimizer holds stays at its initial values, while its gradient is computed at full cost. The network may still
        learn, with what the other layers can do, so that the loss alone does not show it.

    Evidence:
        `parameters`: the names. `looked`: steps that were looked at. `without_gradient`: those among them at which no parameter of
        the optimizer had a gradient.

    See it:
            trainlab watch -m trainlab.watch.example --mistake forgotten-layer

    What to try:
        Make the optimizer of `model.parameters()`, after the model is complete and on its device. Freeze on purpose with
        `requires_grad_(False)`: it saves the backward pass too, and says so to every reader.

    Sources:
        The PyTorch documentation (torch.optim, constructing an optimizer).

    Attributes:
        min_steps: fewer say nothing.
    """

    code: ClassVar[str] = "M004"
    name: ClassVar[str] = "not-in-optimizer"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    min_steps: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        looked, without = (read_metric(trace, name) for name in ("looked", "without_gradient"))
        if not looked >= self.min_steps:
            yield Skipped(code=self.code, reason=f"fewer than {self.min_steps:g} steps were looked at")
            return
        if without == looked:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                message="no parameter of the optimizer had a gradient at any step: it holds those of another model; make it of "
                "the parameters of the model that the loss is computed with",
                evidence={"parameters": [], "looked": looked, "without_gradient": without},
            )
            return
        names = [str(each) for each in trace.arrays.get("unheld-parameters", np.empty(0))]
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                where=names[0],
                message=f"{say_count(len(names), 'trainable parameter')} with a gradient in no optimizer: "
                f"{', '.join(names[:SHOWN])}{more}; add them, or freeze them with requires_grad_(False)",
                evidence={"parameters": names, "looked": looked, "without_gradient": without},
            )
