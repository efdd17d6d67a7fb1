"""M009: evaluation while the model is set to training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainModeEvaluation:
    """The model is evaluated while it is set to training.

    What it finds:
        Passes under `torch.no_grad()` or `torch.inference_mode()`, at least two in a row without a step between, in which every
        module whose work depends on the mode (batch normalisation, dropout above 0, recurrent layers and attention with dropout)
        was in training mode. A single pass is none: it may be a sample that training needs. A model without such modules gives
        the same answers in either mode.

    Why it matters:
        Dropout then silences part of the network while it is judged, so that results are worse than they are and differ from
        call to call; batch normalisation judges each sample by its neighbours, and learns its statistics from the held-out part.

    Evidence:
        `evaluated`: passes without gradient that were looked at. `in_training_mode`: those among them made in training mode.

    See it:
            trainlab watch -m trainlab.watch.example --mistake train-mode

    What to try:
        `model.eval()` before the evaluation, and `model.train()` after it. To draw several answers with dropout on purpose, as
        Monte Carlo dropout does, is the exception.

    Sources:
        The PyTorch documentation (torch.nn.Module.eval); Srivastava et al. 2014 (dropout at test time).

    Attributes:
        share: of these passes that must be made in training mode.
        min_passes: fewer say nothing.
    """

    code: ClassVar[str] = "M009"
    name: ClassVar[str] = "train-mode-evaluation"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    share: float = 0.5
    min_passes: int = 2

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        evaluated, wrong = (read_metric(trace, name) for name in ("evaluated", "evaluated_in_training_mode"))
        if not evaluated >= self.min_passes:
            yield Skipped(code=self.code, reason="no evaluation of a model that behaves otherwise in training was seen")
        elif wrong >= self.share * evaluated:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"{wrong:g} of {evaluated:g} passes without gradient were made in training mode, where dropout and batch "
                f"statistics change the answers (limit {self.share:.0%}); call model.eval() before evaluating",
                evidence={"evaluated": evaluated, "in_training_mode": wrong},
            )
