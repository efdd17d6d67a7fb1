"""M005: training while the model is set to evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalModeTraining:
    """The model is trained while it is set to evaluation.

    What it finds:
        Steps at which every module whose work depends on the mode (batch normalisation, dropout above 0, recurrent layers and
        attention with dropout) was in evaluation mode. Where only some of them are, as when the statistics of a pretrained
        network are kept on purpose, nothing is said; a model without such modules trains the same in either mode.

    Why it matters:
        Dropout then drops nothing, so that the regularisation paid for is missing, and batch normalisation uses statistics that
        are never updated: those of the start, which fit the weights less and less.

    Evidence:
        `checked`: steps that were looked at. `in_eval_mode`: those among them that were made in evaluation mode.

    See it:
            trainlab watch -m trainlab.watch.example --mistake eval-mode

    What to try:
        `model.train()` before the training part of each epoch: an evaluation in between has called `model.eval()`.

    Sources:
        The PyTorch documentation (torch.nn.Module.train).

    Attributes:
        share: of the steps looked at that must be made in evaluation mode.
        min_steps: fewer say nothing.
    """

    code: ClassVar[str] = "M005"
    name: ClassVar[str] = "eval-mode-training"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    share: float = 0.5
    min_steps: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        checked, wrong = (read_metric(trace, name) for name in ("mode_checked", "in_eval_mode"))
        if not checked >= self.min_steps:
            yield Skipped(code=self.code, reason="no module of the model behaves otherwise in evaluation mode")
        elif wrong >= self.share * checked:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"{wrong:g} of {checked:g} steps looked at were made in evaluation mode, where dropout is off and batch "
                "statistics are frozen; call model.train() before training goes on",
                evidence={"checked": checked, "in_eval_mode": wrong},
            )
