"""M006: gradients that pile up from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNotCleared:
    """Gradients pile up from step to step, for nothing clears them.

    What it finds:
        Steps after which the next backward pass adds to the gradient that the step has used already, and that no `zero_grad`
        came before any backward pass until the next step. Accumulation, which clears after each step and then sums over several
        batches, is none of it, nor are gradients that another model's loss leaves behind and that are cleared in time.

    Why it matters:
        Each step then follows the sum of all gradients since the beginning, most of them of weights long gone. It is momentum
        that never fades: the steps grow, overshoot and swing, and a rate that should do diverges.

    Evidence:
        `checked`: steps that were looked at. `piled_up`: those among them whose gradients lay on top of old ones.

    See it:
            trainlab watch -m trainlab.watch.example --mistake zero-grad

    What to try:
        `optimizer.zero_grad()` once for each `optimizer.step()`, right after it or before the backward pass.

    Sources:
        The PyTorch documentation (torch.optim.Optimizer.zero_grad).

    Attributes:
        share: of the steps looked at that must pile up.
        min_steps: fewer cannot tell a habit from a beginning.
    """

    code: ClassVar[str] = "M006"
    name: ClassVar[str] = "gradient-not-cleared"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    share: float = 0.9
    min_steps: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        checked, piled = (read_metric(trace, name) for name in ("clearing_checked", "not_cleared"))
        if not checked >= self.min_steps:
            yield Skipped(code=self.code, reason=f"fewer than {self.min_steps:g} steps showed whether gradients are cleared")
        elif piled >= self.share * checked:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                message=f"{piled:g} of {checked:g} steps looked at used gradients that lay on top of those of the step before; "
                "call optimizer.zero_grad() once for each optimizer.step()",
                evidence={"checked": checked, "piled_up": piled},
            )
