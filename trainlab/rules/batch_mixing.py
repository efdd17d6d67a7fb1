"""M003: a sample's output depends on the others in its batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMixing:
    r"""The output for one sample depends on the other samples of its batch.

    What it finds:
        Networks whose output for a sample changes in evaluation mode when only another sample of the batch is replaced, by more
        than rounding. In training mode batch norm does so by design, and that is not reported; a batch norm without running
        statistics goes on doing it in evaluation mode, and is.

    Why it matters:
        The usual cause is an operation over the wrong dimension: a softmax over dimension 0, a recurrent or attention layer that
        takes the samples for the steps (`batch_first`), a reshape that mixes rows. The network then answers by its neighbours:
        its result changes with the size and order of the batches, and a single sample cannot be asked about.

    Evidence:
        `mixing`: the largest change of another sample's output, as a share of the outputs.

    See it:
            trainlab overfit --quick --epochs 20 --set model.kind=layers \
                --set 'model.modules=[{Linear: [20, 1]}, {Softmax: {dim: 0}}]'

    What to try:
        Give `dim: -1` to softmax and normalisation, `batch_first: true` to recurrent and attention layers; keep the first dimension
        in every reshape. For batch norm leave `track_running_stats` on, or take layer norm.

    Sources:
        Karpathy 2019 (a recipe for training neural networks).

    Attributes:
        mixing: fires above this.
    """

    code: ClassVar[str] = "M003"
    name: ClassVar[str] = "batch-mixing"
    needs: ClassVar[tuple[str, ...]] = ("mixing",)
    causes: ClassVar[tuple[str, ...]] = ()
    mixing: float = 1e-3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        lack = find_lack(trace, "mixing")
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        mixing = read_metric(trace, "mixing")
        if mixing > self.mixing:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                message=f"replacing one sample of a batch moves the outputs of others by {say(mixing)} of their size (limit "
                f"{say(self.mixing)}) in evaluation mode; look for an operation over dimension 0, such as a softmax, or a layer "
                "that lacks batch_first",
                evidence={"mixing": mixing},
            )
